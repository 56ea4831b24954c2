"""Pictures of models of vectors: real and generated points side by side, and the density as a heat map.

Drawn pixel by pixel, so that nothing but torch, torchvision and PIL is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import to_pil_image

from zoo.data.dataset import Dataset
from zoo.model import Model

POINTS = 2000  # shown of each kind
MOST = 4  # columns shown of a table that has more
PANEL, GAP, TEXT = 220, 8, 14  # pixels: a side of a panel, the space around it, the height of a line of text
PAPER, INK, GREY = (255, 255, 255), (24, 56, 132), (196, 202, 212)
BINS = 44  # of a histogram


def sheet(model: Model, data: Dataset, *, seed: int = 0) -> Image.Image:
    """Vectors of `data` and of `model` in one picture.

    Of two columns: the real points, generated ones, and, where the model has a density and no classes, that as a heat
    map of its square root. Of more, or one: the scatter plots of the first four columns, real points below the
    diagonal and generated ones above it; on it the histograms, real as a surface, generated as a line.
    """
    real = data.floats(torch.linspace(0, len(data) - 1, min(POINTS, len(data))).long())
    made = model.generate(POINTS, seed=seed, batch_size=POINTS).float().cpu() if _can(model, "generate") else None
    window = _window(real)
    names = data.columns or tuple(f"x{i + 1}" for i in range(real.shape[1]))
    if real.shape[1] == 2:
        panels = [("real", scatter(real, window))]
        if made is not None:
            panels.append(("generated", scatter(made, window)))
        if _can(model, "log_prob") and model.condition.name is None:
            panels.append(("density", heat(model, window)))
        return lay_out([panels], [_caption(names, window)])
    shown = range(min(MOST, real.shape[1]))
    rows = []
    for i in shown:
        row = []
        for j in shown:
            pair = window[:, [j, i]]
            points = real if made is None or i > j else made
            panel = histogram(real[:, i], None if made is None else made[:, i], window[:, i])
            row.append((names[i], panel) if i == j else ("", scatter(points[:, [j, i]], pair)))
        rows.append(row)
    return lay_out(rows, [_caption([names[i] for i in shown], window)])


def scatter(points: Tensor, window: Tensor) -> Image.Image:
    """A panel of `points` (n, 2), those inside of `window` (2, 2): the least and greatest value of each column."""
    cells = ((points - window[0]) / (window[1] - window[0]) * PANEL).floor().long()
    x, y = cells[((cells >= 0) & (cells < PANEL)).all(1)].T
    counts = torch.bincount((PANEL - 1 - y) * PANEL + x, minlength=PANEL**2).view(1, 1, PANEL, PANEL)
    dots = F.conv2d(counts.float(), torch.ones(1, 1, 2, 2), padding=1)[0, 0, :PANEL, :PANEL]
    return _shade(1 - 0.45**dots)


def heat(model: Model, window: Tensor) -> Image.Image:
    """A panel of the square root of the density of `model` over `window` (2, 2)."""
    middles = (torch.arange(PANEL) + 0.5) / PANEL
    x, y = (low + (high - low) * middles for low, high in window.T)
    points = torch.cartesian_prod(y.flip(0), x).flip(1)
    log_density = model.log_prob(points, batch_size=4096).float().cpu().view(PANEL, PANEL)
    return _shade(torch.exp(0.5 * (log_density - log_density.max())))


def histogram(real: Tensor, made: Tensor | None, window: Tensor) -> Image.Image:
    """A panel of the histograms of `real` (n,) and `made` (m,) over `window` (2,)."""
    low, high = window.tolist()
    shares = [torch.histc(x, BINS, low, high) / len(x) for x in (real, *([] if made is None else [made]))]
    tallest = max(float(share.max()) for share in shares)
    panel = Image.new("RGB", (PANEL, PANEL), PAPER)
    draw = ImageDraw.Draw(panel)
    for share, paint in zip(shares, ("surface", "line"), strict=False):
        steps = []
        for k, part in enumerate(share.tolist()):
            height = PANEL - 1 - part / max(tallest, 1e-12) * 0.92 * PANEL
            steps += [(k * PANEL / BINS, height), ((k + 1) * PANEL / BINS, height)]
        if paint == "surface":
            draw.polygon([(0, PANEL), *steps, (PANEL, PANEL)], fill=GREY)
        else:
            draw.line(steps, fill=INK, width=2)
    return panel


def _window(points: Tensor) -> Tensor:
    """The least and greatest value shown of each column, (2, features): nearly all of the points, and some margin."""
    edges = torch.quantile(points, torch.tensor([0.002, 0.998]), dim=0)
    margin = 0.12 * (edges[1] - edges[0]).clamp_min(1e-6)
    return torch.stack((edges[0] - margin, edges[1] + margin))


def _shade(strength: Tensor) -> Image.Image:
    """A strength (height, width) in [0, 1] as ink on paper."""
    paper, ink = (torch.tensor(colour, dtype=torch.float32)[:, None, None] for colour in (PAPER, INK))
    return to_pil_image((paper + strength * (ink - paper)).round().to(torch.uint8))  # type: ignore[no-any-return]


def lay_out(rows: Sequence[Sequence[tuple[str, Image.Image]]], caption: Sequence[str]) -> Image.Image:
    """Panels in rows, each under its title and in a thin frame, with the lines of a caption below."""
    head = TEXT if any(title for row in rows for title, _ in row) else 0
    width = GAP + max(sum(panel.width + GAP for _, panel in row) for row in rows)
    heights = [head + max(panel.height for _, panel in row) + GAP for row in rows]
    page = Image.new("RGB", (width, GAP + sum(heights) + len(caption) * TEXT + GAP), PAPER)
    draw = ImageDraw.Draw(page)
    y = GAP + head
    for row, height in zip(rows, heights, strict=True):
        x = GAP
        for title, panel in row:
            draw.text((x, y - head), plain(title), fill=INK)
            page.paste(panel, (x, y))
            draw.rectangle((x - 1, y - 1, x + panel.width, y + panel.height), outline=GREY)
            x += panel.width + GAP
        y += height
    for i, line in enumerate(caption):
        draw.text((GAP, page.height - (len(caption) - i) * TEXT - GAP // 2), plain(line), fill=INK)
    return page


def _caption(names: Sequence[str], window: Tensor) -> str:
    return "    ".join(
        f"{name}: {low:.3g} to {high:.3g}" for name, low, high in zip(names, *window.tolist(), strict=False)
    )


def plain(text: str) -> str:
    """PIL's own font has no more than Latin-1 where FreeType is missing."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _can(model: Model, capability: str) -> bool:
    return capability in model.capabilities()

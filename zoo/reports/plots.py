"""Pictures of models of vectors: real and generated points side by side, and the density as a heat map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from zoo.data.dataset import Dataset
from zoo.model import Model
from zoo.reports.figures import GREY, INK, Axes, Figure, figure, picture, plain

POINTS = 2000  # shown of each kind
MOST = 4  # columns shown of a table that has more
PANEL = 2.6  # inches: a side of a panel
BINS = 44  # of a histogram
CELLS = 220  # on a side of a heat map


def sheet(model: Model, data: Dataset, *, seed: int = 0, rebuilds: bool = False) -> Image.Image:
    """Vectors of `data` and of `model` in one picture; rebuilds: with what the model makes of the former again in place
    of what it generates.

    Of two columns: the real points, generated ones, and, where the model has a density and no condition, that as a heat
    map of its square root. Of more, or one: the scatter plots of the first four columns, real points below the
    diagonal and generated ones above it; on it the histograms, real as a surface, generated as a line. Raises
    MissingExtra without matplotlib.
    """
    real = data.floats(
        torch.linspace(0, len(data) - 1, min(POINTS, len(data)), dtype=torch.float32, device="cpu").long()
    )
    what, made = "generated", None
    if rebuilds:
        what, made = "reconstructed", model.reconstruct(real).cpu()
    elif _can(model, "generate"):
        made = model.generate(POINTS, condition=model.condition.usual(POINTS), seed=seed, batch_size=POINTS).cpu()
    names = data.columns or tuple(f"x{i + 1}" for i in range(real.shape[1]))
    density = model if _can(model, "log_prob") and model.condition.name is None else None
    drawn = plane(real, made, density, names, what) if real.shape[1] == 2 else matrix(real, made, names, what)
    return picture(drawn)


def drawn(model: Model, points: Tensor) -> Image.Image:
    """`points` (n, features) that `model` made, as `sheet` shows them: of two columns the points and the density, of
    more their scatter plots in pairs and histograms. Raises MissingExtra without matplotlib."""
    points = points.float().cpu()
    names = getattr(model.space, "columns", ()) or tuple(f"x{i + 1}" for i in range(points.shape[1]))
    density = model if _can(model, "log_prob") and model.condition.name is None else None
    if points.shape[1] == 2:
        return picture(plane(points, None, density, names, first="generated"))
    return picture(matrix(points, None, names))


def beside(models: Sequence[tuple[str, str, Tensor]], title: str) -> Image.Image:
    """What several models of the same data draw, beside each other and in the same window. models: (name, what was
    measured, vectors (n, features)). Of two columns the points; of more the first column with each of the three after
    it, below each other; of one the histogram. Raises MissingExtra without matplotlib."""
    window = _window(torch.cat([points for _, _, points in models]))
    deep = max(1, min(MOST, window.shape[1]) - 1)
    drawn = figure(len(models) * PANEL, deep * PANEL + 0.6)
    drawn.suptitle(plain(title), fontsize="medium")
    axes = drawn.subplots(deep, len(models), squeeze=False)
    for column, (name, text, points) in zip(axes.T, models, strict=True):
        column[0].set_title(plain(name), fontsize="small")
        column[-1].set_xlabel(plain(text), fontsize="small")
        if points.shape[1] == 1:
            histogram(column[0], points[:, 0], None, window[:, 0])
        else:
            for other, panel in enumerate(column, 1):
                scatter(panel, points[:, [0, other]], window[:, [0, other]])
    return picture(drawn)


def plane(
    real: Tensor,
    made: Tensor | None,
    density: Model | None,
    names: Sequence[str],
    what: str = "generated",
    *,
    first: str = "real",
) -> Figure:
    """Points (n, 2) of both kinds beside each other, and the density of a model, as far as they are given. first, what:
    the kinds are called."""
    window, panels = _window(real), [(first, real), *([] if made is None else [(what, made)])]
    count = len(panels) + (density is not None)
    drawn = figure(count * PANEL, PANEL)
    axes = drawn.subplots(1, count, squeeze=False, sharex=True, sharey=True)[0]
    for panel, (title, points) in zip(axes, panels, strict=False):
        panel.set_title(title)
        scatter(panel, points, window)
    if density is not None:
        axes[-1].set_title("density")
        heat(axes[-1], density, window)
    for panel in axes:
        panel.set_xlabel(plain(names[0]))
    axes[0].set_ylabel(plain(names[1]))
    return drawn


def matrix(real: Tensor, made: Tensor | None, names: Sequence[str], what: str = "generated") -> Figure:
    """The scatter-plot matrix of the first columns of `real` (n, features) and `made`. what: the latter are."""
    window, side = _window(real), min(MOST, real.shape[1])
    drawn = figure(side * PANEL, side * PANEL)
    axes = drawn.subplots(side, side, squeeze=False)
    for i in range(side):
        for j in range(side):
            panel = axes[i, j]
            if i == j:
                histogram(panel, real[:, i], None if made is None else made[:, i], window[:, i], what)
            else:
                points = real if made is None or i > j else made
                scatter(panel, points[:, [j, i]], window[:, [j, i]])
            if i == side - 1:
                panel.set_xlabel(plain(names[j]))
            if j == 0:
                panel.set_ylabel("share of rows" if i == 0 else plain(names[i]))
    if made is not None:
        axes[0, 0].legend(fontsize="small")
    return drawn


def scatter(axes: Axes, points: Tensor, window: Tensor) -> None:
    """`points` (n, 2) in `window` (2, 2): the least and greatest value of each column; how many lie outside is written
    into a corner."""
    x, y = points.T.numpy()
    axes.scatter(x, y, s=3, color=INK, alpha=0.4, linewidths=0)
    if beyond := int(((points < window[0]) | (points > window[1])).any(1).sum()):
        axes.text(0.98, 0.02, f"{beyond:,} outside", transform=axes.transAxes, ha="right", fontsize="small", color=INK)
    axes.set_xlim(*window[:, 0].tolist())
    axes.set_ylim(*window[:, 1].tolist())


def heat(axes: Axes, model: Model, window: Tensor) -> None:
    """The square root of the density of `model` over `window` (2, 2), over its greatest value there."""
    middles = (torch.arange(CELLS, dtype=window.dtype, device=window.device) + 0.5) / CELLS
    x, y = (low + (high - low) * middles for low, high in window.T)
    points = torch.cartesian_prod(y, x).flip(1)
    log_density = model.log_prob(points, batch_size=4096).float().cpu().view(CELLS, CELLS)
    root = torch.exp(0.5 * (log_density - log_density.max()))
    edges = (*window[:, 0].tolist(), *window[:, 1].tolist())
    axes.imshow(root.numpy(), cmap="Blues", vmin=0, vmax=1, origin="lower", extent=edges, aspect="auto")


def histogram(axes: Axes, real: Tensor, made: Tensor | None, window: Tensor, what: str = "generated") -> None:
    """The histograms of `real` (n,) as a surface and of `made` (m,) as a line over `window` (2,)."""
    low, high = window.tolist()
    edges = torch.linspace(low, high, BINS + 1, dtype=torch.float64, device="cpu").numpy()
    for label, values, style in (("real", real, {"fill": True, "color": GREY}), (what, made, {"color": INK})):
        if values is not None:
            axes.stairs((torch.histc(values, BINS, low, high) / len(values)).numpy(), edges, label=label, **style)
    axes.set_xlim(low, high)


def _window(points: Tensor) -> Tensor:
    """The least and greatest value shown of each column, (2, features): nearly all of the points, and some margin."""
    edges = torch.quantile(points, points.new_tensor([0.002, 0.998]), dim=0)
    margin = 0.12 * (edges[1] - edges[0])
    margin = torch.where(margin > 0, margin, edges[0].abs().clamp_min(1))  # of a column that is the same everywhere
    return torch.stack((edges[0] - margin, edges[1] + margin))


def _can(model: Model, capability: str) -> bool:
    return capability in model.capabilities()

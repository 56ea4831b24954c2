"""How far images agree with windows of others: of which window, and mirrored or not.

Images are squeezed to SIDE cells a side, and a window is told by the shares of the sides at which it begins and ends.
What it shows is the mean over areas, so that no size is preferred; agreement is the correlation of two such pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

SIDE, FINE, COARSE = 64, 32, 8  # cells of what is kept of an image, compared at last, and compared at first
ENTRIES = 1 << 24  # of a matrix of correlations
PROPORTIONS = 0.15  # by how much, as a logarithm, those of a crop may differ from what they were
STEPS = (0.04, 0.02, 0.02, 0.01, 0.01, 0.005, 0.005)  # by which edges are moved, as shares of a side
HOPEFUL = 0.85  # least correlation after half of these
FLAT = 2 / 255  # standard deviation below which an image shows nothing
WHOLE = torch.tensor([[0.0, 1.0]], dtype=torch.float32, device="cpu")


@dataclass(frozen=True, eq=False)
class Views:
    """Images uint8 (n, 3, SIDE, SIDE), squeezed from heights and widths `sizes` (n, 2)."""

    pixels: Tensor
    sizes: Tensor

    @property
    def grey(self) -> Tensor:
        """(n, SIDE, SIDE) in [0, 1]."""
        return self.pixels.float().mean(1) / 255

    def groups(self) -> Iterator[tuple[float, Tensor]]:
        """Logarithms of width over height, rounded, and the rows that have each."""
        rounded = ((self.sizes[:, 1] / self.sizes[:, 0]).log() / PROPORTIONS).round() * PROPORTIONS
        for value in torch.unique(rounded).tolist():
            yield value, (rounded == value).nonzero().flatten()


def segments(least: float) -> Tensor:
    """Where windows of at least this share of a side begin and end (n, 2): the whole side first."""
    found = [(0.0, 1.0)]
    for tenths in range(9, 4, -1):
        if (share := tenths / 10) >= least - 1e-9:
            count = math.ceil((1 - share) * COARSE / share - 1e-9) + 1
            found += [(i * (1 - share) / (count - 1), share + i * (1 - share) / (count - 1)) for i in range(count)]
    return torch.tensor(found, dtype=torch.float32, device="cpu")


def standard(x: Tensor) -> Tensor:
    """Vectors (…, d) of mean 0 and length 1; of a flat image, zeros."""
    x = x - x.mean(-1, keepdim=True)
    length = x.norm(dim=-1, keepdim=True)
    return torch.where(length > FLAT * x.shape[-1] ** 0.5, x / length, 0.0)


def correlations(hosts: Views, queries: Views, least: float) -> tuple[Tensor, Tensor]:
    """The highest correlation (m, n) of each query with the windows of each host that have its proportions, or with all
    of it; and the window's number, of pairs of `segments`, rows first, doubled, and one more if it is mirrored."""
    sides = segments(least)
    areas = _areas(sides, COARSE).flatten(0, 1)  # (segments · COARSE, SIDE)
    cells = _areas(WHOLE, COARSE) @ queries.grey @ _areas(WHOLE, COARSE).mT
    known = torch.stack([standard(cells.flatten(1)), standard(cells.flip(2).flatten(1))], 1)  # (n, 2, COARSE²)
    scores = torch.full((len(hosts.pixels), len(queries.pixels)), -1.0, dtype=torch.float32, device="cpu")
    ways = torch.zeros(scores.shape, dtype=torch.int64, device="cpu")
    grey = hosts.grey
    for of_host, mine in hosts.groups():
        chosen = [
            (rows, _fitting(sides, of_query - of_host), known[rows].flatten(0, 1).T)
            for of_query, rows in queries.groups()
        ]
        most = max(len(fits) * wanted.shape[1] for _, fits, wanted in chosen)
        for block in torch.split(mine, max(1, ENTRIES // most)):
            windows = (areas @ grey[block] @ areas.T).reshape(len(block), len(sides), COARSE, len(sides), COARSE)
            windows = windows.transpose(2, 3).reshape(len(block), -1, COARSE**2)  # (m, segments², COARSE²)
            for rows, fits, wanted in chosen:
                found = (standard(windows[:, fits]) @ wanted).reshape(len(block), len(fits), len(rows), 2)
                found = found.transpose(1, 2).flatten(2)
                scores[block[:, None], rows], place = found.max(2)
                ways[block[:, None], rows] = 2 * fits[place // 2] + place % 2
    return scores, ways


def fitted(hosts: Tensor, queries: Tensor, edges: Tensor, least: float) -> Tensor:
    """Where in `hosts` (n, SIDE, SIDE), in grey, `queries` agree best, as edges top, bottom, left, right (n, 4), begun
    at `edges`; those that do not come near are left where they are."""
    known = standard(cut(queries, WHOLE, WHOLE).flatten(1))
    moves = torch.cartesian_prod(*[torch.tensor([0.0, -1.0, 1.0], dtype=torch.float32, device="cpu")] * 2)[1:]
    edges, value, rows = edges.clone(), _agreement(hosts, known, edges), torch.arange(len(hosts), device="cpu")
    for number, step in enumerate(STEPS):
        if number == len(STEPS) // 2:
            rows = (value >= HOPEFUL).nonzero().flatten()
        for axis in (0, 2):
            for move in moves * step:
                tried = edges[rows]
                tried[:, axis : axis + 2] = (tried[:, axis : axis + 2] + move).clamp(0, 1)
                agreed = _agreement(hosts[rows], known[rows], tried)
                better = (agreed > value[rows]) & (tried[:, axis + 1] - tried[:, axis] >= 0.9 * least)
                edges[rows[better]], value[rows[better]] = tried[better], agreed[better]
    return edges


def cut(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images (n, …, FINE, FINE) of windows from and to `rows` and `columns` (n, 2)."""
    down, across = _areas(rows, FINE), _areas(columns, FINE)
    if images.ndim == 4:
        down, across = down[:, None], across[:, None]
    return down @ images @ across.mT


def details(images: Tensor) -> Tensor:
    """Each pixel of images (n, c, height, width) less the mean of the 3 × 3 around it, (n, c · height · width)."""
    around = torch.nn.functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    return (images - around).flatten(1)


def _areas(ends: Tensor, count: int) -> Tensor:
    """Means over `count` equal cells from and to `ends` (…, 2), as matrices (…, count, SIDE)."""
    first, last = SIDE * ends[..., :1], SIDE * ends[..., 1:]
    edges = first + (last - first) * torch.arange(count + 1, device="cpu") / count
    low, high, cells = edges[..., :-1, None], edges[..., 1:, None], torch.arange(SIDE, device="cpu")
    return (torch.minimum(high, cells + 1) - torch.maximum(low, cells)).clamp_min(0) / (high - low)


def _fitting(sides: Tensor, proportions: float) -> Tensor:
    """Which of the pairs of segments, rows first, are windows of these proportions; the whole always."""
    shares = (sides[:, 1] - sides[:, 0]).log()
    wanted = ((shares[None, :] - shares[:, None] - proportions).abs() <= PROPORTIONS).flatten()
    wanted[0] = True
    return wanted.nonzero().flatten()


def _agreement(hosts: Tensor, known: Tensor, edges: Tensor) -> Tensor:
    return (standard(cut(hosts, edges[:, :2], edges[:, 2:]).flatten(1)) * known).sum(1)

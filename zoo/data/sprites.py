"""White shapes on black, drawn from a seed by five factors: what a code would have to take apart.

The factors are those of dSprites (Matthey, Higgins, Hassabis, Lerchner 2017): shape, size, orientation and the two of
the place, independent and uniform over as many values as there.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from zoo.data.dataset import TensorDataset
from zoo.errors import DataError

FACTORS = {"shape": 3, "size": 6, "orientation": 40, "x": 32, "y": 32}  # and how many values each has
SHAPES = ("square", "ellipse", "heart")
SIZES = {"train": 50_000, "test": 10_000}  # samples in a split
REACH = 0.2  # from the middle of the largest shape to its edge, of the side of an image
CHUNK = 500  # images drawn at once


def sprites(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """Black and white images of any size, (1, height, width), each of other values of the factors than all others of
    both splits; but a square looks the same after a quarter turn, and an ellipse after half a one. Raises DataError for
    another shape."""
    if len(shape) != 3 or shape[0] != 1:
        raise DataError(f"sprites are images of one channel, and the model is made for {tuple(shape)}.")
    order = torch.randperm(math.prod(FACTORS.values()), generator=torch.Generator("cpu").manual_seed(0), device="cpu")
    numbers = torch.split(order[: sum(SIZES.values())], [*SIZES.values()])[[*SIZES].index(split)]
    factors = torch.stack(torch.unravel_index(numbers, tuple(FACTORS.values())), 1)
    pixels = [render(part, shape[1], shape[2]) for part in torch.split(factors, CHUNK)]
    return TensorDataset(
        "sprites", split, torch.cat(pixels), factors[:, 0], SHAPES, factors=factors, factor_names=tuple(FACTORS)
    )


def render(factors: Tensor, height: int, width: int) -> Tensor:
    """Images (n, 1, height, width), uint8 0 or 255, of factors (n, 5). Orientation turns against the clock, y points
    down, and at its first value a heart stands upright."""
    kind, size, turn, x, y = (column.double()[:, None, None] for column in factors.unbind(1))
    down = (torch.arange(height, dtype=torch.float64, device="cpu")[:, None] + 0.5) / height
    across = (torch.arange(width, dtype=torch.float64, device="cpu") + 0.5) / width
    reach = REACH * (0.5 + 0.1 * size)
    dx = (across - (0.25 + 0.5 * x / (FACTORS["x"] - 1))) / reach
    dy = ((0.25 + 0.5 * y / (FACTORS["y"] - 1)) - down) / reach
    angle = 2 * math.pi * turn / FACTORS["orientation"]
    u, v = angle.cos() * dx + angle.sin() * dy, angle.cos() * dy - angle.sin() * dx
    square = torch.maximum(u.abs(), v.abs()) <= 0.75
    ellipse = u.square() + (v / 0.6).square() <= 1
    a, b = 1.25 * u, 1.25 * v + 0.1
    heart = (a.square() + b.square() - 1) ** 3 - a.square() * b**3 <= 0
    inside = torch.where(kind == 0, square, torch.where(kind == 1, ellipse, heart))
    return (255 * inside[:, None]).to(torch.uint8)

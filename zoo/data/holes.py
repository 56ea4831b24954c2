"""Data for inpainting: images with a hole, and what was there."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data.dataset import Rows, TensorDataset, is_held
from zoo.data.folders import image_folder
from zoo.files.decoded import Undecoded
from zoo.images import Reader

SMALLEST, LARGEST = 1 / 4, 1 / 2  # sides of a hole, as shares of the image's
CENTRAL = 1 / 2  # share of images whose hole is the central region, half as wide and high as the image


def holes(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    holdout_seed: int | None,
    download: bool,
    reader: Reader,
) -> TensorDataset:
    """`image_folder` with a hole in each image: for half of them the central region (Pathak et al. 2016, section
    3.3), for the others one rectangle anywhere. Sources have a fourth channel, alpha: 255 where a pixel is known, 0 in
    the hole, where the colours are 0 as well. The hole of image i follows from i."""
    drawn: Any = {"holdout": holdout, "holdout_seed": holdout_seed}
    data = image_folder(root, split, shape=shape, download=download, reader=reader, **drawn)
    sources: Rows = Undecoded(functools.partial(_holed, data.images), len(data), (shape[0] + 1, *shape[1:]))
    if is_held(data.images):
        sources = sources[:]
    return dataclasses.replace(data, sources=sources, labels=None, classes=())


def _holed(images: Rows, places: Sequence[int]) -> Tensor:
    """The sources of the images at `places`."""
    chosen = images[torch.tensor(places, dtype=torch.int64, device="cpu")]
    known = chosen.new_empty(len(places), 1, *chosen.shape[2:])
    for row, place in enumerate(places):
        known[row] = _known(place, *chosen.shape[2:])
    return torch.cat([chosen * known, 255 * known], 1)


def _known(index: int, height: int, width: int) -> Tensor:
    """uint8 (1, height, width): 0 in image `index`'s hole, 1 elsewhere."""
    generator = torch.Generator("cpu").manual_seed(index)
    central = bool(torch.rand((), generator=generator, dtype=torch.float32, device="cpu") < CENTRAL)
    known = torch.ones(1, height, width, dtype=torch.uint8, device="cpu")
    places = []
    for side in (height, width):
        size = torch.randint(round(SMALLEST * side), round(LARGEST * side) + 1, (), generator=generator, device="cpu")
        first = torch.randint(side - int(size) + 1, (), generator=generator, device="cpu")
        places.append(slice(side // 4, side - side // 4) if central else slice(int(first), int(first + size)))
    known[:, places[0], places[1]] = 0
    return known

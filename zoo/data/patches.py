"""Data for super-resolution: patches of sharp images beside the same places shrunk four times."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from zoo import images as imaging
from zoo.data.dataset import TensorDataset
from zoo.data.folders import image_files
from zoo.errors import DataError
from zoo.images import Reader

SCALE = 4
TRAIN, TEST = ("yang91", "bsd200"), ("set5", "set14")  # subfolders
LAYOUT = f"Pass --data a folder with images in {'/, '.join((*TRAIN, *TEST))}/: the first two are trained on."


def super_resolution(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool, reader: Reader
) -> TensorDataset:
    """The images of `root`/yang91 and bsd200 (Yang et al. 2010, Martin et al. 2001) for training, set5 and set14
    (Bevilacqua et al. 2012, Zeyde et al. 2010) for test, in files that lost nothing.

    Images are cropped to multiples of 4, shrunk four times with antialiased bicubic interpolation and rounded to 8
    bits. Patches of `shape` half a patch apart, the last ones of each row and column at the border, are the images, and
    the same places of the shrunk image, a quarter as large, the sources; smaller images have none. Of the test images
    there are the patches in the middle, and all of them whole, by set, in `scenes`. Raises DataError for a shape that
    is no multiple of 4, and for a set that is not there or damaged.
    """
    if len(shape) != 3 or any(side % SCALE for side in shape[1:]):
        raise DataError(
            f"patches of shape {shape} cannot be shrunk {SCALE} times. Choose sides that are multiples of it."
        )
    images, sources, scenes = list[Tensor](), list[Tensor](), dict[str, tuple[Tensor, ...]]()
    sets = TRAIN if split == "train" else TEST
    files = [(name, file) for name in sets for file in image_files(root / name, LAYOUT)]
    read = reader.whole([file for _, file in files], shape[0])
    for name in dict.fromkeys(name for name, _ in files):
        found = list[Tensor]()
        for scene in (scene for place, scene in read.items() if files[place][0] == name):
            height, width = (side - side % SCALE for side in scene.shape[1:])
            found.append(scene[:, :height, :width].contiguous())
            if height >= shape[1] and width >= shape[2]:
                large, small = patches(found[-1], shape[1:], middle=split == "test")
                images.append(large)
                sources.append(small)
        if split == "test":
            scenes[name] = tuple(found)
    if not images:
        raise DataError(
            f"{root} has no {split} image as large as a patch of {shape[2]}×{shape[1]}. Make patches smaller."
        )
    return TensorDataset("super-resolution", split, torch.cat(images), sources=torch.cat(sources), scenes=scenes)


def patches(scene: Tensor, size: tuple[int, ...], *, middle: bool = False) -> tuple[Tensor, Tensor]:
    """Patches of `size` of `scene`, uint8 (c, height, width), all sides multiples of 4, and the same places of it
    shrunk: (n, c, *size) and (n, c, *size/4). middle: that in the middle alone."""
    channels, height, width = scene.shape
    small = imaging.resize_bytes(scene.unsqueeze(0), (channels, height // SCALE, width // SCALE))[0]
    less = [side // SCALE for side in size]
    places = [
        (row, column)
        for row in _starts(height // SCALE, less[0], middle)
        for column in _starts(width // SCALE, less[1], middle)
    ]
    return (
        torch.stack([_cut(scene, SCALE * row, SCALE * column, size) for row, column in places]),
        torch.stack([_cut(small, row, column, less) for row, column in places]),
    )


def _starts(length: int, side: int, middle: bool) -> list[int]:
    """Where patches of `side` begin: half of it apart and at the end, or in the middle."""
    last = length - side
    return [last // 2] if middle else sorted({*range(0, last, max(side // 2, 1)), last})


def _cut(scene: Tensor, row: int, column: int, size: tuple[int, ...] | list[int]) -> Tensor:
    return scene[:, row : row + size[0], column : column + size[1]]

"""Data sets for translation: images, and the sources that they are to be made from, in pairs or not."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from zoo import images as imaging
from zoo.data.dataset import TensorDataset
from zoo.data.folders import SUFFIXES
from zoo.errors import DataError

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def side_by_side(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """Pictures of two images side by side in `root`/train and `root`/test, as pix2pix's data sets are published: the
    left half is the source, the right one what it is to become."""
    return _halves(root, split, shape, LEFT, RIGHT)


def facades(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """CMP facades (Tyleček & Šára 2013) as published with pix2pix: photographs on the left, to be made from the labels
    on the right."""
    return _halves(root, split, shape, RIGHT, LEFT)


def unpaired_folders(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """Two kinds of images in `root`/trainA, trainB, testA and testB, as CycleGAN's data sets are published; A are the
    sources. No image has a partner."""
    first, second = (_read(image_files(root / f"{split}{domain}"), shape) for domain in "AB")
    return TensorDataset(root.resolve().name, split, second, sources=first, paired=False)


def _halves(
    root: Path, split: str, shape: tuple[int, ...], source: tuple[float, ...], target: tuple[float, ...]
) -> TensorDataset:
    files = image_files(root / split)
    return TensorDataset(root.resolve().name, split, _read(files, shape, target), sources=_read(files, shape, source))


def image_files(folder: Path) -> list[Path]:
    """The images in `folder`, by name; hidden ones are left out. Raises DataError when there are none."""
    found = sorted(path for path in folder.glob("[!.]*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"{folder} holds no images ({', '.join(SUFFIXES)}). Pass --data the folder of the data set.")
    return found


def _read(files: list[Path], shape: tuple[int, ...], crop: tuple[float, ...] | None = None) -> Tensor:
    pictures = torch.empty((len(files), *shape), dtype=torch.uint8)
    for row, path in enumerate(files):
        pictures[row] = imaging.read_bytes(path, shape, crop)
    return pictures

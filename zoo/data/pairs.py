"""Data sets for translation: images, and the sources that they are to be made from, in pairs or not."""

from __future__ import annotations

from pathlib import Path

from zoo._util.paths import real_path
from zoo.data.dataset import TensorDataset
from zoo.data.folders import image_files
from zoo.files.decoded import part
from zoo.images import Reader

HALVES = "Pass --data a folder with train/ and test/, whose pictures are two images side by side."
DOMAINS = "Pass --data a folder with images of one kind in trainA/ and testA/, of the other in trainB/ and testB/."
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def side_by_side(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool, reader: Reader
) -> TensorDataset:
    """Pictures of two images side by side in `root`/train and `root`/test, as pix2pix's data sets are published: the
    left half is the source, the right one what it is to become."""
    return _halves(root, split, shape, reader, LEFT, RIGHT)


def facades(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool, reader: Reader
) -> TensorDataset:
    """CMP facades (Tyleček & Šára 2013) as published with pix2pix: photographs on the left, to be made from the labels
    on the right."""
    return _halves(root, split, shape, reader, RIGHT, LEFT)


def unpaired_folders(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool, reader: Reader
) -> TensorDataset:
    """Two kinds of images in `root`/trainA, trainB, testA and testB, as CycleGAN's data sets are published; A are the
    sources. No image has a partner."""
    first, second = (image_files(root / f"{split}{domain}", DOMAINS) for domain in "AB")
    (pictures,), rows = reader.read([*first, *second], shape)
    count = sum(row < len(first) for row in rows)
    sources, images = (part(pictures, slice(*ends)) for ends in ((0, count), (count, len(rows))))
    return TensorDataset(real_path(root).name, split, images, sources=sources, paired=False)


def _halves(
    root: Path,
    split: str,
    shape: tuple[int, ...],
    reader: Reader,
    source: tuple[float, ...],
    target: tuple[float, ...],
) -> TensorDataset:
    (images, sources), _ = reader.read(image_files(root / split, HALVES), shape, target, source)
    return TensorDataset(real_path(root).name, split, images, sources=sources)

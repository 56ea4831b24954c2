"""Binarised MNIST: each pixel black or white by chance, its grey value the probability of white.

The protocol of Salakhutdinov & Murray 2008, drawn once, from a fixed seed: the same images for everybody.
"""

from __future__ import annotations

from pathlib import Path

from zoo.plugin import TensorDataset, data
from zoo.plugin import images as imaging

SEEDS = {"train": 0, "test": 1}


def binarised_mnist(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int = 0, download: bool = False
) -> TensorDataset:
    """A split of MNIST as uint8 images (n, 1, 28, 28) of 0 and 255. Raises DataError as MNIST does."""
    grey = data.load("mnist", root, split, shape=shape, download=download)
    drawn = imaging.binarise(grey.floats(slice(None)), seed=SEEDS[split])
    return TensorDataset("binarised-mnist", split, imaging.quantise(drawn), grey.labels, grey.classes)

"""Binarised MNIST: each pixel black or white by chance, its grey value the probability of white.

The protocol of Salakhutdinov & Murray 2008, drawn once, from a fixed seed: the same images for everybody.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from zoo import images as imaging
from zoo.data import datasets as data
from zoo.data.datasets import Dataset

SEEDS = {"train": 0, "test": 1}


def binarised_mnist(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int = 0, download: bool = False
) -> Dataset:
    """A split of MNIST as uint8 images (n, 1, 28, 28) of 0 and 255. Raises DataError as MNIST does."""
    grey = data.load("mnist", root, split, shape=shape, download=download)
    drawn = imaging.binarise(grey.floats(slice(None)), seed=SEEDS[split])
    return dataclasses.replace(grey, name="binarised-mnist", images=imaging.quantise(drawn))

"""MNIST, Fashion-MNIST and CIFAR-10, as torchvision reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from zoo import images as imaging
from zoo._util import shortage
from zoo.data.dataset import TensorDataset
from zoo.errors import DataError


def mnist(root: Path, split: str, **options: Any) -> TensorDataset:
    """MNIST (LeCun et al.), as torchvision.datasets.MNIST reads it from `root`."""
    return _torchvision("MNIST", root, split, **options)


def mnist_edges(root: Path, split: str, **options: Any) -> TensorDataset:
    """MNIST in two domains that have no image in common, for coupled models (Liu & Tuzel 2016, section 4): digits, the
    images at even places, and edges, the others' brightest neighbour within a pixel less the pixel itself."""
    data = mnist(root, split, **options)
    images, domains = data.images[:].clone(), torch.arange(len(data), device="cpu") % 2
    digits = data.floats(domains == 1)
    outlines = torch.nn.functional.max_pool2d(digits, 3, stride=1, padding=1) - digits
    images[domains == 1] = (255 * outlines).round().to(torch.uint8)
    return TensorDataset("mnist-edges", split, images, domains, ("digits", "edges"))


def fashion_mnist(root: Path, split: str, **options: Any) -> TensorDataset:
    """Fashion-MNIST (Xiao et al. 2017), as torchvision.datasets.FashionMNIST reads it from `root`."""
    return _torchvision("FashionMNIST", root, split, **options)


def cifar10(root: Path, split: str, **options: Any) -> TensorDataset:
    """CIFAR-10 (Krizhevsky 2009), as torchvision.datasets.CIFAR10 reads it from `root`."""
    return _torchvision("CIFAR10", root, split, **options)


def _torchvision(
    kind: str, root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool
) -> TensorDataset:
    from torchvision import datasets

    source = open_set(getattr(datasets, kind), kind, root, download, train=split == "train")
    pixels = torch.as_tensor(source.data, device="cpu")
    pixels = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()
    labels = torch.as_tensor(source.targets, device="cpu")
    if len(pixels) != len(labels):
        raise DataError(f"{kind} in {root}: {len(pixels)} images but {len(labels)} labels. Download the set again.")
    classes = tuple(name.split(" - ")[0] if kind == "MNIST" else name for name in source.classes)
    was, made = (f"{s[2]}×{s[1]}, {imaging.KINDS.get(s[0], s[0])}" for s in (pixels.shape[1:], shape))
    text = f"{kind}: images of {was} are made {made}." if was != made else ""
    return TensorDataset(kind, split, imaging.resize_bytes(pixels, shape), labels, classes, summary=text)


def open_set(cls: Any, kind: str, root: Path, download: bool, **options: Any) -> Any:
    try:
        return cls(str(root), download=download, **options)
    except Exception as error:  # torchvision raises RuntimeError, ValueError, AssertionError, EOFError, struct.error …
        if shortage.explain(error):
            raise
        # What it advises is an argument of its own.
        reason = " ".join(str(error).split()).partition(" You can use download=True")[0].rstrip(".")
        raise DataError(
            f"{kind} is what is read here, and its files in {root} are missing or damaged. Fetch them into it "
            "(--download of zoo train or zoo evaluate), or, if they are elsewhere, pass --data the folder that "
            f"torchvision.datasets.{kind} takes as root (it says: {reason or type(error).__name__}). On images of "
            "your own train an architecture; zoo list --architectures has their names."
        ) from error

"""Folders of images."""

from __future__ import annotations

from pathlib import Path

import torch

from zoo import images as imaging
from zoo.data.dataset import TensorDataset
from zoo.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def image_folder(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """Images under `root`, in order of their file names; the last `holdout` are the test split. Subfolders are classes.

    A folder that has `train` and `test` subfolders is split by them instead. Hidden files and folders are left out.
    """
    base = root / split if (root / "train").is_dir() and (root / "test").is_dir() else root
    found = (path for path in base.rglob("*") if path.suffix.lower() in SUFFIXES)
    shown = (path for path in found if not any(part.startswith(".") for part in path.relative_to(base).parts))
    # By file name before folder, so that what is held out has images of every class.
    files = sorted(shown, key=lambda path: (path.name, path))
    if not files:
        raise DataError(f"{base} holds no images ({', '.join(SUFFIXES)}). Pass --data the folder with your images.")
    sorted_by_class = all(path.parent.parent == base for path in files)
    classes = tuple(sorted({path.parent.name for path in files})) if sorted_by_class else ()
    if base is root:
        kept = max(len(files) - holdout, 0)
        files = files[:kept] if split == "train" else files[kept:]
    labels = torch.tensor([classes.index(path.parent.name) for path in files]) if classes else None
    pictures = torch.empty((len(files), *shape), dtype=torch.uint8)
    for row, path in enumerate(files):
        pictures[row] = imaging.read_bytes(path, shape)
    return TensorDataset(root.resolve().name, split, pictures, labels, classes)

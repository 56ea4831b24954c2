"""Folders of images."""

from __future__ import annotations

from pathlib import Path

import torch

from zoo import decoding
from zoo.data.dataset import TensorDataset
from zoo.data.finding import find
from zoo.errors import DataError
from zoo.images import Reader


def image_folder(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool, reader: Reader
) -> TensorDataset:
    """Images under `root`, in order of their file names; the last `holdout` are the test split. Subfolders are classes.

    A folder that has `train` and `test` subfolders is split by them instead. Hidden files and folders are left out.
    """
    base = root / split if (root / "train").is_dir() and (root / "test").is_dir() else root
    # By file name before folder, so that what is held out has images of every class.
    files = sorted(image_files(base, "the folder with your images"), key=lambda path: (path.name, path))
    sorted_by_class = all(path.parent.parent == base for path in files)
    classes = tuple(sorted({path.parent.name for path in files})) if sorted_by_class else ()
    if base is root:
        kept = max(len(files) - holdout, 0)
        files = files[:kept] if split == "train" else files[kept:]
    (pictures,), rows = reader.read(files, shape)
    labels = torch.tensor([classes.index(files[row].parent.name) for row in rows], device="cpu") if classes else None
    return TensorDataset(root.resolve().name, split, pictures, labels, classes)


def image_files(folder: Path, wanted: str = "the folder of the data set") -> list[Path]:
    """The images in `folder` and its subfolders, in order of their paths. Raises DataError when there are none."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder and holds no images. Pass --data {wanted}.")
    return find(folder, decoding.is_named, hint=f"Pass --data {wanted}.")

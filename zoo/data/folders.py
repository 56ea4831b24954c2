"""Folders of images."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from zoo._util.paths import no_folder, real_path
from zoo.data.dataset import TensorDataset
from zoo.data.finding import find
from zoo.data.layouts import understand
from zoo.errors import DataError
from zoo.files import decoding
from zoo.images import Reader


def image_folder(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    holdout_seed: int | None,
    download: bool,
    reader: Reader,
) -> TensorDataset:
    """Images under `root`, in order of their file names. Its folders are classes, of all that lies in them.

    The test split are `holdout` images, drawn by `holdout_seed` within each class (`zoo.data.splitting`), or the last
    ones by name if that is None. A folder that holds train/ and val/ or test/, by these or like names, is split by them
    instead, as ImageNet is; of val/ and test/ the former is held out, or, without a seed, the latter. Images that lie
    beside class folders have no class. Hidden files and folders are left out. Raises DataError for a class without
    training images, and where it is not plain whether folders are classes or splits.
    """
    asked = (root, holdout, holdout_seed, reader.exclude)
    layout = reader.known.get(asked) or reader.known.setdefault(asked, understand(root, holdout, holdout_seed, reader))
    files, known = layout.part(split)
    if not layout.training and split == "train":
        raise DataError(f"{layout.summary} No training images are left. Check the folder, and how many are held out.")
    (pictures,), rows = reader.read(files, shape)
    labels = torch.tensor([known[row] for row in rows], device="cpu") if layout.classes else None
    names = tuple(layout.name(files[row]) for row in rows)
    data = TensorDataset(real_path(root).name, split, pictures, labels, layout.classes)
    return dataclasses.replace(data, names=names, summary=layout.summary, division=layout.division)


def image_files(folder: Path, hint: str) -> list[Path]:
    """The images in `folder` and its subfolders, in order of their paths. Raises DataError, which ends in the `hint`,
    when there are none."""
    if not folder.is_dir():
        raise DataError(f"{no_folder(folder, 'is no folder and holds no images')}. {hint}")
    return find(folder, decoding.is_named, hint=hint)

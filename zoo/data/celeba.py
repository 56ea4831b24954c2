"""CelebA: torchvision's, or its pictures in a folder with a table of attributes."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo import images as imaging
from zoo._util.paths import real_path
from zoo.conditions import combinations
from zoo.data import splitting
from zoo.data.dataset import TensorDataset
from zoo.data.finding import find
from zoo.data.torchvision_sets import open_set
from zoo.errors import DataError
from zoo.images import Reader

# The central 108 × 108 pixels of CelebA's aligned 178 × 218: left, top, right, bottom as fractions.
FACE = (35 / 178, 55 / 218, 143 / 178, 163 / 218)


def celeba(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> TensorDataset:
    """CelebA (Liu et al. 2015), as torchvision.datasets.CelebA reads it from `root`: aligned, the central 108 × 108."""
    from torchvision.datasets import CelebA
    from torchvision.transforms.functional import center_crop

    source = open_set(CelebA, "CelebA", root, download, split=split)
    pictures = [imaging.to_bytes(center_crop(_item(source, i, root)[0], [108, 108]), shape) for i in range(len(source))]
    return TensorDataset("celeba", split, torch.stack(pictures))


def celeba_attributes(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    holdout_seed: int | None,
    download: bool,
    reader: Reader,
    combined: bool = False,
) -> TensorDataset:
    """CelebA's aligned pictures in a folder, at any size, with `attributes.csv`: a header (file, then a name for each
    attribute) and a row of 0s and 1s for each picture. The face is cut out, as `celeba` does. The test split are
    `holdout` pictures, drawn by `holdout_seed`, within each combination of attributes if these are `combined`, or the
    last rows if it is None."""
    table = root / "attributes.csv"
    names, rows, attributes = _attributes(table)
    files = [row[0] for row in rows]
    if holdout_seed is None:
        held = [place >= len(rows) - holdout for place in range(len(rows))]
    else:
        held = splitting.draw(files, holdout, holdout_seed, classes=[",".join(row[1:]) for row in rows if combined])
    parts = {part: [k for k, out in enumerate(held) if out == (part == "test")] for part in ("train", "test")}
    count, held_out = (reader.count(root / files[k] for k in part) for part in parts.values())
    chosen = parts[split]
    known = {real_path(root / row[0]) for row in rows}
    find(root, lambda path: real_path(Path(path)) in known, table=table)  # warns of others
    # At any size, so of any proportions: what is cut out is a square of the aligned pictures, whatever became of them.
    squeezing = dataclasses.replace(reader, fit="squeeze")
    (pictures,), read = squeezing.read([root / files[k] for k in chosen], shape, FACE)
    return TensorDataset(
        "celeba",
        split,
        pictures,
        attributes=attributes[chosen][read],
        attribute_names=tuple(names),
        names=tuple(files[chosen[k]] for k in read),
        summary=f"{root}: {splitting.summary(count, held_out, holdout_seed)}.",
        division=splitting.digest(*([files[k] for k in part] for part in parts.values())),
    )


def _attributes(table: Path) -> tuple[list[str], list[list[str]], Tensor]:
    """The names of attributes in a table, its rows, each a file and 0s and 1s, and these as bool (n, attributes)."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            (_, *names), *rows = list(csv.reader(file))
        values = torch.tensor([[int(value) for value in row[1:]] for row in rows], device="cpu")
        if values.ndim != 2 or values.shape[1] != len(names):
            raise ValueError(f"{len(names)} names for rows of shape {tuple(values.shape)}")
        attributes = values == 1
        if not torch.equal(attributes, values != 0):  # CelebA's own file has −1 for no
            raise ValueError(f"values from {int(values.min())} to {int(values.max())}")
    except (OSError, ValueError, csv.Error) as error:
        what = f"is malformed: {error}" if table.exists() else "is not there"
        raise DataError(f"{table} {what}. Expected file,smiling,… and rows of 0 and 1.") from error
    return names, rows, attributes


def celeba_combinations(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    holdout_seed: int | None,
    download: bool,
    reader: Reader,
) -> TensorDataset:
    """`celeba_attributes` with a label for each picture, that of the combination of all its attributes, as
    `zoo.conditions.combinations` counts them; for models conditioned on attributes."""
    choices: Any = {"holdout": holdout, "holdout_seed": holdout_seed, "download": download, "reader": reader}
    data = celeba_attributes(root, split, shape=shape, combined=True, **choices)
    assert data.attributes is not None
    labels = (data.attributes.long() << torch.arange(len(data.attribute_names), device="cpu")).sum(1)
    classes = combinations(data.attribute_names)
    return dataclasses.replace(data, labels=labels, classes=classes, attributes=None, attribute_names=())


def _item(source: Any, index: int, root: Path) -> Any:
    try:
        return source[index]
    except OSError as error:
        raise DataError(f"image {index} of the data set in {root} is missing or damaged: {error}.") from error

"""A data set by its name. A missing or damaged file is an error before the first step of a training."""

from __future__ import annotations

import dataclasses
import glob
import inspect
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo import registry, tables
from zoo._util.paths import absent, no_folder, user_path
from zoo.data.dataset import Dataset
from zoo.data.finding import KINDS
from zoo.data.memory import is_path
from zoo.errors import DataError
from zoo.images import Reader
from zoo.model import Model
from zoo.registry.entries import DataSet
from zoo.registry.names import pick


def load(
    name: str,
    root: Any,
    split: str,
    *,
    shape: Sequence[int],
    holdout: int = 0,
    holdout_seed: int | None = 0,
    download: bool = False,
    reader: Reader | None = None,
    model: Model | None = None,
) -> Dataset:
    """The `split` ("train" or "test") of data set `name`, as `shape`: (channels, height, width), or (features,).

    root: its folder or file, None for one that is made from a seed, or samples in memory. holdout, holdout_seed: of
    data without a test split, how many samples are one, and by what they are drawn, as in a recipe. Images are resized
    with antialiasing, and turned to grey or RGB, where they differ from `shape`; vectors must have it. reader: how
    image files are read, for data sets that take one; unless given, other proportions are cropped to the middle, and no
    file may be bad. model: that which the data are for, of data sets that take one.
    Raises UnknownName for the name and DataError for anything missing, damaged or of another shape.
    """
    entry = pick(name, registry.list_entries("data sets"), "data set")
    if split not in ("train", "test"):
        raise DataError(f"split={split!r}; expected 'train' or 'test'.")
    path = _source(entry, root, download)
    made, options = entry.resolve(), dict[str, Any](shape=tuple(shape), holdout=holdout, download=download)
    takes = parameters(entry)
    options |= {key: value for key, value in (("holdout_seed", holdout_seed), ("model", model)) if key in takes}
    reader = reader or Reader()
    options |= {"bad": reader.bad if reader.skip_bad else None} if "bad" in takes else {}
    _check_excluded(name, path, reader.exclude, "reader" in takes and entry.source != "memory")
    if "reader" in takes:
        options["reader"] = dataclasses.replace(reader, exclude=tuple(str(path / each) for each in reader.exclude))
        if len(shape) != 3 and entry.source != "memory":
            raise DataError(
                f"{name} holds images, no samples of {tuple(shape)}. A model of vectors takes a table; one that may be "
                "of images is trained on these with --set config.image_shape=[3,32,32]."
            )
    data: Dataset = made(path, split, **options)
    if not len(data):
        where = f" in {path}" if isinstance(path, Path) and root is not None else ""
        raise DataError(
            f"{name} has no {split} samples{where}. Check it, and how many are held out: holdout={holdout}."
        )
    if data.sample_shape != tuple(shape):
        raise DataError(
            f"{name} has samples of shape {data.sample_shape}, the model is made for {tuple(shape)}. "
            "Train an architecture of that kind, with a config that fits."
        )
    return data


def parameters(entry: DataSet) -> frozenset[str]:
    """What the function of a data set may be given."""
    return frozenset(inspect.signature(entry.resolve()).parameters)


def _check_excluded(name: str, path: Path, excluded: Sequence[str], takes: bool) -> None:
    """Raise DataError for a file that is to be left out and is not there, or of data that are not read from files."""
    if excluded and not takes:
        raise DataError(f"{name} is not read from image files, of which some could be left out. Leave out exclude.")
    for each in excluded:
        if not (path / each).is_file() and not any((path / each).parent.glob(f"{glob.escape(Path(each).name)}.*")):
            others = ", ".join(other for other in excluded if other != each)
            raise DataError(
                f"there is no {each} in {path}, which the recipe leaves out. Name it as it is called there, or, if it "
                f"is not among your files, pass --set 'exclude=[{others}]'."
            )


def _source(entry: DataSet, root: Any, download: bool) -> Any:
    """`root` as a path to what the data set is read from, or what it is in memory, or DataError."""
    if entry.source == "memory":
        if is_path(root):
            came = "none came" if root is None else f"the path {root} came"
            raise DataError(
                f"{entry.name} means samples that are handed over in Python, and {came}. Do so there: "
                "zoo.evaluate('./mine', samples), zoo.train(…, samples); on the command line there are none."
            )
        return root
    if not is_path(root):
        raise DataError(
            f"samples in memory came, and {entry.name} is read from a {entry.source}. On samples at hand train an "
            "architecture, or from the weights of a release: start=NAME."
        )
    path = user_path(root or ".")
    if entry.source == "none":
        if root is not None:
            raise DataError(
                f"{entry.name} is made from a seed, not read from {path}. Leave out --data. To train on your own "
                "table, name an architecture: zoo train flow-2d --data table.csv."
            )
    elif root is None:
        raise DataError(f"{entry.name} is read from a {_kind(entry)}. Pass --data that {entry.source}.")
    elif entry.source == "path" and not path.exists() and not download:
        raise DataError(f"{absent(path)}. Pass --data the {_kind(entry)} of the data set ({entry.name}).")
    elif entry.source == "file" and not path.is_file():
        raise DataError(f"{path} is not a file. Pass --data the file of the data set ({entry.name}).")
    elif entry.source == "folder" and path.suffix.lower() in tables.SUFFIXES and path.is_file():
        raise DataError(
            f"{path} is a table, and {entry.name} is read from a {_kind(entry)}. Models of vectors take tables: "
            f"zoo train flow-2d --data {shlex.quote(str(path))}."
        )
    elif entry.source == "folder" and not path.is_dir() and not download:
        raise DataError(f"{no_folder(path)}. Pass --data the {_kind(entry)} of the data set ({entry.name}).")
    return path


def _kind(entry: DataSet) -> str:
    """What a data set is read from, in words: of folders, whether images of anyone's own will do."""
    images = entry.source == "folder" and "reader" in parameters(entry)
    return "folder of images" if images else KINDS[entry.source]

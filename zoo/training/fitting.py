"""An architecture's recipe and config, fitted to data of one's own: a table, a folder of images, samples in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo import building, registry, tables
from zoo._util.config import settings
from zoo._util.paths import user_path
from zoo.data import loading
from zoo.data.finding import channels, holds, look
from zoo.data.folders import image_folder
from zoo.data.layouts import of_training
from zoo.data.memory import is_path, understand
from zoo.data.samples import NAME, Samples
from zoo.errors import ConfigError, DataError
from zoo.files import decoding
from zoo.recipe import Recipe
from zoo.registry.entries import Architecture, DataSet
from zoo.registry.names import pick
from zoo.registry.plugins import resolve
from zoo.training import starting

FOLDER = "image-folder"  # the data set of images of one's own


def changes(architecture: Architecture, data: Any, given: dict[str, Any], *, download: bool = False) -> dict[str, Any]:
    """The changes that fit an architecture's recipe and config to the `data`, besides those that are `given`.

    To a table: the data set and its columns; to a folder of images: their channels, if it can have them, and the data
    set, unless the folder is, or by `download` becomes, that of the recipe; to samples in memory: the data set, and
    their shape, if it can have that. Of each, and of what a data set can count, a tenth is held out, unless the data
    come with a test split, and a batch is no larger than what is left. Of a release to start from the shape stays.
    Raises ConfigError and DataError for data of a kind that it is not made for.
    """
    if not is_path(data):
        return _fit_memory(architecture, understand(data), given)
    path = user_path(data)
    if path.suffix.lower() in tables.SUFFIXES and not path.is_dir():
        values = tables.load(path).values
        shaped = {} if given.get("start") else _fit_table(architecture, values, str(path))
        return {"dataset": "table", **shaped, **_parted(architecture, len(values), given)}
    entry = pick(
        str(given.get("dataset", building.resolve(architecture).recipe.dataset)),
        registry.list_entries("data sets"),
        "data set",
    )
    if entry.count and path.exists():
        count, parted = resolve(entry.count)(path)
        return _parted(architecture, count, given, parted=parted) if count else {}
    if path.is_dir() and entry.source == "folder":
        if "dataset" not in given and not download and _holds_others(entry, path):
            return {"dataset": FOLDER, **_fit_folder(architecture, image_folder, path, given)}
        if "reader" in loading.parameters(entry):
            return _fit_folder(architecture, entry.resolve(), path, given)
    if entry.source == "none" and "dataset" not in given:
        hint = f"For images there are others: zoo train vae --data {shlex.quote(str(path))}."
        if _shape(architecture, {"config.image_shape": [3, 32, 32]}):
            hint = "For images add --set dataset=image-folder --set config.image_shape=[3,32,32]."
        raise DataError(
            f"{architecture.name} is trained on the rows of a .csv or .npy file, and {path} is none. {hint}"
        )
    return {}


def _holds_others(entry: DataSet, path: Path) -> bool:
    """Whether a folder holds images, and no file by which the data set of the recipe would be known. What is wrong with
    one that is there, such as a damaged file, is left to who reads it."""
    if not entry.files or any(next(path.glob(pattern), None) for pattern in entry.files):
        return False
    with contextlib.suppress(DataError):
        return holds(path, decoding.is_named)
    return False


def _images(folder: Path) -> list[str]:
    return look(folder, decoding.is_named, "image", "Pass --data the folder with your images.")[0]


def _fit_folder(architecture: Architecture, made: Any, path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The changes to train on the image files in a folder, of which `made` makes the data set."""
    files = _images(path)
    shaped = {} if given.get("start") else _fit_images(architecture, (channels(files), None, None), given)
    if made is not image_folder:  # which alone may be parted in any way
        return shaped
    training, parted = of_training(path, files)
    return {**shaped, **_parted(architecture, len(training), given, parted=parted)}


def shape_fields(architecture: Architecture, shape: Sequence[int]) -> dict[str, Any]:
    """The fields of the architecture's Config that say of what shape a sample is; none if it has none for such."""
    known = settings(building.resolve(architecture).config_class)
    if "image_shape" in known:
        return {"image_shape": list(shape)}
    if {"channels", "image_size"} <= known.keys() and len(shape) == 3 and shape[1] == shape[2]:
        return {"channels": shape[0], "image_size": shape[1]}
    return {}


def _fit_memory(architecture: Architecture, samples: Samples, given: dict[str, Any]) -> dict[str, Any]:
    found = {"dataset": NAME, **_parted(architecture, len(samples), given, parted=samples.test is not None)}
    if given.get("start"):  # to whose shape they are made
        return found
    if samples.is_table:
        return {**_fit_table(architecture, samples.values, samples.name), **found}
    return {**_fit_images(architecture, samples.shape(), given), **found}


def _parted(architecture: Architecture, count: int, given: dict[str, Any], *, parted: bool = False) -> dict[str, Any]:
    """Of `count` samples for training and, unless they are `parted` already, for test: how many are held out, and the
    recipe's batch, of a release to start from if there is one, or what is left if that is less."""
    holdout = 0 if parted else count // 10
    held = 0 if parted else given.get("holdout", holdout)
    left = count - (held if isinstance(held, int) and 0 <= held < count else holdout)
    recipe = building.resolve(architecture).recipe
    if start := given.get("start"):
        recipe = Recipe.parse(starting.check(architecture, str(start)).card.training)
    return {"holdout": holdout, "batch_size": min(recipe.batch_size, left)}


def _fit_images(architecture: Architecture, size: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The changes that give the architecture the shape of images of this `size`, (channels, height, width), or, where
    they have several or it cannot have that, as many channels, if it can and none is `given`."""
    shape = _shape(architecture, given)
    if shape is None or len(shape) != 3 or {"config.channels", "config.image_shape"} & given.keys():
        return {}
    exact = [size] if None not in size and "config.image_size" not in given else []
    for target in [*exact, (size[0], *shape[1:])]:
        if target == shape:
            return {}
        fields = {f"config.{name}": value for name, value in shape_fields(architecture, target).items()}
        for change in ({"config.channels": target[0]}, fields):
            if _shape(architecture, given | change) == target:
                return change
    return {}


def _shape(architecture: Architecture, given: dict[str, Any]) -> tuple[int, ...] | None:
    """The shape of what the architecture makes, as its config is `given`; None if it cannot be so."""
    fields = {name.removeprefix("config."): value for name, value in given.items() if name.startswith("config.")}
    try:
        with torch.device("meta"):
            return building.create(architecture, fields).space.shape
    except ConfigError:
        return None


def _fit_table(architecture: Architecture, values: Tensor, where: str) -> dict[str, Any]:
    """The change that fits an architecture's config to a table. Raises ConfigError and DataError where none does."""
    rows, features = values.shape
    try:
        building.configure(architecture, {"image_shape": [features]})
    except ConfigError as error:
        size, other = (f"{features} columns", "flow-2d") if features > 1 else ("1 column", "planar")
        what = f"{architecture.name} cannot be trained on {where}, a table of {size}"
        config: Any = building.resolve(architecture).config_class
        shaped = "image_shape" in {field.name for field in dataclasses.fields(config)}
        reason = error if shaped else "it is a model of images."
        raise ConfigError(f"{what}: {reason} For such a table there is {other}.") from error
    if rows < 2:
        raise DataError(f"{where} holds a single row, which has no density. Pass a table of many rows.")
    return {"config.image_shape": [features]}

"""An architecture's recipe and config, fitted to data of one's own: a table, or a folder of images."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch

from zoo import building, registry, tables
from zoo.data.finding import look
from zoo.errors import ConfigError, DataError
from zoo.files import decoding
from zoo.registry.entries import Architecture
from zoo.registry.names import pick


def changes(architecture: Architecture, path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The changes that fit an architecture's recipe and config to the data in `path`, besides those that are `given`.

    To a table: the data set, its columns and how many rows are held out; to a folder of images: their channels, if it
    can have them. Raises ConfigError and DataError for data of a kind that it is not made for.
    """
    if path.suffix.lower() in tables.SUFFIXES and not path.is_dir():
        return _fit_table(architecture, path)
    entry = pick(
        str(given.get("dataset", building.resolve(architecture).recipe.dataset)),
        registry.list_entries("data sets"),
        "data set",
    )
    if path.is_dir() and entry.source == "folder" and "reader" in inspect.signature(entry.resolve()).parameters:
        return _fit_folder(architecture, path, given)
    if entry.source == "none" and "dataset" not in given:
        hint = f"For images there are others: zoo train vae --data {path}."
        if _shape(architecture, {"config.image_shape": [3, 32, 32]}):
            hint = "For images add --set dataset=image-folder --set config.image_shape=[3,32,32]."
        raise DataError(
            f"{architecture.name} is trained on the rows of a .csv or .npy file, and {path} is none. {hint}"
        )
    return {}


def _fit_folder(architecture: Architecture, path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The change that gives the architecture as many channels as the images in the folder `path` have, if there is one
    and none is `given`."""
    shape = _shape(architecture, given)
    if shape is None or len(shape) != 3 or {"config.channels", "config.image_shape"} & given.keys():
        return {}
    channels = _channels(path)
    for change in ({"config.channels": channels}, {"config.image_shape": [channels, *shape[1:]]}):
        if channels != shape[0] and _shape(architecture, given | change) == (channels, *shape[1:]):
            return change
    return {}


def _channels(folder: Path) -> int:
    """3 if a picture in the folder has colours, or none can be opened, else 1."""
    files, _ = look(folder, decoding.is_named, "image", "Pass --data the folder with your images.")
    grey = False
    for file in files:
        try:
            with decoding.opened(file) as picture:
                if decoding.has_colour(picture):
                    return 3
                grey = True
        except DataError:  # it will be named among all that are bad
            continue
    return 1 if grey else 3


def _shape(architecture: Architecture, given: dict[str, Any]) -> tuple[int, ...] | None:
    """The shape of what the architecture makes, as its config is `given`; None if it cannot be so."""
    fields = {name.removeprefix("config."): value for name, value in given.items() if name.startswith("config.")}
    try:
        with torch.device("meta"):
            return building.create(architecture, fields).space.shape
    except ConfigError:
        return None


def _fit_table(architecture: Architecture, path: Path) -> dict[str, Any]:
    """The changes that fit an architecture's recipe and config to the table in `path`."""
    rows, features = tables.load(path).values.shape
    try:
        building.configure(architecture, {"image_shape": [features]})
    except ConfigError as error:
        size, other = (f"{features} columns", "flow-2d") if features > 1 else ("1 column", "planar")
        what = f"{architecture.name} cannot be trained on {path}, a table of {size}"
        raise ConfigError(f"{what}: {error} For such a table there is {other}.") from error
    if rows < 2:
        raise DataError(f"{path} holds a single row, which has no density. Pass a table of many rows.")
    holdout = rows // 10
    batch_size = min(building.resolve(architecture).recipe.batch_size, rows - holdout)
    return {"dataset": "table", "holdout": holdout, "batch_size": batch_size, "config.image_shape": [features]}

"""Whether a recipe's objective and a data set fit a model; asked before the first step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from zoo.conditions import Images, Labels, Texts
from zoo.data.dataset import Dataset
from zoo.errors import ConfigError, DataError
from zoo.model import Model
from zoo.objective import Objective
from zoo.recipe import Recipe

T = TypeVar("T")


def fitting(recipe: Recipe, model: Model, make: Callable[[], T]) -> T:
    """What `make` makes of the recipe's objective, or ConfigError when its arguments do not fit the model."""
    try:
        return make()
    except (TypeError, ValueError) as error:
        what = f"recipe: objective {recipe.objective} does not fit {type(model).__name__}: {error}"
        end = "" if what.endswith((".", "?")) else "."
        raise ConfigError(f"{what}{end} Change it with --set objective.NAME=VALUE.") from error


def check_conditions(model: Model, objective: Objective[Any], data: Dataset) -> None:
    """Raise DataError when `model` is conditioned on what the data do not have: texts, labels of all samples, or images
    of the right channels and size, in pairs where the objective needs them."""
    condition, name = model.condition, model.name
    if isinstance(condition, Texts) and not data.captions:
        raise DataError(
            f"{data.name} has no captions, which {name} learns from. Choose a data set that has: "
            "--set dataset=captioned-images."
        )
    if isinstance(condition, Labels) and (data.labels is None or tuple(data.classes) != condition.classes):
        has = ", ".join(data.classes) or "no labels"
        raise DataError(
            f"{name} is conditioned on {', '.join(condition.classes)}, but {data.name} has {has}. Give its "
            "config the classes of the data, in their order."
        )
    unlabelled = 0 if data.labels is None else int((data.labels < 0).sum())
    if isinstance(condition, Labels) and unlabelled and not objective.takes_unlabelled:
        raise DataError(
            f"{unlabelled} of {len(data)} samples of {data.name} have no label{_bare(data)}, and {name} learns from "
            "labels. Leave them out, put them with their class, or choose a model that is not conditioned on labels."
        )
    if condition.space is not None and data.sources is None:
        raise DataError(
            f"{data.name} has {model.space.noun}s alone; {name} learns to make them from others. Choose a data set of "
            "pairs: --set dataset=NAME."
        )
    if isinstance(condition, Images):
        _check_sources(model, condition, objective, data)


def _bare(data: Dataset) -> str:
    """The names of the first samples without a label, if they have any."""
    assert data.labels is not None
    names = [name for name, label in zip(data.names, data.labels.tolist(), strict=False) if label < 0]
    return f" ({', '.join(names[:3])}{' …' * (len(names) > 3)})" if names else ""


def _check_sources(model: Model, condition: Images, objective: Objective[Any], data: Dataset) -> None:
    name, channels, scale = model.name, condition.channels, model.enlargement
    if data.sources is None:
        raise DataError(
            f"{data.name} has images alone; {name} learns to make them from others. Choose a data set that has both, "
            "such as side-by-side or unpaired-folders: --set dataset=NAME."
        )
    if data.sources.shape[1] != channels:
        raise DataError(
            f"the sources in {data.name} have {data.sources.shape[1]} channels; {name} is made for {channels}. Change "
            "its config, or choose another data set."
        )
    if tuple(scale * side for side in data.sources.shape[2:]) != data.sample_shape[1:]:
        sizes = " and ".join("×".join(map(str, part[:0:-1])) for part in (data.sources.shape[1:], data.sample_shape))
        raise DataError(
            f"sources and images in {data.name} have {sizes} pixels; {name} makes images {scale} times as large as "
            "their sources. Choose another data set: --set dataset=NAME."
        )
    if objective.pairs and not data.paired:
        raise DataError(
            f"the images of {data.name} are not in pairs, which {name} learns from. Choose a data set of pairs, such "
            "as side-by-side: --set dataset=NAME."
        )

"""What is to be trained, and its card as far as it is known before the first step."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import torch

from zoo import building, releases
from zoo._util import matching
from zoo._util.config import configured, settings
from zoo._util.paths import real_path
from zoo.data.dataset import Dataset
from zoo.errors import CapabilityError, ConfigError, DataError, WholeNumbers, outside
from zoo.model import Model
from zoo.nn.standardising import are_whole
from zoo.recipe import Recipe
from zoo.registry.entries import Architecture
from zoo.releases.cards import FORMAT, Card
from zoo.releases.front import LENGTHS
from zoo.releases.hub_card import task
from zoo.spaces import Space
from zoo.texts import vocabulary, words
from zoo.training import fitting, places, starting


def plan(name: str, out: Path, changes: dict[str, Any], data: Any, *, download: bool = False) -> Card:
    """The card of the release to be made, with all changes applied. download: whether its data set may be fetched."""
    found = places.meant(name)
    if isinstance(found, releases.Release):
        architecture = found.architecture
        card = dataclasses.replace(found.card, folder=out).replace(config=building.current_config(found))
    else:
        architecture = found
        card = fresh_card(architecture, out)
    check_trainable(architecture)
    if found is architecture and data is not None:
        changes = {**fitting.changes(architecture, data, changes, download=download), **changes}
    changes = _full_names(architecture, changes)
    if changes.get("start"):  # on data of one's own, read as the architecture reads them
        source = starting.check(architecture, str(changes["start"]))
        card = starting.started(fresh_card(architecture, out), source, card.training)
    _check_names(architecture, changes)
    config = {**card.config, **{k.removeprefix("config."): v for k, v in changes.items() if k.startswith("config.")}}
    recipe = Recipe.parse(card.training).override({k: v for k, v in changes.items() if not k.startswith("config.")})
    config = dataclasses.asdict(building.configure(architecture, config))
    made = building.resolve(architecture)
    configured(made.objective_class.options_class, recipe.objective, f"the objective of {architecture.name}", "option")
    numbers = {"format": FORMAT} | ({"version": made.version} if made.version else {})
    unsaid = {key for key in ("start", "exclude", "sync_batch_norm") if not getattr(recipe, key)}
    unsaid |= {"accumulate"} if recipe.accumulate == 1 else set()
    training = {key: value for key, value in dataclasses.asdict(recipe).items() if key not in unsaid}
    return card.replace(config=plain(config), training=plain(training), **numbers)


def check_trainable(architecture: Architecture) -> None:
    """Raise CapabilityError for an architecture that is there for weights from elsewhere alone."""
    if not hasattr(building.resolve(architecture), "objective_class"):
        raise CapabilityError(
            f"{architecture.name} has no training: it is there for weights from elsewhere. Convert some with zoo "
            "convert, or choose another architecture: zoo list --architectures"
        )


def _full_names(architecture: Architecture, changes: dict[str, Any]) -> dict[str, Any]:
    """`changes` with the full name of what is `lr` everywhere else."""
    full = "objective.learning_rate"
    if "lr" not in changes or "learning_rate" not in settings(
        building.resolve(architecture).objective_class.options_class
    ):
        return changes
    if full in changes:
        raise ConfigError(f"both lr={changes['lr']!r} and {full}={changes[full]!r} came, which are the same. Pass one.")
    return {full if key == "lr" else key: value for key, value in changes.items()}


def _check_names(architecture: Architecture, changes: dict[str, Any]) -> None:
    """Raise ConfigError for a change whose field is elsewhere, has another name, or was nearly named; others are told
    where they are read."""
    model = building.resolve(architecture)
    parts = {"": Recipe, "objective.": model.objective_class.options_class, "config.": model.config_class}
    places.check_names(changes, [f"{part}{name}" for part, cls in parts.items() for name in settings(cls)])


def blank(architecture: Architecture, config: dict[str, Any]) -> Model:
    with torch.device("meta"):
        return building.create(architecture, config)


def fit_data(card: Card, architecture: Architecture, space: Space, data: Dataset) -> Card:
    """The card with the data's name, space, shape, split, names of classes or columns, the vocabulary and longest of
    captions, and what else of the config follows from the data, or DataError when a conditional model gets no labels or
    captions, or names of classes are alike."""
    config = dict(card.config)
    if names := matching.alike(data.classes):
        raise DataError(
            f"the classes {matching.listed(names)} of {data.name} differ in case, in how letters are composed or in "
            "spaces alone and would be taken for each other. Rename one, or put them into one folder."
        )
    if architecture.condition == "label":
        if data.labels is None:
            raise DataError(
                f"{architecture.name} is conditioned on a label, but {data.name} has none. "
                "Sort the images into one subfolder for each class, or pass labels beside samples."
            )
        config["classes"] = list(data.classes)
    if architecture.condition == "text":
        if not data.captions:
            raise DataError(
                f"{architecture.name} is conditioned on a text, but {data.name} has no captions. Choose a data set "
                "that has: --set dataset=captioned-images."
            )
        texts = [text for captions in data.captions for text in captions]
        known = vocabulary(texts)
        if not known:
            raise DataError(f"the captions of {data.name} have no word, so that there is nothing to learn from them.")
        config |= {"vocabulary": list(known), "words": max(len(words(text)) for text in texts)}
    config |= {name: plain(value) for name, value in data.config.items() if name in config}
    block = dict(card.zoo["data"])
    if block["name"] == "unknown":
        block["name"] = data.name
        card = dataclasses.replace(card, front={**card.front, "pipeline_tag": task(space.name, architecture.condition)})
    block["shape"] = list(data.sample_shape)
    if data.division:
        block["split"] = data.division
    if space.name == "vectors":
        _tell_whole(data)
    if data.columns:
        block["columns"] = list(data.columns)
    return card.replace(config=config, data=block | of_space(space))


def of_space(space: Space) -> dict[str, Any]:
    """What a card's data say of a space: nothing of images and vectors, which the shape tells apart; of spaces that
    plugins bring also how large a sample is, in words, which listings could not find without torch."""
    named = {} if space.name in ("images", "vectors") else {"space": space.name}
    return named if space.name in LENGTHS else {**named, "extent": space.extent}


def _tell_whole(data: Dataset) -> None:
    """Warn of columns of whole numbers."""
    counts = are_whole(data.all_samples()).nonzero().flatten().tolist()
    if counts:
        named = ", ".join(repr(data.columns[i]) if data.columns else str(i + 1) for i in counts)
        warnings.warn(
            f"{data.name}: whole numbers only are in the columns {named}. A density of what is counted is not to be "
            "trusted: it can rise without end at each number. Samples: Model.rounded(…), or zoo generate --round.",
            WholeNumbers,
            stacklevel=outside(),
        )


def fresh_card(architecture: Architecture, out: Path) -> Card:
    front = {
        "license": "unknown",
        "library_name": "generative-zoo",
        "pipeline_tag": task(architecture.space, architecture.condition),
        "tags": ["zoo", architecture.family, architecture.name],
        "datasets": [],
        "zoo": {
            "format": FORMAT,
            "architecture": architecture.qualified,
            "config": dataclasses.asdict(building.configure(architecture, {})),
            "data": {"name": "unknown", "license": "unknown", "shape": []},
            "training": dataclasses.asdict(building.resolve(architecture).recipe),
        },
    }
    title = real_path(out).name
    place = out if out.is_absolute() else f"./{out}"  # without the point it would be the name of a release
    call = "samples = model.generate(16, seed=0)"
    if architecture.condition == "image":
        call = 'made = model.translate("photo.jpg", seed=0)'
    elif architecture.condition == "text":
        call = 'samples = model.generate(8, condition="…", seed=0)'
    body = (
        f"# {title}\n\n{architecture.summary} ({architecture.paper})\n\n"
        f'    model = zoo.load("{place}")\n    {call}\n\n![samples](samples.png)\n\n'
        "## Numbers\n\n<!-- zoo:measured -->\n<!-- /zoo:measured -->\n\n"
        "## Data and licence\n\nSay here what the model was trained on, and under which licence it may be used; "
        "then replace `unknown` above.\n"
    )
    return Card(out, front, body)


def plain(value: Any) -> Any:
    """Tuples as lists, as YAML reads them back."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

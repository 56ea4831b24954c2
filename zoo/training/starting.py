"""Starting from the weights of a release: what they are, and whether they fit the model to be trained."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo import building, releases
from zoo.errors import ConfigError
from zoo.model import Model
from zoo.recipe import Recipe
from zoo.registry.entries import Architecture
from zoo.releases.cards import Card

LICENCE = ("license", "license_name", "license_link")  # what is made from weights is under their licence
OF_DATA = ("dataset", "holdout", "holdout_seed", "fit", "exclude")  # fields of a recipe


def check(architecture: Architecture, name: str) -> releases.Release:
    """The release called `name`, or ConfigError when it is one of another architecture."""
    release = releases.find(name)
    if release.architecture.qualified != architecture.qualified:
        raise ConfigError(
            f"{name} is a {release.architecture.name}, and a {architecture.name} is to be trained. Start from a "
            f"release of {architecture.name}, or train a {release.architecture.name}."
        )
    return release


def started(fresh: Card, release: releases.Release, training: dict[str, Any]) -> Card:
    """The card of a training on other data that starts from `release`, by the recipe `training`; how data are read is
    as on `fresh`, a card of the architecture."""
    card, source = fresh, release.card
    front = {**card.front, **{key: source.front[key] for key in LICENCE if key in source.front}}
    if repo := source.weights.get("repo"):
        front["base_model"] = repo
    sha256 = source.weights.get("sha256")
    body = (
        card.body
        + f"\nTraining started from the weights of `{release.name}` (sha256 `{sha256}`), whose licence holds.\n"
    )
    reading = {key: value for key, value in card.training.items() if key in OF_DATA}
    card = dataclasses.replace(card, front=front, body=body)
    return card.replace(config=building.current_config(release), training={**training, **reading})


def create(architecture: Architecture, config: dict[str, Any], recipe: Recipe) -> Model:
    """The model to be trained, with the weights of `recipe.start`, if there is one. Its own random numbers are drawn
    all the same; networks that training alone has are not among them and start anew.

    Raises ConfigError when the weights do not fit, because of classes or words that differ or of what was configured.
    """
    model = building.create(architecture, config)
    if not recipe.start:
        return model
    theirs, own = building.load(check(architecture, recipe.start)).state_dict(), model.state_dict()
    strange = sorted(
        key for key in own | theirs if key not in own or own[key].shape != getattr(theirs.get(key), "shape", 0)
    )
    if strange:
        raise ConfigError(
            f"the weights of {recipe.start} do not fit: {', '.join(strange[:3])}{' …' if strange[3:] else ''} differ "
            "in shape. Train with its config, and data of as many classes, or words, as it has."
        )
    model.load_state_dict(theirs)
    return model

"""How much of a number is luck: the same recipe trained again with other seeds, each measured the same way."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from zoo import building
from zoo._util.progress import showing
from zoo.errors import InvalidInput, OtherData
from zoo.metrics import evaluate
from zoo.recipe import Recipe
from zoo.releases import Release
from zoo.releases.record import Record


def measured(
    found: Sequence[Release],
    data: Any,
    *,
    device: Any = "cpu",
    strict: bool = False,
    quiet: bool = False,
    **choices: Any,
) -> list[Record]:
    """The numbers of a release, measured on `data` (`zoo.metrics.evaluate.evaluate`, whose `choices` are), with the
    spread over training seeds where others follow it. strict: raise OtherData, of which else is warned. Raises as
    `check_alike`."""
    training_seeds, records = check_alike(found) if len(found) > 1 else [0], dict[int, list[Record]]()
    for training_seed, each in zip(training_seeds, found, strict=True):
        with warnings.catch_warnings(), showing(f"measuring {each.name}", quiet=quiet) as course:
            if strict:
                warnings.simplefilter("error", OtherData)
            model = building.load(each, device=device)
            records[training_seed] = evaluate.evaluate(model, each.card, data, tell=course.say, **choices)
    return with_spread(records) if len(found) > 1 else records[0]


def check_alike(releases: Sequence[Release]) -> list[int]:
    """The seeds with which `releases` were trained, in their order. Raises InvalidInput, naming a difference, unless
    they are alike in all but the seed: architecture, config, data and recipe; and when two have the same seed."""
    facts = [_facts(release) for release in releases]
    seeds = [Recipe.parse(release.card.training).seed for release in releases]
    for release, other in zip(releases, facts, strict=True):
        for key in {**facts[0], **other}:
            if facts[0].get(key) != other.get(key):
                raise InvalidInput(
                    f"{release.folder} has {key}={other.get(key)!r}, {releases[0].folder} has {facts[0].get(key)!r}; "
                    "for a spread over seeds nothing but the seed may differ. Train it by zoo train NAME --set seed=1."
                )
    for position, (release, seed) in enumerate(zip(releases, seeds, strict=True)):
        if seed in seeds[:position]:
            raise InvalidInput(
                f"{release.folder} was trained with seed {seed}, and so was {releases[seeds.index(seed)].folder}. "
                f"Train it with another: --set seed={max(seeds) + 1}."
            )
    return seeds


def with_spread(measured: Mapping[int, Sequence[Record]]) -> list[Record]:
    """The records of the first training seed in `measured`, each with the values over all of them, in rising order, as
    `seeds` in its args."""
    values: dict[tuple[str, str], dict[int, float]] = {}
    for seed, records in sorted(measured.items()):
        for record in records:
            values.setdefault((record.type, record.name), {})[seed] = record.value
    return [
        dataclasses.replace(record, args={**record.args, "seeds": values[record.type, record.name]})
        for record in next(iter(measured.values()))
    ]


def _facts(release: Release) -> dict[str, Any]:
    """Everything but the seed that may set two trainings apart, by the names it has on the command line."""
    card, architecture = release.card, release.architecture
    recipe = dataclasses.asdict(Recipe.parse(card.training))
    del recipe["seed"]
    config = dataclasses.asdict(building.configure(architecture, card.config))
    return {
        "architecture": architecture.qualified,
        "data": card.dataset,
        "shape": card.shape,
        **{f"config.{name}": value for name, value in config.items()},
        **{f"objective.{name}": value for name, value in recipe.pop("objective").items()},
        **recipe,
    }

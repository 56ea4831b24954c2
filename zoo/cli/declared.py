"""What the classes of an architecture declare that training can be told. It imports torch when it is asked."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo._util.config import settings
from zoo.registry.entries import Architecture
from zoo.releases import Release


def settings_of(found: Architecture | Release) -> dict[str, list[dict[str, Any]]]:
    """By the beginning of their names the fields of recipe, objective and config, with the values that training has
    them at: a release's are its card's."""
    from zoo import building
    from zoo.recipe import Recipe

    card = found.card if isinstance(found, Release) else None
    model = building.resolve(found.architecture if isinstance(found, Release) else found)
    recipe = card.training if card else dataclasses.asdict(model.recipe)
    # What is there for weights from elsewhere alone has no objective.
    options = model.objective_class.options_class if hasattr(model, "objective_class") else None
    parts: dict[str, tuple[Any, dict[str, Any]]] = {
        "": (Recipe, recipe),
        "objective.": (options, recipe.get("objective", {})),
        "config.": (model.config_class, card.config if card else {}),
    }
    return {
        part: [
            {
                "name": each.name,
                "default": values.get(each.name, values.get(each.former, each.default)),
                "help": each.help,
                "expected": each.expected,
            }
            for each in (settings(cls).values() if cls else ())
            if (part, each.name) != ("", "objective")  # whose options are a part of their own
        ]
        for part, (cls, values) in parts.items()
    }


def full_names(found: Architecture | Release) -> list[dict[str, Any]]:
    """All of `settings_of`, each by the name that `--set` takes."""
    parts = settings_of(found)
    return [{**row, "name": f"{part}{row['name']}"} for part, rows in parts.items() for row in rows]

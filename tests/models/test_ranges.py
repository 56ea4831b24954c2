"""Every number of a Config, of an objective's options and of a recipe is held to what its field takes."""

import math
import types
import typing
from functools import partial

import pytest

from zoo import building
from zoo._util.config import configured, settings
from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.registry import list_entries

PARTS = {"recipe": Recipe} | {
    f"{architecture.name}, {part}": getattr(cls, part)
    for architecture in list_entries("architectures")
    for cls in [building.resolve(architecture)]
    for part in ("config_class", "objective_class")
    if hasattr(cls, part)  # what is there for weights from elsewhere alone has no objective
}


def wrong(kind, value):
    """What a field of this annotated kind, of this value, has to refuse; nothing if it has no numbers."""
    if kind in (int, float):
        return [math.nan, math.inf, -math.inf, -1, True, "3", *([1.5] if kind is int else [-0.5])]
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return wrong(typing.get_args(kind)[0], value)
    if typing.get_origin(kind) is tuple:
        first, *rest = value or (1, 1)
        return [(bad, *rest) for bad in wrong(typing.get_args(kind)[0], first)]
    return []


@pytest.mark.parametrize("part", PARTS)
def test_a_number_out_of_range_is_refused_with_what_is_expected(part):
    cls = getattr(PARTS[part], "options_class", PARTS[part])  # an objective has its options
    for field in settings(cls).values():
        for value in wrong(field.kind, field.default):
            ways = [partial(configured, cls, {field.name: value}, "here")]
            if field.name in cls.__dataclass_fields__:  # and not of a nested one
                ways += [partial(cls, **{field.name: value})]
            for make in ways:
                with pytest.raises(ConfigError) as caught:
                    make()
                assert f"{field.name}={value!r}; expected " in str(caught.value)


def test_the_fields_of_numbers_are_found():
    numbers = {
        name: [f.name for f in settings(cls).values() if wrong(f.kind, f.default)]
        for name, cls in [("recipe", Recipe), ("stackgan", PARTS["stackgan, config_class"])]
    }
    names = ["holdout", "holdout_seed", "steps", "batch_size", "accumulate", "seed", "ema", "clip", "warmup"]
    assert numbers["recipe"] == names
    assert numbers["stackgan"][-3:] == ["latent_dim", "sketch", "refine"]

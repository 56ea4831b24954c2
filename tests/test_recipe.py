"""Recipes: parsing, overriding, schedules."""

import pytest

from zoo.errors import ConfigError
from zoo.recipe import Recipe


def test_unknown_field_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no field 'step'.*'steps'"):
        Recipe.parse({"step": 3})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"steps": "many"}, "steps='many'"),
        ({"batch_size": True}, "batch_size=True"),
        ({"precision": "fp8"}, "32-true"),
        ({"schedule": "step"}, "cosine"),
        ({"storage": "int4"}, "int8, float16"),
        ({"ema": 1.0}, r"\[0, 1\)"),
        ({"clip": -1}, "clip=-1"),
        ({"clip": float("nan")}, "clip=nan"),
        ({"objective": 3}, "a mapping"),
        ({"seed": 2**32}, r"in \[0, 4294967296\)"),
    ],
)
def test_values_out_of_range_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        Recipe.parse(fields)


def test_a_card_that_is_older_than_fit_squeezes_and_new_recipes_crop():
    assert Recipe().fit == "crop"
    assert Recipe.parse({}).fit == "squeeze"
    assert Recipe.parse({}).override({"steps": 3}).fit == "squeeze"
    assert Recipe.parse({"fit": "pad"}).fit == "pad"
    with pytest.raises(ConfigError, match="crop, pad, squeeze"):
        Recipe.parse({"fit": "stretch"})


def test_override_reaches_into_the_objective_and_leaves_the_original_alone():
    recipe = Recipe(objective={"learning_rate": 0.1})
    changed = recipe.override({"steps": 7, "objective.beta1": 0.9})
    assert (changed.steps, changed.objective) == (7, {"learning_rate": 0.1, "beta1": 0.9})
    assert recipe.objective == {"learning_rate": 0.1}


def test_schedules():
    constant = Recipe(steps=100, warmup=10)
    assert [constant.learning_rate_factor(step) for step in (0, 4, 9, 50)] == [0.1, 0.5, 1.0, 1.0]
    assert Recipe(steps=100, schedule="linear").learning_rate_factor(25) == 0.75
    cosine = Recipe(steps=100, schedule="cosine")
    assert cosine.learning_rate_factor(0) == 1.0
    assert cosine.learning_rate_factor(50) == pytest.approx(0.5)
    assert cosine.learning_rate_factor(99) < 0.001


def test_files_to_be_left_out_are_names():
    assert Recipe().exclude == ()
    assert Recipe.parse({"exclude": ["bsd200/302003"]}).exclude == ("bsd200/302003",)
    with pytest.raises(ConfigError, match=r"exclude=\[302003\]; expected a list.*bsd200/302003"):
        Recipe.parse({"exclude": [302003]})

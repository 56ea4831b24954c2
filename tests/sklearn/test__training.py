"""Parameters of estimators that train, as the configs and recipes that they stand for."""

from types import SimpleNamespace

import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.errors import ConfigError, InvalidInput
from zoo.sklearn import _training
from zoo.sklearn._training import Trained, check_same, check_varied, mapping, plain, shape_fields


def test_numbers_and_arrays_of_numpy_become_python_s_own():
    given = {"a": np.int64(3), "b": (np.float32(0.5), [np.array([1, 2])]), "c": {"d": np.bool_(True)}, "e": "x"}
    made = plain(given)
    assert made == {"a": 3, "b": [0.5, [[1, 2]]], "c": {"d": True}, "e": "x"}
    assert [type(each) for each in (made["a"], made["b"][0], made["c"]["d"])] == [int, float, bool]


def test_a_dict_or_nothing():
    assert (mapping("config", None), mapping("config", {"a": (1,)})) == ({}, {"a": [1]})
    with pytest.raises(InvalidInput, match=r"config=\[1\]; expected a dict from names to values, or None\."):
        mapping("config", [1])


@pytest.mark.parametrize(
    ("name", "shape", "fields"),
    [
        ("autoencoder", (1, 4, 5), {"image_shape": [1, 4, 5]}),
        ("autoencoder", (7,), {"image_shape": [7]}),
        ("vae", (3, 8, 8), {"channels": 3, "image_size": 8}),
        ("vae", (3, 8, 9), {}),
        ("vae", (7,), {}),
    ],
)
def test_the_shape_is_said_in_the_fields_that_an_architecture_has(name, shape, fields):
    assert shape_fields(registry.find_architecture(name), shape) == fields


def test_a_column_that_never_changes_is_named():
    check_varied(np.array([[1.0, 2.0], [1.0, 3.0], [2.0, 2.0]]))
    with pytest.raises(InvalidInput, match="column 1 of X is the same in every row"):
        check_varied(np.array([[1.0, 2.0, 5.0], [3.0, 2.0, 5.0]]))


def recipe(samples, seed=None, **parameters):
    given = {"recipe": None, "batch_size": None, "steps": 9, "random_state": 3} | parameters
    return Trained._recipe(SimpleNamespace(**given), registry.find_architecture("autoencoder"), samples, seed)


def test_a_recipe_is_the_architecture_s_with_steps_and_a_seed_and_no_batch_beyond_the_samples():
    own = _training.building.resolve(registry.find_architecture("autoencoder")).recipe
    assert recipe(10**6) == own.override({"steps": 9, "seed": 3})
    assert [recipe(n, batch_size=8).batch_size for n in (5, 8, 9)] == [5, 8, 8]
    assert recipe(5, seed=4).seed == 4
    assert recipe(5, recipe={"clip": np.float64(2)}).clip == 2.0


@pytest.mark.parametrize("name", ["steps", "batch_size", "seed", "storage", "dataset", "holdout"])
def test_what_is_set_elsewhere_is_refused(name):
    with pytest.raises(ConfigError, match=rf"recipe has {name}, which are not set there"):
        recipe(5, recipe={name: 1})


def test_training_goes_on_with_the_same_network_only():
    one, same, other = (zoo.create("autoencoder", image_shape=(3,), hidden=(), latent_dim=width) for width in (1, 1, 2))
    check_same(one, same)
    with pytest.raises(
        ConfigError, match=r"goes on with the .*autoencoder that was fitted, and .*latent_dim=2.* is an"
    ):
        check_same(one, other)

"""`Density`: a flow's log-density, its mean as the score, and its draws."""

import pickle

import numpy as np
import pytest

from zoo.errors import CapabilityError, InvalidInput
from zoo.sklearn import Density

FAST = {"steps": 3, "batch_size": 8, "random_state": 0}


def test_log_density_in_the_units_of_the_table(table):
    density = Density(**FAST).fit(table[:, :2])
    found = density.score_samples(table[:, :2])
    assert found.shape == (40,)
    assert density.score(table[:, :2]) == pytest.approx(found.mean())
    # Nearly a Gaussian of deviation 50 in both columns.
    assert density.score(table[:, :2]) == pytest.approx(-2 * (np.log(50) + 0.5 * np.log(2 * np.pi) + 0.5), abs=0.5)


def test_it_integrates_to_1():
    x = np.random.default_rng(0).normal(size=(60, 2))
    density = Density(steps=20, batch_size=60, random_state=0).fit(x)
    line = np.linspace(-9, 9, 181)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    assert np.exp(density.score_samples(grid)).sum() * 0.01 == pytest.approx(1, abs=0.01)


def test_draws(table):
    density = Density("maf", config={"hidden": [8]}, **FAST).fit(table)
    drawn = density.sample(6, random_state=1)
    assert drawn.shape == (6, 4)
    assert np.array_equal(drawn[:2], density.sample(2, random_state=1))
    assert not np.array_equal(density.sample(2), density.sample(2))
    again = pickle.loads(pickle.dumps(density))
    assert np.array_equal(again.sample(6, random_state=1), drawn)
    assert np.array_equal(again.score_samples(table), density.score_samples(table))


def test_images(images):
    density = Density("nice", config={"width": 8}, **FAST).fit(images)
    assert density.score_samples(images).shape == (24,)
    assert density.sample(2).shape == (2, 1, 8, 8)


def test_what_has_no_density(table):
    table[:, 1] = 7
    with pytest.raises(InvalidInput, match="column 1 of X is the same"):
        Density(**FAST).fit(table)
    with pytest.raises(InvalidInput, match="n_features=1"):
        Density(**FAST).fit(table[:, :1])
    assert Density("planar", config={"layers": 1}, **FAST).fit(table[:, :1]).score_samples(table[:, :1]).shape == (40,)
    with pytest.raises(CapabilityError, match=r"autoencoder has no density\. Density takes flow-2d"):
        Density("autoencoder", **FAST).fit(table)


def test_black_and_white_images_have_no_density(images):
    density = Density("vae", config={"likelihood": "bernoulli"}, **FAST)
    for begin in (density.fit, density.partial_fit):
        with pytest.raises(CapabilityError, match=r"this vae is of black and white images.*no density"):
            begin(images)
    density.set_params(config={"likelihood": "gaussian"}).fit(images)
    decoded = density.model_.decode(density.model_.latents(2, seed=1)).numpy()
    assert np.array_equal(density.sample(2, random_state=1), decoded)  # means, as the docstring says

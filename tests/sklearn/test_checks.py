"""scikit-learn's own suite of checks over every estimator."""

import pytest
import torch

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

import zoo
from zoo.sklearn import Autoencoder, Density, Encoder, OutlierDetector

SHORT = {"steps": 2, "batch_size": 16}


class Fitting(Encoder):
    """Encodes by a network that takes as many features as come, which no release does."""

    def _load(self, features):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return zoo.create("linear-autoencoder", image_shape=(features,), latent_dim=2, components=0).eval()


@parametrize_with_checks(
    [
        Autoencoder(latent_dim=2, config={"hidden": [4]}, **SHORT),
        Density(config={"steps": 1, "width": 4}, **SHORT),
        OutlierDetector(config={"steps": 1, "width": 4}, **SHORT),
        Fitting(),
    ],
)
def test_estimator_as_scikit_learn_expects(estimator, check):
    check(estimator)

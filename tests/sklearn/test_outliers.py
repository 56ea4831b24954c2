"""`OutlierDetector`: by densities, by reconstructions, and by a release."""

import pickle

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import CapabilityError, InvalidInput
from zoo.sklearn import OutlierDetector

FAST = {"steps": 3, "batch_size": 8, "random_state": 0}
RELEASE = "vae-fashion-mnist"


@pytest.mark.parametrize("by", ["log_prob", "reconstruction"])
def test_what_breaks_the_rule_of_the_table(table, by):
    """The last columns follow from the first, and of one row they do not."""
    training = {"steps": 60, "batch_size": 40, "contamination": 0.1, "random_state": 0}
    recipe = {"objective.learning_rate": 0.05}
    if by == "log_prob":
        recipe |= {"warmup": 0, "ema": 0.0}
        detector = OutlierDetector(config={"steps": 1, "width": 4}, recipe=recipe, **training)
    else:
        detector = OutlierDetector("linear-autoencoder", config={"latent_dim": 2}, recipe=recipe, **training)
    detector.fit(table)
    strange = table[:1].copy()
    strange[0, 2] += 5 * table[:, 2].std()
    assert (detector.predict(table) == -1).sum() == 4
    assert detector.predict(strange) == [-1]
    assert detector.decision_function(strange) == detector.score_samples(strange) - detector.offset_
    assert detector.score_samples(strange) < detector.score_samples(table).min()


def test_scores_are_those_of_the_model(table):
    flow = OutlierDetector(**FAST).fit(table)
    assert np.allclose(flow.score_samples(table), flow.model_.log_prob(torch.from_numpy(table)).numpy(), atol=1e-3)
    found = OutlierDetector("linear-autoencoder", config={"latent_dim": 1}, **FAST).fit(table)
    x = torch.from_numpy(table)
    away = (found.model_.reconstruct(x) - x).numpy() / table.std(0)
    assert np.allclose(found.score_samples(table), -np.square(away).mean(1), atol=1e-4)


def test_a_release_is_not_trained(table):
    clothes = zoo.load(RELEASE).generate(20, seed=0).numpy()
    detector = OutlierDetector(release=RELEASE, contamination=0.2).fit(clothes)
    assert (detector.predict(clothes) == -1).sum() == 4
    noise = np.random.default_rng(0).random((3, 1, 28, 28))
    assert detector.predict(noise).tolist() == [-1, -1, -1]
    again = pickle.loads(pickle.dumps(detector))
    assert np.array_equal(again.decision_function(clothes), detector.decision_function(clothes))
    with pytest.raises(InvalidInput, match="X has 4 features"):
        OutlierDetector(release=RELEASE).fit(table)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"contamination": 0.7}, InvalidInput, r"contamination=0\.7"),
        ({"contamination": 0}, InvalidInput, "contamination=0;"),
        ({"contamination": "auto"}, InvalidInput, "contamination='auto'"),
        ({"by": "density"}, InvalidInput, "by='density'; expected one of auto, log_prob, reconstruction"),
        ({"by": "reconstruction"}, CapabilityError, "flow-2d is a bijection"),
        ({"architecture": "autoencoder", "by": "log_prob"}, CapabilityError, "autoencoder has no density"),
        ({"release": "dcgan-celeba"}, CapabilityError, "dcgan-celeba has no encoder"),
    ],
)
def test_parameters_that_do_not_fit(table, parameters, error, message):
    with pytest.raises(error, match=message):
        OutlierDetector(**FAST | parameters).fit(table)

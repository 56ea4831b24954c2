"""Logistic regression on few samples, in a unit that two sides share."""

import math

import pytest
import torch

from zoo.metrics.regression import in_unit, linear, regression, variance


def test_the_variance_of_all_columns_together():
    """The squared distances from the mean (1, 2) are 1 + 4 and 1 + 4."""
    assert variance(torch.tensor([[0.0, 0.0], [2.0, 4.0]])).item() == 5.0


def test_the_factor_that_gives_a_unit():
    mean, factor = in_unit(torch.tensor([[0.0, 0.0], [2.0, 4.0]]), torch.tensor(20.0))
    assert (mean.tolist(), factor.item()) == ([1.0, 2.0], 2.0)
    alike = in_unit(torch.ones(3, 2), torch.tensor(20.0))
    assert (alike[0].tolist(), alike[1].item()) == ([1.0, 1.0], 1.0)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_layer_on_features_as_they_are_says_what_the_regression_says_of_those_in_the_unit(classes):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % classes
    features = 5 + 3 * torch.randn(60, 4, generator=generator) + 2 * torch.eye(4)[labels]
    mean, factor = in_unit(features, torch.tensor(7.0))
    expected = regression((features - mean) * factor, labels).predict_proba(((features - mean) * factor).numpy())
    weight, bias = linear(features, labels, torch.tensor(7.0))
    assert weight.shape == (classes, 4)
    assert torch.allclose(
        torch.softmax(features @ weight.T + bias, 1).double(), torch.from_numpy(expected).double(), atol=1e-5
    )


def test_two_samples_by_hand():
    """At ±1, with C = 1, the weight w minimises w² / 2 + 2 ln(1 + e^−w): w = 2 / (1 + e^w) = 0.6852…"""
    w = 0.0
    for _ in range(200):
        w = (w + 2 / (1 + math.exp(w))) / 2
    fitted = regression(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
    assert fitted.coef_.item() == pytest.approx(w, rel=1e-3)
    assert fitted.intercept_.item() == pytest.approx(0, abs=1e-6)


def test_units_of_the_features_change_nothing():
    generator = torch.Generator().manual_seed(1)
    features, labels = torch.randn(40, 3, generator=generator), torch.arange(40) % 2
    features[:, 0] += labels
    one, other = (linear(features * scale, labels, torch.tensor(3.0)) for scale in (1, 1000))
    assert torch.allclose(one[0], other[0] * 1000, rtol=1e-2, atol=1e-4)
    assert torch.allclose(one[1], other[1], rtol=1e-2, atol=1e-4)

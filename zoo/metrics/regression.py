"""Logistic regression on few samples: scikit-learn's, the same for all that is compared."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from zoo.errors import MissingExtra

try:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
except ImportError as error:
    how = "Install it with: pip install 'generative-zoo[train]'"
    raise MissingExtra(f"classifying from few labels needs scikit-learn. {how}") from error

ITERATIONS = 200  # at most, which only a regression on very many labels comes to


def regression(features: Tensor, labels: Tensor) -> LogisticRegression:
    """Fitted to features (n, d) and their labels (n,), with C = 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(max_iter=ITERATIONS).fit(features.numpy(), labels.numpy())


def variance(features: Tensor) -> Tensor:
    """Of features (n, d) in all columns together."""
    return (features - features.mean(0)).square().sum(1).mean()


def in_unit(features: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (d,) of features (n, d), and the factor that gives them the variance `unit`; 1 if they are alike."""
    spread = variance(features)
    return features.mean(0), (unit / spread).sqrt() if spread > 0 else torch.ones(())


def linear(features: Tensor, labels: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
    """The weights (classes, d) and biases (classes,) of a regression on features that are first moved and scaled, all
    by one number, to have the total variance `unit`, as those of a layer on the features as they are."""
    mean, factor = in_unit(features, unit)
    fitted = regression((features - mean) * factor, labels)
    weight, bias = (torch.from_numpy(part).to(features) for part in (fitted.coef_, fitted.intercept_))
    if len(weight) == 1:  # of two classes, as the difference of their logits
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    weight = weight * factor
    return weight, bias - weight @ mean

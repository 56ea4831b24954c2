"""Checks of classify: probabilities, one row for each sample, which depend on nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from zoo.model import Model
from zoo.testing.contract import SAME_LATENT, Check, described, expect, gap
from zoo.testing.examples import classify, samples

SUMS = 1e-4  # how far the probabilities of a sample may be from 1 altogether


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that classifies."""
    yield check_probabilities
    yield check_classify_per_sample


def check_probabilities(model: Model) -> None:
    """classify returns probabilities (n, classes) that are at least 0 and sum to 1."""
    got = classify(model, samples(model, 3))
    shaped = got.ndim == 2 and len(got) == 3 and got.is_floating_point() and got.shape[1] > 1
    sums = got.sum(1) if shaped else got
    expect(
        shaped and bool((got >= 0).all()) and gap(sums, torch.ones_like(sums)) <= SUMS,
        "classify returns probabilities, which are at least 0 and sum to 1.",
        f"Of 3 samples came {described(got)}, whose sums are {described(sums)}.",
        "Return softmax(1) of the logits, of shape (n, classes).",
    )


def check_classify_per_sample(model: Model) -> None:
    """The probabilities of a sample do not depend on the other samples of its batch, nor on anything drawn."""
    x = samples(model, 3)
    whole = classify(model, x)
    alone, other = classify(model, x, batch_size=1), classify(model, x, seed=1)
    moved = max(gap(alone, whole), gap(other, whole)) if alone.shape == whole.shape == other.shape else float("inf")
    expect(
        moved <= SAME_LATENT,
        "A sample's probabilities depend on the sample alone.",
        f"{described(whole)} moved by up to {moved:.3g} when samples came one by one, or with another seed.",
        "Compute each row alone, and draw nothing.",
    )

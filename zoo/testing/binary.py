"""Checks of models of binary pixels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from zoo.model import Model
from zoo.testing.contract import (
    Check,
    described,
    expect,
    of,
    refused,
)
from zoo.testing.examples import (
    generate,
    same_condition,
)


def checks(model: Model) -> Iterator[Check]:
    """Those of a model of binary pixels."""
    if "generate" in model.capabilities() and not model.space.probabilities:
        yield check_binary_samples
    if "log_prob" in model.capabilities():
        yield check_grey_refused


def check_binary_samples(model: Model) -> None:
    """A model of binary pixels generates pixels of 0 and 1 only, at any temperature."""
    for temperature in (1.0, 0.0, 1.5):
        got = generate(model, 3, temperature=temperature)
        grey = (got > 0) & (got < 1)
        expect(
            not grey.any(),
            "A model of binary pixels generates pixels of 0 and 1 only.",
            f"generate(3, temperature={temperature}) gave {described(got)}, {int(grey.sum())} pixels between.",
            "Draw pixels from their probabilities in _generate, as in noise.uniform(…) < p; only decode may give p.",
        )


def check_grey_refused(model: Model) -> None:
    """The log_prob of a model of binary pixels refuses grey ones, whose probability would be 0."""
    white = torch.ones(2, *model.space.shape)
    nearly = white.clone()
    nearly.view(-1)[0] = 0.99
    wrong = {"grey images": 0.5 * white, "one pixel of 0.99": nearly}
    condition = same_condition(model)
    calls = {
        of("log_prob", what, bad): partial(model.log_prob, bad, condition=condition) for what, bad in wrong.items()
    }
    refused("A probability of binary pixels is one of 0 and 1 only.", calls)

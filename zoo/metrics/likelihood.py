"""Likelihood of held-out images: bits per dimension and nats."""

from __future__ import annotations

import math
from typing import Any

from zoo.metrics.evaluate import Record, Subject, floats

SLOW = 1000  # test images when each takes many passes: bounds and estimates


def likelihood(subject: Subject) -> list[Record]:
    """Mean code length of 8-bit test images, in bits per dimension and in nats per image, by `Model.bits_per_dim`:
    uniform dequantisation, so both bound the discrete likelihood from above.

    All held-out images where log_prob is exact, the first 1,000 of them where it is a bound or an estimate. The args
    give the kind and the standard error of the mean. There is no floor: real data have no known likelihood.
    """
    model = subject.model
    n = subject.n if model.log_prob_kind == "exact" else min(SLOW, subject.n)
    condition = None if subject.condition is None else subject.condition[:n]
    bits = model.bits_per_dim(floats(subject.held_out[:n]), condition=condition, seed=subject.seed).cpu().double()
    mean, error = float(bits.mean()), float(bits.std()) / math.sqrt(n)
    to_nats = model.dimensions * math.log(2)
    args: dict[str, Any] = {"split": "test", "n_real": n, "kind": model.log_prob_kind, "dequantisation": "uniform"}
    return [
        subject.record("bits-per-dimension", "bits per dimension", mean, **args, standard_error=error),
        subject.record(
            "negative-log-likelihood", "nats per image", mean * to_nats, **args, standard_error=error * to_nats
        ),
    ]

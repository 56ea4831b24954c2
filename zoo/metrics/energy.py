"""Energy distance between vectors (Székely, Rizzo 2013, "Energy statistics: a class of statistics based on distances",
Journal of Statistical Planning and Inference 143, eq. 2):

    D² = 2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖

It is 0 only between equal distributions, whatever these are, and needs no feature network and no width of a kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.errors import InvalidInput
from zoo.metrics.evaluate import Subject
from zoo.metrics.units import standardised
from zoo.releases.record import Record

CHUNK = 1000  # rows whose distances to all others are held at once


def energy(subject: Subject) -> list[Record]:
    """Energy distance of generated vectors to training vectors; the floor is that of held-out vectors.

    Each column is first divided by its standard deviation in the reference, so that no unit of measurement counts more
    than another.
    """
    reference = standardised(subject.reference, subject.reference)
    value, floor = (
        distance(standardised(x, subject.reference), reference) for x in (subject.generated, subject.held_out)
    )
    return [
        subject.record(
            "energy-distance",
            "energy distance",
            value,
            split="train",
            n_real=len(reference),
            n_generated=subject.n,
            floor=floor,
        )
    ]


def distance(first: Tensor, second: Tensor) -> float:
    """D² between the empirical distributions of vectors (n, d) and (m, d): not negative, 0 for equal samples.

    Raises InvalidInput for other shapes.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or not len(first) or not len(second):
        raise InvalidInput(
            f"vectors of shape {tuple(first.shape)} and {tuple(second.shape)} came; expected (n, d) twice."
        )
    return max(2 * _mean(first, second) - _mean(first, first) - _mean(second, second), 0.0)


def _mean(first: Tensor, second: Tensor) -> float:
    """The mean distance of all pairs. By differences: the faster way over products loses the digits of near pairs."""
    total = torch.zeros((), dtype=torch.float64, device="cpu")
    for part in torch.split(first, CHUNK):
        total += torch.cdist(part, second, compute_mode="donot_use_mm_for_euclid_dist").sum(dtype=torch.float64)
    return float(total / (len(first) * len(second)))

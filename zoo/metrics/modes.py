"""Modes: of data that were drawn from Gaussians whose centres are known, how many does a model draw from?

The field's protocol is that of Srivastava et al. 2017 (VEEGAN, arXiv:1705.07761, section 4.1), which Lin et al. 2018
(PacGAN, arXiv:1712.04086, section 4.1) follow: of 2,500 samples one is of high quality if it lies within three standard
deviations of the nearest mode's centre, and a mode is covered if a sample of high quality is nearest to it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.errors import InvalidInput
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record

SAMPLES = 2500
REACH = 3.0  # standard deviations; in the plane a share of 1 − exp(−4.5) = 0.989 of a Gaussian lies within


class Covered(NamedTuple):
    """How many modes have a sample of high quality, of how many there are; and the share of such samples."""

    modes: int
    of: int
    high_quality: float


def modes(subject: Subject) -> list[Record]:
    """Modes covered and the share of samples of high quality among 2,500; the floors, here ceilings, are those of
    held-out vectors. No records for data whose modes are not known."""
    centres, deviation = subject.test.modes, subject.test.mode_deviation
    if centres is None:
        return []
    made, real = (count(x[:SAMPLES], centres, deviation) for x in (subject.generated, subject.held_out))
    args: dict[str, Any] = {"n_generated": min(SAMPLES, subject.n), "within": f"{REACH:g} standard deviations"}
    return [
        subject.record("modes-covered", "modes covered", made.modes, **args, modes=made.of, floor=real.modes),
        subject.record(
            "high-quality-share", "high-quality samples", made.high_quality, **args, floor=real.high_quality
        ),
    ]


def count(samples: Tensor, centres: Tensor, deviation: float) -> Covered:
    """What `samples` (n, d) cover of the modes around `centres` (m, d). Raises InvalidInput for other shapes."""
    if samples.ndim != 2 or samples.shape[1] != centres.shape[1] or not len(samples):
        raise InvalidInput(
            f"samples came with shape {tuple(samples.shape)}; expected (n, {centres.shape[1]}), as the centres have."
        )
    # By differences: the faster way over products loses the digits of what lies close to its centre.
    distances = torch.cdist(samples.double(), centres.double(), compute_mode="donot_use_mm_for_euclid_dist")
    distance, mode = distances.min(1)
    good = distance <= REACH * deviation
    return Covered(len(torch.unique(mode[good])), len(centres), float(good.double().mean()))

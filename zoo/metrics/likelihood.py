"""Likelihood of held-out samples: bits per dimension and nats of images, nats of binary images and of vectors."""

from __future__ import annotations

import math
from typing import Any

from zoo import images as imaging
from zoo.data.dataset import floats
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record
from zoo.spaces import BinaryImages, Images

SLOW = 1000  # test samples when each takes many passes, as bounds do


def likelihood(subject: Subject) -> list[Record]:
    """Mean code length of 8-bit test images, in bits per dimension and in nats per image, by `Model.bits_per_dim`,
    whose dequantisation bounds the discrete likelihood from above; of vectors, and of images of binary pixels, the mean
    −log_prob, in nats per sample. Grey images are made binary by chance, by the seed.

    All held-out samples where log_prob is exact or estimated, the first 1,000 of them where it is a bound. The args
    give the kind, a bound too where pixels are made continuous, and the standard error of the mean. Real data have no
    known likelihood, so there is a floor only for synthetic vectors whose true density is known.
    """
    model = subject.model
    n = min(SLOW, subject.n) if model.log_prob_kind == "lower-bound" else subject.n
    condition = None if subject.condition is None else subject.condition[:n]
    samples = floats(subject.held_out[:n])
    args: dict[str, Any] = {"split": "test", "n_real": n, "kind": model.log_prob_kind}
    if isinstance(model.space, BinaryImages):
        samples = imaging.binarise(samples, seed=subject.seed)
    if not model.space.levels:
        nats = -model.log_prob(samples, condition=condition, seed=subject.seed).cpu().double()
        args["standard_error"] = float(nats.std()) / math.sqrt(n)
        if subject.test.log_density is not None:
            args["floor"] = -float(subject.test.log_density[subject.held_out_rows][:n].mean())
        unit = "nats per image" if isinstance(model.space, Images) else "nats per sample"
        return [subject.record("negative-log-likelihood", unit, float(nats.mean()), **args)]
    bits = model.bits_per_dim(samples, condition=condition, seed=subject.seed).cpu().double()
    mean, error = float(bits.mean()), float(bits.std()) / math.sqrt(n)
    to_nats = model.space.dimensions * math.log(2)
    # Exact though the density may be, of 8-bit levels it gives a bound.
    args["kind"] = "lower-bound" if model.log_prob_kind == "exact" else model.log_prob_kind
    args["dequantisation"] = model.dequantisation
    return [
        subject.record("bits-per-dimension", "bits per dimension", mean, **args, standard_error=error),
        subject.record(
            "negative-log-likelihood", "nats per image", mean * to_nats, **args, standard_error=error * to_nats
        ),
    ]

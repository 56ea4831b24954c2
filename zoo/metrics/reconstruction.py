"""Reconstruction: what is lost on the way through the latent space and back."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from zoo.data.dataset import floats
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record

ENCODED, INVERTED = 1000, 32  # test images: without an encoder it takes hundreds of passes for each


def reconstruct(subject: Subject) -> list[Record]:
    """Mean squared error and PSNR of decode(encode(x)) on test images in [0, 1].

    PSNR is −10 log₁₀ MSE in decibels, of each image, then averaged. Where the encoder is no network, but the generator
    is inverted, which is slow, fewer are taken. No record for a model with an exact density: a flow is a bijection.
    The floor of both, a perfect copy, needs no measuring.
    """
    model = subject.model
    if model.log_prob_kind == "exact":
        return []
    n = min(ENCODED if model.encodes_by == "network" else INVERTED, subject.n)
    condition = None if subject.condition is None else subject.condition[:n]
    images = floats(subject.held_out[:n])
    copies = model.reconstruct(images, condition=condition).float().cpu()
    error = (copies - images).double().square().flatten(1).mean(1)
    args: dict[str, Any] = {"split": "test", "n_real": n, "encoder": model.encodes_by}
    return [
        subject.record("mse", "reconstruction MSE", float(error.mean()), **args),
        subject.record("psnr", "reconstruction PSNR (dB)", float(psnr(error).mean()), **args),
    ]


def psnr(error: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in decibels of mean squared errors of images in [0, 1]; at most 120, for a copy."""
    return -10 * error.clamp_min(1e-12).log10()

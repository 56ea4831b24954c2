"""Denoising: how much nearer to the true image a noisy one is brought, at three strengths of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import ndimage, signal
from torch import Tensor

from zoo.data.dataset import floats
from zoo.metrics.evaluate import Subject
from zoo.metrics.reconstruction import psnr
from zoo.noise import Noise
from zoo.releases.record import Record

STRENGTHS = (0.1, 0.25, 0.5)  # deviations of Gaussian noise in pixels of [0, 1]


def denoising(subject: Subject) -> list[Record]:
    """PSNR in decibels of `translate(noisy)`, averaged over held-out images, for each of `STRENGTHS`: Gaussian noise,
    clamped and rounded to 8 bits as an image file is.

    Beside each stand `noisy`, the PSNR of what went in, and that of two filters: `median`, of 3 × 3 pixels, and
    `wiener`, of 3 × 3 pixels told the variance of the noise (scipy). For models that translate images of their own
    space without being conditioned on any; no record for others.
    """
    model = subject.model
    if model.condition.name is not None or model.enlargement != 1:
        return []
    images = floats(subject.held_out)
    records = []
    for strength in STRENGTHS:
        given = noisy(images, strength, subject.seed)
        made = model.translate(given, seed=subject.seed).float().cpu()
        beside = {"noisy": given, "median": _median(given), "wiener": _wiener(given, strength)}
        args: dict[str, Any] = {name: _psnr(result, images) for name, result in beside.items()}
        records.append(
            subject.record(
                f"psnr-denoised-{strength}",
                f"PSNR denoised (dB), noise {strength}",
                _psnr(made, images),
                split="test",
                n_real=len(images),
                noise=strength,
                **args,
            )
        )
    return records


def noisy(images: Tensor, strength: float, seed: int) -> Tensor:
    """Images (n, …) in [0, 1] with Gaussian noise of this deviation, clamped and in 8-bit levels."""
    noise = Noise(seed, 0, len(images), stream="denoising").normal(*images.shape[1:])
    return ((images + strength * noise).clamp(0, 1) * 255).round() / 255


def _psnr(made: Tensor, images: Tensor) -> float:
    return float(psnr((made - images).double().square().flatten(1).mean(1)).mean())


def _median(images: Tensor) -> Tensor:
    return torch.from_numpy(ndimage.median_filter(images.numpy(), size=(1, 1, 3, 3)))


def _wiener(images: Tensor, strength: float) -> Tensor:
    planes = images.flatten(0, 1).double().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):  # where a window is flat, of which the filter makes nothing
        found = [torch.from_numpy(np.nan_to_num(signal.wiener(plane, 3, strength**2))) for plane in planes]
    return torch.stack(found).view_as(images).clamp(0, 1).float()

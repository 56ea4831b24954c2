"""Denoising: how much nearer to the true image a noisy one is brought, at three strengths of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import ndimage, signal
from torch import Tensor

from zoo.data.dataset import floats
from zoo.images import noisy
from zoo.metrics import filters
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record

STRENGTHS = (0.1, 0.25, 0.5)  # deviations of Gaussian noise in pixels of [0, 1]
CHOSEN_BY, FILTERED = 100, 1000  # training images by which filters are chosen, and at most so many held-out ones


def denoising(subject: Subject) -> list[Record]:
    """PSNR in decibels of `translate(noisy)`, averaged over held-out images, for each of `STRENGTHS`: Gaussian noise,
    clamped and rounded to 8 bits as an image file is.

    Beside each stand `noisy`, the PSNR of what went in, and that of two filters: `median`, of 3 × 3 pixels, and
    `wiener`, of 3 × 3 pixels told the variance of the noise (scipy). Of `filtered` images, evenly spread over these,
    also that of the model, `network`, and that of non-local means, total variation and wavelets (scikit-image), each
    with the parameters of `zoo.metrics.filters` that do best on training images, `chosen_by` of them. For models that
    translate images of their own space without being conditioned on any; no record for others.
    """
    model = subject.model
    if model.condition.name is not None or model.enlargement != 1:
        return []
    images = floats(subject.held_out)
    examples, few = floats(_spread(subject.reference, CHOSEN_BY)), _spread(images, FILTERED)
    records = []
    for strength in STRENGTHS:
        given = noisy(images, strength, seed=subject.seed)
        made = model.translate(given, seed=subject.seed).float().cpu()
        beside = {"noisy": given, "median": _median(given), "wiener": _wiener(given, strength)}
        args: dict[str, Any] = {name: filters.quality(result, images) for name, result in beside.items()}
        args |= {"filtered": len(few), "chosen_by": len(examples)}
        args["network"] = filters.quality(_spread(made, FILTERED), few)
        tried = noisy(examples, strength, seed=subject.seed + 1)  # other noise than that of what is measured
        for name, filtering in filters.best(tried, examples, strength).items():
            args[name] = filters.quality(filtering(_spread(given, FILTERED)), few)
        records.append(
            subject.record(
                f"psnr-denoised-{strength}",
                f"PSNR denoised (dB), noise {strength}",
                filters.quality(made, images),
                split="test",
                n_real=len(images),
                noise=strength,
                **args,
            )
        )
    return records


def _spread(samples: Tensor, most: int) -> Tensor:
    """Up to `most` of the samples, as far apart as may be: in the order of files, neighbours are often of one class."""
    return samples[:: -(-len(samples) // most)]


def _median(images: Tensor) -> Tensor:
    return torch.from_numpy(ndimage.median_filter(images.numpy(), size=(1, 1, 3, 3)))


def _wiener(images: Tensor, strength: float) -> Tensor:
    planes = images.flatten(0, 1).double().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):  # where a window is flat, of which the filter makes nothing
        found = [torch.from_numpy(np.nan_to_num(signal.wiener(plane, 3, strength**2))) for plane in planes]
    return torch.stack(found).view_as(images).clamp(0, 1).float()

"""Filters that take noise off images without having learned what those look like: scikit-image's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import MissingExtra
from zoo.metrics.reconstruction import psnr

try:
    import pywt  # noqa: F401  which scikit-image asks for only when it is to be used
    from skimage import restoration
except ImportError as error:
    missing = "PyWavelets" if error.name == "pywt" else "scikit-image"
    how = "Install it with: pip install 'generative-zoo[train]'"
    raise MissingExtra(f"filters to denoise beside need {missing}. {how}") from error

Filter = Callable[[Tensor], Tensor]  # noisy images (n, channels, height, width) in [0, 1] to such without noise

# What is tried of each, in deviations of the noise but for the sides of a patch.
HEIGHTS, PATCHES = (0.2, 0.4, 0.6, 0.8, 1.0), (3, 5, 7)  # non-local means: Buades, Coll, Morel 2005
WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5)  # total variation: Chambolle 2004
THRESHOLDS = (0.25, 0.5, 0.75, 1.0, 1.5)  # of wavelets by BayesShrink: Chang, Yu, Vetterli 2000


def best(given: Tensor, images: Tensor, strength: float) -> dict[str, Filter]:
    """Of each kind the filter that makes of noisy images `given` (n, channels, height, width) what is nearest to
    `images`, by PSNR, with noise of deviation `strength`.

    What a filter gives goes through the straight line that suits `images` best: noise that was clamped at black has
    made black grey, which no filter can know.
    """
    found: dict[str, Filter] = {}
    for kind, filters in _kinds(strength).items():
        tried = [(each, made := each(given), *_line(made, images)) for each in filters]
        one, _, slope, offset = max(tried, key=lambda each: quality(_along(*each[1:]), images))
        found[kind] = partial(_filtered, one, slope, offset)
    return found


def quality(made: Tensor, images: Tensor) -> float:
    """PSNR in decibels of images (n, …) in [0, 1], averaged over these."""
    return float(psnr((made - images).double().square().flatten(1).mean(1)).mean())


def _kinds(strength: float) -> dict[str, Iterator[Filter]]:
    means = product(PATCHES, HEIGHTS)
    return {
        "nl-means": (
            partial(_each, restoration.denoise_nl_means, patch_size=side, h=height * strength, sigma=strength)
            for side, height in means
        ),
        "total-variation": (
            partial(_each, restoration.denoise_tv_chambolle, weight=weight * strength) for weight in WEIGHTS
        ),
        "wavelets": (
            partial(_each, restoration.denoise_wavelet, wavelet="db2", sigma=threshold * strength)
            for threshold in THRESHOLDS
        ),
    }


def _each(function: Callable[..., Any], images: Tensor, **options: Any) -> Tensor:
    n, channels, height, width = images.shape
    # An axis of a single channel would be searched for patches by non-local means.
    shape, axis = ((n, height, width), None) if channels == 1 else (images.shape, 0)
    made = [function(image, channel_axis=axis, **options) for image in images.double().numpy().reshape(shape)]
    return torch.from_numpy(np.stack(made)).float().view(images.shape)


def _line(made: Tensor, images: Tensor) -> tuple[float, float]:
    """Slope and offset of the line that by least squares leads from the values of `made` to those of `images`."""
    x, y = made.double().flatten(), images.double().flatten()
    spread = x - x.mean()
    slope = float(spread @ y / (spread @ spread).clamp_min(1e-12))
    return slope, float(y.mean() - slope * x.mean())


def _along(made: Tensor, slope: float, offset: float) -> Tensor:
    return (slope * made + offset).clamp(0, 1)


def _filtered(one: Filter, slope: float, offset: float, given: Tensor) -> Tensor:
    return _along(one(given), slope, offset)

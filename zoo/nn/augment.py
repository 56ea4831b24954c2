"""Differentiable augmentation of what a discriminator sees (Zhao et al. 2020, "Differentiable augmentation for
data-efficient GAN training", arXiv:2006.10738, section 4).

Each function takes images (n, channels, height, width) in [−1, 1] and changes each by random numbers of its own from
the global generator, which the training loop seeds. Gradients pass to the images. Shown to the discriminator alike on
real and generated images, the changes do not leak into what the generator learns to draw.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.errors import ConfigError

SHIFT = 1 / 8  # of the side, at most
HOLE = 1 / 2  # of the side


def colour(images: Tensor) -> Tensor:
    """Brightness shifted by up to ± ½, saturation scaled by 0 … 2, contrast by ½ … 1½, in this order."""
    shift, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, device=images.device, dtype=images.dtype)
    images = images + shift - 0.5
    grey = images.mean(1, keepdim=True)
    images = grey + 2 * saturation * (images - grey)
    mean = images.mean((1, 2, 3), keepdim=True)
    result: Tensor = mean + (contrast + 0.5) * (images - mean)
    return result


def translation(images: Tensor) -> Tensor:
    """Shifted by up to ⅛ of the side in each direction, a whole number of pixels; what comes in is 0, mid-grey."""
    height, width = images.shape[2:]
    down, right = int(height * SHIFT + 0.5), int(width * SHIFT + 0.5)
    padded = F.pad(images, (right, right, down, down))
    n = len(images)
    top = torch.randint(2 * down + 1, (n, 1, 1, 1), device=images.device)
    left = torch.randint(2 * right + 1, (n, 1, 1, 1), device=images.device)
    rows = top + torch.arange(height, device=images.device)[:, None]
    columns = left + torch.arange(width, device=images.device)
    image = torch.arange(n, device=images.device).view(-1, 1, 1, 1)
    channel = torch.arange(images.shape[1], device=images.device)[:, None, None]
    return padded[image, channel, rows, columns]


def cutout(images: Tensor) -> Tensor:
    """A square of half the side, its centre anywhere in the image, set to 0, mid-grey."""
    n, _, height, width = images.shape
    keep = []
    for side in (height, width):
        centre = torch.randint(side + 1, (n, 1), device=images.device)
        offset = torch.arange(side, device=images.device) + 0.5 - centre
        keep.append(offset.abs() > side * HOLE / 2)
    hole = ~keep[0][:, None, :, None] & ~keep[1][:, None, None, :]
    return images.masked_fill(hole, 0)


AUGMENTATIONS = {"colour": colour, "translation": translation, "cutout": cutout}


def chosen(names: str) -> list[Callable[[Tensor], Tensor]]:
    """Those of some names joined by commas. Raises ConfigError for any other."""
    known = [name.strip() for name in names.split(",") if name.strip()]
    for name in known:
        if name not in AUGMENTATIONS:
            raise ConfigError(f"augment: {name!r}; expected some of {', '.join(AUGMENTATIONS)}.")
    return [AUGMENTATIONS[name] for name in known]

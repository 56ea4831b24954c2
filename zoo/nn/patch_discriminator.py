"""The patch discriminator of pix2pix and CycleGAN.

Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004, section 3.2 and appendix 6.1.2.
"""

from __future__ import annotations

from torch import nn

from zoo.errors import ConfigError
from zoo.nn.layers import InstanceNorm2d, initialise_convolutions


class PatchDiscriminator(nn.Sequential):
    """Images (n, channels, h, w) in [−1, 1] to a score for each of (h/8 − 2) × (w/8 − 2) patches of 70 × 70 pixels; of
    24 × 24 pixels or more."""

    def __init__(self, channels: int, width: int) -> None:
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for before, after, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
            layers += [
                nn.Conv2d(before * width, after * width, 4, stride=stride, padding=1),
                InstanceNorm2d(after * width),
                nn.LeakyReLU(0.2),
            ]
        super().__init__(*layers, nn.Conv2d(8 * width, 1, 4, padding=1))
        initialise_convolutions(self)


def check_side(name: str, shape: tuple[int, ...]) -> None:
    """Raise ConfigError for images that are too small for a patch of the discriminator."""
    if min(shape[1:]) < 24:
        raise ConfigError(f"{name}: image_shape={shape!r} can't be trained; its discriminator needs 24 pixels a side.")

"""DCGAN's networks, of which a dozen systems are built: Radford, Metz, Chintala 2015, arXiv:1511.06434, section 3.

Strided convolutions instead of pooling, batch normalisation except at the generator's output and the discriminator's
input, no dense hidden layers, ReLU and tanh in the generator, leaky ReLU (slope 0.2) in the discriminator, weights from
N(0, 0.02²) (section 4). `zoo/models/gans/dcgan.py` says how they differ from the paper's.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.nn.layers import initialise


def doublings(size: int, architecture: str) -> int:
    """How often a side of 4, 5, 6 or 7 pixels is doubled to `size`; ConfigError for one that is not reached so."""
    for count in range(1, 16):
        if isinstance(size, int) and size % 2**count == 0 and 4 <= size >> count <= 7:
            return count
    what = "4, 5, 6 or 7 times a power of two, for example 28 or 64"
    raise ConfigError(f"{architecture}: image_size={size!r}; expected {what}.")


class Generator(nn.Sequential):
    """Inputs (n, inputs) to images (n, channels, size, size) in [−1, 1], by doubling from 4 to 7 pixels; bias: whether
    the last layer has one."""

    def __init__(self, inputs: int, size: int, channels: int, width: int, *, bias: bool = True) -> None:
        count = doublings(size, "generator")
        widths = [width << stage for stage in reversed(range(count))]  # for 64 × 64: 8, 4, 2, 1 times `width`
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(inputs, widths[0], size >> count, bias=False),  # (n, 8·width, 4, 4)
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for before, after in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),  # twice the size
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1, bias=bias), nn.Tanh()]
        super().__init__(*layers)
        initialise(self)

    @property
    def hidden(self) -> nn.Sequential:
        """The hidden layers: (n, inputs, 1, 1) to (n, width, size/2, size/2)."""
        return nn.Sequential(*list(self)[:-2])

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = super().forward(z[:, :, None, None])  # type: ignore[no-untyped-call]
        return images


class LabelCodes(nn.Module):
    """Class indices (n,) to vectors: (n, classes) one-hot, or, of the combinations of some attributes, (n, attributes)
    of 0 and 1, bit k of the index."""

    codes: Tensor

    def __init__(self, classes: int, attributes: int = 0) -> None:
        super().__init__()
        indices = torch.arange(classes)
        bits = indices[:, None] >> torch.arange(attributes) & 1
        self.register_buffer("codes", (bits if attributes else torch.eye(classes)).float())

    def forward(self, labels: Tensor) -> Tensor:
        return self.codes[labels]


class ConditionalGenerator(nn.Module):
    """Latents (n, latent_dim) and class indices (n,), whose codes go in beside them, to images as of `Generator`."""

    def __init__(self, codes: LabelCodes, latent_dim: int, size: int, channels: int, width: int) -> None:
        super().__init__()
        self.condition = codes
        self.network = Generator(latent_dim + codes.codes.shape[1], size, channels, width)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        images: Tensor = self.network(torch.cat([z, self.condition(labels)], 1))
        return images


class Discriminator(nn.Sequential):
    """Images (n, channels, size, size) in [−1, 1] to logits (n, outputs), by halving down to 4 to 7 pixels.

    batch_norm: whether there is any. dropout: share of channels that is dropped after each halving.
    """

    def __init__(
        self,
        size: int,
        channels: int,
        width: int,
        *,
        outputs: int = 1,
        batch_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        count = doublings(size, "discriminator")
        widths = [channels, *(width << stage for stage in range(count))]
        layers: list[nn.Module] = []
        for stage, (before, after) in enumerate(pairwise(widths)):
            normed = batch_norm and stage > 0
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not normed))  # half the size
            if normed:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            if dropout:
                layers.append(nn.Dropout2d(dropout))
        super().__init__(*layers, nn.Conv2d(widths[-1], outputs, size >> count), nn.Flatten())
        initialise(self)

    @property
    def after_first(self) -> nn.Sequential:
        """All but the first convolution: (n, width, size/2, size/2) to logits."""
        return nn.Sequential(*list(self)[1:])

    def split(self, halvings: int) -> tuple[nn.Sequential, nn.Sequential]:
        """The layers up to so many halvings, each with its norm and activation, and those after."""
        convolutions = [place for place, layer in enumerate(self) if isinstance(layer, nn.Conv2d)]
        layers, cut = list(self), convolutions[halvings]
        return nn.Sequential(*layers[:cut]), nn.Sequential(*layers[cut:])

"""DCGAN: deep convolutional generative adversarial network.

Radford, Metz, Chintala 2015, "Unsupervised representation learning with deep convolutional generative adversarial
networks", arXiv:1511.06434; section 3 gives the rules kept here: strided convolutions instead of pooling, batch
normalisation except at the generator's output and the discriminator's input, no dense hidden layers, ReLU and tanh in
the generator, leaky ReLU (slope 0.2) in the discriminator. Training details are those of section 4: weights from
N(0, 0.02²), Adam with learning rate 0.0002 and β₁ = 0.5, images scaled to [−1, 1].

Differs from the paper:
- the narrowest generator layer has 32 channels where figure 1 has 128, so that the weights stay small;
- kernels are 4 × 4, as in the authors' Torch code, where figure 1 draws 5 × 5: a stride of 2 divides 4 evenly;
- images of other sizes than 64 × 64 grow from 4, 5, 6 or 7 pixels by doubling: 28 × 28 from 7 × 7;
- latents are standard normal, not uniform on [−1, 1], so that interpolation and temperature mean what they say.

Variants that change one thing are options of the objective: loss=least-squares is LSGAN (Mao et al. 2017,
arXiv:1611.04076); loss=hinge with spectral_norm=true is SNGAN (Miyato et al. 2018, arXiv:1802.05957).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.models._gan import GAN, Game
from zoo.nn.layers import initialise
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes. image_size: 4, 5, 6 or 7 times a power of two; width: of the generator's narrowest hidden layer."""

    image_size: int = 64
    channels: int = 3
    latent_dim: int = 100
    width: int = 32

    def __post_init__(self) -> None:
        doublings(self.image_size, "dcgan")
        if min(self.channels, self.latent_dim, self.width) < 1:
            raise ConfigError("dcgan: channels, latent_dim and width must be at least 1.")


def doublings(size: int, architecture: str) -> int:
    """How often a side of 4, 5, 6 or 7 pixels is doubled to `size`; ConfigError for one that is not reached so."""
    for count in range(1, 16):
        if isinstance(size, int) and size % 2**count == 0 and 4 <= size >> count <= 7:
            return count
    what = "4, 5, 6 or 7 times a power of two, for example 28 or 64"
    raise ConfigError(f"{architecture}: image_size={size!r}; expected {what}.")


class Generator(nn.Sequential):
    """Inputs (n, inputs) to images (n, channels, size, size) in [−1, 1], by doubling from 4 to 7 pixels."""

    def __init__(self, inputs: int, size: int, channels: int, width: int) -> None:
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
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1), nn.Tanh()]
        super().__init__(*layers)
        initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = super().forward(z[:, :, None, None])  # type: ignore[no-untyped-call]
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


class Objective(Game):
    """The non-saturating game: one discriminator step, then one generator step, each with Adam.

    width: channels of the discriminator's first layer. batch_norm: whether the discriminator has any; leave it out with
    spectral_norm, as SNGAN does, or with gradient penalties, which are of single images. craft: options of
    `zoo.models._gan.Game`.
    """

    def __init__(self, model: DCGAN, *, width: int = 32, batch_norm: bool = True, **craft: Any) -> None:
        config = model.config
        discriminator = Discriminator(config.image_size, config.channels, width, batch_norm=batch_norm)
        super().__init__(model, discriminator, **craft)


class DCGAN(GAN):
    """Generate and decode by the generator; encode by inverting it."""

    config_class = Config
    objective_class: ClassVar[type] = Objective  # WGAN and EBGAN have others
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config.latent_dim, config.image_size, config.channels, config.width)

"""CoGAN: two GANs that share layers draw the same thing in two domains, from examples that do not correspond.

Liu & Tuzel 2016, "Coupled generative adversarial networks", arXiv:1606.07536. The generators share all layers but the
last, which decode what is common into each domain; the discriminators all layers but the first (section 3, appendix A).
The value of the game is the sum of both pairs' (equation 4); nothing in it compares the two images of a latent, the
shared layers alone have them agree. Here the domain is the condition, so that one latent is decoded in either.

Differs from the paper:
- DCGAN's layers (arXiv:1511.06434) where the paper's networks for digits are larger and have PReLU;
- each latent of a batch is drawn in one domain and not in both: both games' gradients have the same mean;
- latents are standard normal, not uniform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.models._gan import GAN, Game
from zoo.models.gans import dcgan
from zoo.nn.layers import initialise
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes. image_size: 4, 5, 6 or 7 times a power of two, at least 8; width: channels of the generators' last hidden
    layer; classes: names of the two domains."""

    image_size: int = 28
    channels: int = 1
    latent_dim: int = 32
    width: int = 48
    classes: tuple[str, ...] = ("digits", "edges")

    def __post_init__(self) -> None:
        dcgan.doublings(self.image_size, "cogan")
        if min(self.channels, self.latent_dim, self.width) < 1:
            raise ConfigError("cogan: channels, latent_dim and width must be at least 1.")
        if len(set(self.classes)) != 2 or len(self.classes) != 2:
            raise ConfigError(f"cogan: classes={self.classes!r}; expected the names of two domains.")


class Generator(nn.Module):
    """Latents (n, latent_dim) and domains (n,) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        layers = list(dcgan.Generator(config.latent_dim, config.image_size, config.channels, config.width))
        self.shared = nn.Sequential(*layers[:-2])  # (n, width, size/2, size/2)
        own = (nn.ConvTranspose2d(config.width, config.channels, 4, stride=2, padding=1) for _ in config.classes)
        self.own = nn.ModuleList(own)
        initialise(self.own)

    def forward(self, z: Tensor, domains: Tensor) -> Tensor:
        hidden = self.shared(z[:, :, None, None])
        return choose([layer(hidden).tanh() for layer in self.own], domains)


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] and domains (n,) to logits (n, 1)."""

    def __init__(self, config: Config, width: int, dropout: float) -> None:
        super().__init__()
        layers = list(dcgan.Discriminator(config.image_size, config.channels, width, dropout=dropout))
        own = (nn.Conv2d(config.channels, width, 4, stride=2, padding=1) for _ in config.classes)
        self.own = nn.ModuleList(own)  # to (n, width, size/2, size/2)
        initialise(self.own)
        self.shared = nn.Sequential(*layers[1:])

    def forward(self, images: Tensor, domains: Tensor) -> Tensor:
        logits: Tensor = self.shared(choose([layer(images) for layer in self.own], domains))
        return logits


def choose(made: list[Tensor], domains: Tensor) -> Tensor:
    """Of each sample what was `made` (two tensors (n, …)) for its domain, 0 or 1."""
    first, second = made
    return torch.where(domains.view(-1, *[1] * (first.ndim - 1)) == 0, first, second)


class Objective(Game):
    """One discriminator step on a batch of both domains, then one generator step.

    width: channels of the discriminators' first layers. dropout: share of channels dropped while training. craft:
    options of `zoo.models._gan.Game`.
    """

    def __init__(self, model: CoGAN, *, width: int = 32, dropout: float = 0.0, **craft: Any) -> None:
        super().__init__(model, Discriminator(model.config, width, dropout), **craft)


class CoGAN(GAN):
    """Generate and decode by the generator of a domain; encode by inverting it."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)

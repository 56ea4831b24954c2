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

import torch
from torch import Tensor, nn

from zoo._util.config import check, nested, setting
from zoo.conditions import Labels
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn import dcgan
from zoo.nn.layers import initialise
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generators, and the domains."""

    image_size: int = setting(28, "4, 5, 6 or 7 times a power of two")
    channels: int = setting(1, "of images", at_least=1)
    latent_dim: int = setting(32, "numbers in a latent", at_least=1)
    width: int = setting(48, "channels of the generators' last hidden layer", at_least=1)
    classes: tuple[str, str] = setting(("digits", "edges"), "names of the two domains", distinct=True)

    def __post_init__(self) -> None:
        check(self, "cogan")
        dcgan.doublings(self.image_size, "cogan")


class Generator(nn.Module):
    """Latents (n, latent_dim) and domains (n,) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        network = dcgan.Generator(config.latent_dim, config.image_size, config.channels, config.width)
        self.shared = network.hidden  # (n, width, size/2, size/2)
        own = (nn.ConvTranspose2d(config.width, config.channels, 4, stride=2, padding=1) for _ in config.classes)
        self.own = nn.ModuleList(own)
        initialise(self.own)

    def forward(self, z: Tensor, domains: Tensor) -> Tensor:
        hidden = self.shared(z[:, :, None, None])
        return of_domains([layer(hidden).tanh() for layer in self.own], domains)


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] and domains (n,) to logits (n, 1)."""

    def __init__(self, config: Config, width: int, dropout: float) -> None:
        super().__init__()
        network = dcgan.Discriminator(config.image_size, config.channels, width, dropout=dropout)
        own = (nn.Conv2d(config.channels, width, 4, stride=2, padding=1) for _ in config.classes)
        self.own = nn.ModuleList(own)  # to (n, width, size/2, size/2)
        initialise(self.own)
        self.shared = network.after_first

    def forward(self, images: Tensor, domains: Tensor) -> Tensor:
        logits: Tensor = self.shared(of_domains([layer(images) for layer in self.own], domains))
        return logits


def of_domains(made: list[Tensor], domains: Tensor) -> Tensor:
    """Of each sample what was `made` (two tensors (n, …)) for its domain, 0 or 1."""
    first, second = made
    return torch.where(domains.view(-1, *[1] * (first.ndim - 1)) == 0, first, second)


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int = setting(32, "channels of the discriminators' first layers", at_least=1)
    dropout: float = setting(0.0, "share of channels that is dropped in training", at_least=0, below=1)
    adversarial: AdversarialOptions = nested(AdversarialOptions())

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["CoGAN"]):
    """One discriminator step on a batch of both domains, then one generator step."""

    options_class = Options

    def __init__(self, model: CoGAN, options: Options) -> None:
        super().__init__(model, Discriminator(model.config, options.width, options.dropout), options)


class CoGAN(GAN[Config]):
    """Generate and decode by the generator of a domain; encode by inverting it."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.condition = Labels(config.classes)
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)

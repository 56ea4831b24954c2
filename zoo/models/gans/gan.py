"""GAN: the generative adversarial network as it was first, of dense layers.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative adversarial nets",
arXiv:1406.2661. Two networks play min_G max_D E log D(x) + E log(1 − D(G(z))) (equation 1). The generator minimises the
non-saturating −E log D(G(z)) instead, as section 3 advises; loss=minimax has it play by equation 1 itself. The paper's
networks are dense for MNIST; dropout in the discriminator is theirs.

Differs from the paper:
- leaky ReLU (slope 0.2) where the paper's discriminator has maxout units and its generator sigmoids and rectifiers;
- Adam with β₁ = 0.5 (Radford et al. 2015), which was not published yet, where the paper has momentum;
- latents are standard normal, not uniform, so that interpolation and temperature mean what they say;
- it makes vectors as well as images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError
from zoo.models import _gan
from zoo.nn.layers import dense
from zoo.nn.standardising import Standardise
from zoo.recipe import Recipe
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Config:
    """Sizes of the generator."""

    image_shape: tuple[int, ...] = setting((1, 28, 28), "(channels, height, width), or (features,)", at_least=1)
    latent_dim: int = setting(64, "numbers in a latent", at_least=1)
    hidden: tuple[int, ...] = setting((128, 256), "units of the generator's hidden layers", at_least=1, entries=1)

    def __post_init__(self) -> None:
        check(self, "gan")
        if len(self.image_shape) not in (1, 3):
            raise ConfigError(
                f"gan: image_shape={self.image_shape!r}; expected (channels, height, width) or (features,)."
            )


def generator(config: Config) -> nn.Sequential:
    """Latents (n, latent_dim) to images (n, channels, height, width) in [−1, 1], or to vectors (n, features)."""
    network = dense([config.latent_dim, *config.hidden, math.prod(config.image_shape)])
    return network if len(config.image_shape) == 1 else network.extend((nn.Tanh(), nn.Unflatten(1, config.image_shape)))


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    hidden: tuple[int, ...] = setting((512, 256), "units of the discriminator's hidden layers", at_least=1)
    dropout: float = setting(0.3, "share of them that is dropped in training", at_least=0, below=1)
    adversarial: _gan.AdversarialOptions = nested(_gan.AdversarialOptions())

    def __post_init__(self) -> None:
        check(self)


class Objective(_gan.AdversarialObjective["GAN"]):
    """One discriminator step, then one generator step."""

    options_class = Options

    def __init__(self, model: GAN, options: Options) -> None:
        discriminator = dense([model.space.dimensions, *options.hidden, 1], dropout=options.dropout)
        super().__init__(model, nn.Sequential(nn.Flatten(), *discriminator), options)


class GAN(_gan.GAN[Config]):
    """Generate and decode by the generator; encode by inverting it."""

    config_class = Config
    objective_class = Objective
    version = 1
    recipe = Recipe(batch_size=64, steps=20_000, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = of_shape(config.image_shape)
        self.standard = None if self.signed else Standardise(self.space.dimensions)
        self.latent_shape = (config.latent_dim,)
        self.generator = generator(config)

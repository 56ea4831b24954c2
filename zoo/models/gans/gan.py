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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import nn

from zoo.errors import ConfigError
from zoo.models import _gan as adversarial
from zoo.recipe import Recipe
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Config:
    """Sizes. image_shape: (channels, height, width), or (features,); hidden: units of the generator's hidden layers."""

    image_shape: tuple[int, ...] = (1, 28, 28)
    latent_dim: int = 64
    hidden: tuple[int, ...] = (128, 256)

    def __post_init__(self) -> None:
        if len(self.image_shape) not in (1, 3):
            raise ConfigError(
                f"gan: image_shape={self.image_shape!r}; expected (channels, height, width) or (features,)."
            )
        if not self.hidden or min(*self.image_shape, self.latent_dim, *self.hidden) < 1:
            raise ConfigError("gan: every entry of image_shape and hidden, and latent_dim, must be at least 1.")


def dense(sizes: Sequence[int], *, dropout: float = 0.0) -> nn.Sequential:
    """Dense layers from sizes[0] to sizes[-1] with leaky ReLU, and dropout, after all but the last."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def generator(config: Config) -> nn.Sequential:
    """Latents (n, latent_dim) to images (n, channels, height, width) in [−1, 1], or to vectors (n, features)."""
    network = dense([config.latent_dim, *config.hidden, math.prod(config.image_shape)])
    return network if len(config.image_shape) == 1 else network.extend((nn.Tanh(), nn.Unflatten(1, config.image_shape)))


class Objective(adversarial.Game):
    """One discriminator step, then one generator step.

    hidden: units of the discriminator's hidden layers. dropout: share of them dropped while training. craft: options of
    `zoo.models._gan.Game`.
    """

    def __init__(self, model: GAN, *, hidden: Sequence[int] = (512, 256), dropout: float = 0.3, **craft: Any) -> None:
        discriminator = dense([model.dimensions, *hidden, 1], dropout=dropout)
        super().__init__(model, nn.Sequential(nn.Flatten(), *discriminator), **craft)


class GAN(adversarial.GAN):
    """Generate and decode by the generator; encode by inverting it."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(batch_size=64, steps=20_000, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = of_shape(config.image_shape)
        self.latent_shape = (config.latent_dim,)
        self.generator = generator(config)

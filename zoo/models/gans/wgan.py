"""WGAN: the critic estimates the Wasserstein distance; its weights are clipped to keep it Lipschitz.

Arjovsky, Chintala, Bottou 2017, "Wasserstein GAN", arXiv:1701.07875. The critic maximises E f(x) − E f(G(z)) (equation
2) over functions whose weights lie in [−c, c], the generator minimises −E f(G(z)); algorithm 1: c = 0.01, five critic
steps for one of the generator, RMSProp, because momentum made training unstable. The networks are those of DCGAN, as in
section 4.1.

Differs from the paper:
- the learning rate is 0.0002 where algorithm 1 has 0.00005, so that far fewer steps suffice;
- latents are standard normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from zoo._util.config import check, nested, setting
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn.dcgan import Discriminator, Generator, doublings
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator."""

    image_size: int = setting(64, "4, 5, 6 or 7 times a power of two")
    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(100, "numbers in a latent", at_least=1)
    width: int = setting(32, "channels of the generator's narrowest hidden layer", at_least=1)
    output_bias: bool = setting(True, "of the generator's last layer")

    def __post_init__(self) -> None:
        check(self, "wgan")
        doublings(self.image_size, "wgan")


@dataclass(frozen=True)
class Options:
    """How it is trained, with the paper's values. RMSProp has no betas."""

    width: int = setting(32, "channels of the critic's first layer", at_least=1)
    # Without it, clipped weights leave almost nothing of a signal after three layers, and the generator learns blots.
    batch_norm: bool = setting(True, "in the critic")
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(loss="wasserstein", weight_clip=0.01, discriminator_steps=5), without=("beta1", "beta2")
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["WGAN"]):
    """Five critic steps, each followed by the clipping of its weights, then one generator step."""

    options_class = Options

    def __init__(self, model: WGAN, options: Options) -> None:
        config = model.config
        critic = Discriminator(config.image_size, config.channels, options.width, batch_norm=options.batch_norm)
        super().__init__(model, critic, options)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"discriminator": self.discriminator, "generator": self.model.generator}
        rates = self.learning_rates
        return {name: torch.optim.RMSprop(net.parameters(), lr=rates[name]) for name, net in networks.items()}


class WGAN(GAN[Config]):
    """Generate and decode by the generator of DCGAN; encode by inverting it."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"width": 64, "output_bias": False}}
    objective_class = Objective
    recipe = Recipe(batch_size=320, steps=5_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(
            config.latent_dim, config.image_size, config.channels, config.width, bias=config.output_bias
        )

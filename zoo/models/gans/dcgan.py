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
- the generator's last layer has a bias, as in the authors' code and not in PyTorch's example of it (pytorch/examples,
  dcgan), which output_bias=false is: preset="paper" is that example's generator, whose narrowest layer has 64 channels
  as that of the authors' code has;
- latents are standard normal, not uniform on [−1, 1], so that interpolation and temperature mean what they say.

Variants that change one thing are options of the objective: loss=least-squares is LSGAN (Mao et al. 2017,
arXiv:1611.04076); loss=hinge with spectral_norm=true is SNGAN (Miyato et al. 2018, arXiv:1802.05957).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

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
        check(self, "dcgan")
        doublings(self.image_size, "dcgan")


def generator(config: Config) -> Generator:
    """Latents (n, latent_dim) to images (n, channels, size, size) in [−1, 1]. For 64 × 64 transposed convolutions give
    (n, 8·width, 4, 4), (n, 4·width, 8, 8), (n, 2·width, 16, 16), (n, width, 32, 32), each with batch norm and ReLU, and
    (n, channels, 64, 64) with tanh."""
    return Generator(config.latent_dim, config.image_size, config.channels, config.width, bias=config.output_bias)


def discriminator(config: Config, options: Options) -> Discriminator:
    """Images (n, channels, size, size) in [−1, 1] to logits (n, 1). For 64 × 64 strided convolutions give
    (n, width, 32, 32), (n, 2·width, 16, 16), (n, 4·width, 8, 8), (n, 8·width, 4, 4), each but the first with batch norm
    and all with leaky ReLU, and (n, 1)."""
    return Discriminator(config.image_size, config.channels, options.width, batch_norm=options.batch_norm)


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int = setting(32, "channels of the discriminator's first layer", at_least=1)
    batch_norm: bool = setting(
        True, "in the discriminator; leave it out with spectral_norm, as SNGAN does, or with gradient penalties"
    )
    adversarial: AdversarialOptions = nested(AdversarialOptions())

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["DCGAN"]):
    """One discriminator step by the non-saturating loss, then one generator step, each with Adam."""

    options_class = Options

    def __init__(self, model: DCGAN, options: Options) -> None:
        super().__init__(model, discriminator(model.config, options), options)


class DCGAN(GAN[Config]):
    """Generate and decode by the generator; encode by inverting it."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"width": 64, "output_bias": False}}
    objective_class = Objective
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        self.generator = generator(config)

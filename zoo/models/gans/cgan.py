"""Conditional GAN: the class, or a set of attributes, is given to generator and discriminator alike.

Mirza & Osindero 2014, "Conditional generative adversarial nets", arXiv:1411.1784; equation 2 is the game that both
networks play: min_G max_D E log D(x|y) + E log(1 − D(G(z|y))), the generator's half in its non-saturating form.

Differs from the paper:
- both networks are those of DCGAN (arXiv:1511.06434), where the paper's are dense with maxout;
- the discriminator sees the condition as constant planes beside the image, one for each class or attribute, the
  generator as a vector beside the latent, where the paper maps both through a hidden layer first;
- latents are standard normal, not uniform, so that interpolation and temperature mean what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zoo._util.config import check, nested, setting
from zoo.conditions import Labels, check_combinations
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn import dcgan
from zoo.nn.classifier import CLOTHES
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator, and the classes."""

    image_size: int = setting(28, "4, 5, 6 or 7 times a power of two")
    channels: int = setting(1, "of images", at_least=1)
    latent_dim: int = setting(64, "numbers in a latent", at_least=1)
    width: int = setting(48, "channels of the generator's narrowest hidden layer", at_least=1)
    classes: tuple[str, ...] = setting(CLOTHES, "names in order of index", entries=2, distinct=True)
    attributes: tuple[str, ...] = setting((), "if the classes are the combinations of some, their names")

    def __post_init__(self) -> None:
        check(self, "cgan")
        dcgan.doublings(self.image_size, "cgan")
        check_combinations(self.classes, self.attributes, "cgan")


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] and class indices (n,) to logits (n, 1)."""

    def __init__(self, config: Config, width: int, dropout: float) -> None:
        super().__init__()
        self.condition = dcgan.LabelCodes(len(config.classes), len(config.attributes))
        channels = config.channels + self.condition.codes.shape[1]
        self.score = dcgan.Discriminator(config.image_size, channels, width, dropout=dropout)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        planes = self.condition(labels)[:, :, None, None].expand(-1, -1, *images.shape[2:])
        logits: Tensor = self.score(torch.cat([images, planes], 1))
        return logits


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int = setting(48, "channels of the discriminator's first layer", at_least=1)
    dropout: float = setting(0.3, "share of its channels that is dropped in training", at_least=0, below=1)
    adversarial: AdversarialOptions = nested(AdversarialOptions())

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["CGAN"]):
    """One discriminator step on real and generated images of the batch's classes, then one generator step."""

    options_class = Options

    def __init__(self, model: CGAN, options: Options) -> None:
        super().__init__(model, Discriminator(model.config, options.width, options.dropout), options)


class CGAN(GAN[Config]):
    """Generate and decode by the generator under a class; encode by inverting it under that class."""

    config_class = Config
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {".grow.": ".network."}
    recipe = Recipe(batch_size=128, steps=12_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.condition = Labels(config.classes)
        self.latent_shape = (config.latent_dim,)
        codes = dcgan.LabelCodes(len(config.classes), len(config.attributes))
        self.generator = dcgan.ConditionalGenerator(
            codes, config.latent_dim, config.image_size, config.channels, config.width
        )

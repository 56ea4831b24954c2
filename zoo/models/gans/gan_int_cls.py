"""GAN-INT-CLS: from a sentence to an image in one stage.

Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, "Generative adversarial text to image synthesis", arXiv:1605.05396.
Kept: a dense layer with leaky ReLU makes the text's embedding short, and a DCGAN draws from it and from noise (section
4.1, figure 2); the matching-aware discriminator sees the text at 4 × 4 (CLS, section 4.2, algorithm 1); the generator
is also to please it for embeddings between those of two texts, for which there is no image (INT, section 4.3, equation
5); Adam with 0.0002 and β₁ = 0.5, batches of 64.

Differs from the paper:
- the text encoder is small and learned here, with one of images (zoo/models/_text.py), where the paper has a recurrent
  one over characters, with images seen by GoogLeNet;
- the generator's narrowest layer has 32 channels, as that of `dcgan`, where the paper has 128;
- discriminators see images shifted and with holes (Zhao et al. 2020, arXiv:2006.10738), as there are few of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError
from zoo.models._gan import AdversarialOptions
from zoo.models._text import (
    SHAPES,
    UNFIT,
    Discriminator,
    MatchingObjective,
    MatchingOptions,
    TextToImage,
    check_vocabulary,
    unit_variance,
)
from zoo.nn import dcgan
from zoo.objective import Batch
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator, and the vocabulary."""

    image_size: int = setting(64, "4 times a power of two")
    channels: int = setting(3, "of images", at_least=1)
    vocabulary: tuple[str, ...] = setting(SHAPES, "the words it knows")
    words: int = setting(24, "in a text, at most", at_least=1)
    text_dim: int = setting(128, "numbers in a text's embedding", at_least=1)
    condition_dim: int = setting(128, "numbers in what the generator gets of it", at_least=1)
    latent_dim: int = setting(100, "numbers in a latent", at_least=1)
    width: int = setting(32, "channels of the generator's narrowest hidden layer", at_least=1)

    def __post_init__(self) -> None:
        check(self, "gan-int-cls")
        size = self.image_size
        if size < 8 or size & (size - 1):
            raise ConfigError(f"gan-int-cls: image_size={size!r}; expected 4 times a power of two, for example 64.")
        check_vocabulary(self.vocabulary, "gan-int-cls")


class Generator(nn.Module):
    """Noise (n, latent_dim) and embeddings (n, text_dim) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.text_proj = nn.Linear(config.text_dim, config.condition_dim)
        # As loud as the noise from the first step on; the small weights of DCGAN would hide the texts for long.
        nn.init.normal_(self.text_proj.weight, 0.0, config.text_dim**-0.5)
        nn.init.zeros_(self.text_proj.bias)
        inputs = config.latent_dim + config.condition_dim
        self.network = dcgan.Generator(inputs, config.image_size, config.channels, config.width)

    def forward(self, z: Tensor, texts: Tensor) -> Tensor:
        condition = F.leaky_relu(self.text_proj(unit_variance(texts)), 0.2)
        images: Tensor = self.network(torch.cat([z, condition.to(z.dtype)], 1))
        return images


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int = setting(48, "channels of the discriminator's first layer", at_least=1)
    between: float = setting(
        0.5,
        "β of equation 5, at which embeddings lie on the way from one text to another; 0 leaves them out (GAN-CLS)",
        at_least=0,
        below=1,
        example=0.5,
    )
    matching: MatchingOptions = nested(MatchingOptions())
    adversarial: AdversarialOptions = nested(AdversarialOptions(augment="translation,cutout"), without=UNFIT)

    def __post_init__(self) -> None:
        check(self)


class Objective(MatchingObjective["GANIntCls"]):
    """First the encoders, then discriminator and generator with the three pairs, the generator between texts too."""

    options_class = Options
    options: Options

    def __init__(self, model: GANIntCls, options: Options) -> None:
        config = model.config
        discriminator = Discriminator(config.channels, config.image_size, config.text_dim, options.width)
        super().__init__(model, discriminator, options)

    def drawn(self, batch: Batch, texts: Tensor) -> list[Tensor]:
        return [self.model.generator(self.latents(batch), texts)]

    def drawing_loss(self, batch: Batch, texts: Tensor) -> Tensor:
        """That of texts, and that of what lies between each and the next one of the batch (equation 5)."""
        loss = super().drawing_loss(batch, texts)
        if self.options.between:
            loss = loss + super().drawing_loss(batch, torch.lerp(texts, texts.roll(1, 0), self.options.between))
        return loss


class GANIntCls(TextToImage[Config]):
    """Generate and decode by the generator under a text; encode by inverting it under that text."""

    config_class = Config
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {".draw.": ".network.", ".shorten.": ".text_proj."}

    generator: Generator

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)

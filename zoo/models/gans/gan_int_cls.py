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
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util import inputs
from zoo.errors import ConfigError
from zoo.models._gan import without
from zoo.models._text import SHAPES, UNFIT, Discriminator, MatchingGame, TextToImage, check_vocabulary, unit_variance
from zoo.models.gans import dcgan
from zoo.objective import Batch
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes. image_size: 4 times a power of two; vocabulary: the words it knows; words: in a text, at most; text_dim:
    of its embedding; condition_dim: of what the generator is told of it; latent_dim: of the noise; width: of the
    generator's narrowest hidden layer."""

    image_size: int = 64
    channels: int = 3
    vocabulary: tuple[str, ...] = SHAPES
    words: int = 24
    text_dim: int = 128
    condition_dim: int = 128
    latent_dim: int = 100
    width: int = 32

    def __post_init__(self) -> None:
        size = self.image_size
        if not isinstance(size, int) or size < 8 or size & (size - 1):
            raise ConfigError(f"gan-int-cls: image_size={size!r}; expected 4 times a power of two, for example 64.")
        if min(self.channels, self.words, self.text_dim, self.condition_dim, self.latent_dim, self.width) < 1:
            raise ConfigError("gan-int-cls: channels, words, dims and width must be at least 1.")
        check_vocabulary(self.vocabulary, "gan-int-cls")


class Generator(nn.Module):
    """Noise (n, latent_dim) and embeddings (n, text_dim) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.shorten = nn.Linear(config.text_dim, config.condition_dim)
        # As loud as the noise from the first step on; the small weights of DCGAN would hide the texts for long.
        nn.init.normal_(self.shorten.weight, 0.0, config.text_dim**-0.5)
        nn.init.zeros_(self.shorten.bias)
        told = config.latent_dim + config.condition_dim
        self.draw = dcgan.Generator(told, config.image_size, config.channels, config.width)

    def forward(self, z: Tensor, texts: Tensor) -> Tensor:
        told = F.leaky_relu(self.shorten(unit_variance(texts)), 0.2)
        images: Tensor = self.draw(torch.cat([z, told.to(z.dtype)], 1))
        return images


class Objective(MatchingGame):
    """First the encoders, then the game of the three pairs, in which the generator is judged between texts too.

    width: channels of the discriminator's first layer. between: β of equation 5, at which embeddings lie on the way
    from one text to another; 0 leaves them out, which is the paper's GAN-CLS. craft: options of
    `zoo.models._text.MatchingGame`.
    """

    def __init__(self, model: GANIntCls, *, width: int = 48, between: float = 0.5, **craft: Any) -> None:
        without(craft, UNFIT, "gan-int-cls")
        if not 0 <= between < 1:
            raise ConfigError(f"between={between!r}; expected a share in [0, 1), for example 0.5.")
        config, wide = model.config, inputs.whole("width", width, 1)
        super().__init__(model, Discriminator(config.channels, config.image_size, config.text_dim, wide), **craft)
        self.between = between

    def drawn(self, batch: Batch, texts: Tensor) -> list[Tensor]:
        return [self.model.generator(self.latents(batch), texts)]

    def drawing_loss(self, batch: Batch, texts: Tensor) -> Tensor:
        """That of texts, and that of what lies between each and the next one of the batch (equation 5)."""
        loss = super().drawing_loss(batch, texts)
        if self.between:
            loss = loss + super().drawing_loss(batch, torch.lerp(texts, texts.roll(1, 0), self.between))
        return loss


class GANIntCls(TextToImage):
    """Generate and decode by the generator under a text; encode by inverting it under that text."""

    config_class = Config
    objective_class = Objective

    generator: Generator

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)

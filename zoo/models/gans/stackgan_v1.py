"""StackGAN-v1: the generators of the paper, whose texts come as the embeddings of another network.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas 2017, "StackGAN: text to photo-realistic image synthesis with stacked
generative adversarial networks", arXiv:1612.03242; called so in Zhang et al. 2018, arXiv:1710.10916. Stage I draws
64 × 64 pixels from noise and from what conditioning augmentation draws for the text; stage II, which has no noise of
its own, draws 256 × 256 from that image and from the text again. `stackgan` beside it is smaller and comes with a text
encoder, with which it learns.

Differs from the paper as the authors' own code does (hanzhanggit/StackGAN-Pytorch): a ReLU follows the layer of the
conditioning augmentation, so that neither mean nor log-variance is below 0.

It is there for weights that were trained elsewhere: training it needs captions' embeddings, which no data set here has.
The preset `paper` has the sizes of the authors' models of COCO; those of birds have `width=128` and `residual=4`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util import inputs
from zoo._util.config import check, setting
from zoo.conditions import Embeddings
from zoo.errors import ConfigError, InvalidInput
from zoo.models._gan import GAN
from zoo.models._stackgan import Residual, growing
from zoo.nn.layers import initialise
from zoo.noise import Noise
from zoo.recipe import Recipe
from zoo.spaces import Images

HALVED = 4  # times, from stage I's image to the width that `Config.width` multiplies


@dataclass(frozen=True)
class Config:
    """Sizes of the generators."""

    channels: int = setting(3, "of images", at_least=1)
    text_dim: int = setting(128, "numbers in a text's embedding", at_least=1)
    condition_dim: int = setting(32, "numbers that conditioning augmentation draws from it", at_least=1)
    latent_dim: int = setting(64, "numbers of stage I's noise", at_least=1)
    width: int = setting(
        32, "channels: 8 times as many at stage I's 4 × 4, a quarter at stage II's full size", at_least=4
    )
    residual: int = setting(2, "residual blocks of stage II", at_least=0)
    stages: int = setting(2, "1: stage I alone", at_least=1)

    def __post_init__(self) -> None:
        check(self, "stackgan-v1")
        if self.width % 4:
            raise ConfigError(f"stackgan-v1: width={self.width}; expected a multiple of 4.")
        if self.stages > 2:
            raise ConfigError(f"stackgan-v1: stages={self.stages}; expected 1 or 2.")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the images of each stage."""
        return (64, 256)[: self.stages]


class Augmentation(nn.Module):
    """Embeddings (n, text_dim) and noise (n, condition_dim) to what is drawn of the Gaussian that a text stands for
    (section 3.2)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.moments = nn.Linear(config.text_dim, 2 * config.condition_dim)

    def forward(self, texts: Tensor, noise: Tensor) -> Tensor:
        mean, log_variance = F.relu(self.moments(texts)).chunk(2, 1)
        drawn: Tensor = mean + torch.exp(0.5 * log_variance) * noise
        return drawn


class StageI(nn.Module):
    """Noise (n, latent_dim) and what was drawn for the text (n, condition_dim) to images (n, channels, 64, 64) in
    [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = [8 * config.width >> stage for stage in range(HALVED + 1)]
        values = 16 * widths[0]
        self.network = nn.Sequential(
            nn.Linear(config.latent_dim + config.condition_dim, values, bias=False),
            nn.BatchNorm1d(values),
            nn.ReLU(),
            nn.Unflatten(1, (widths[0], 4, 4)),
            *(layer for pair in pairwise(widths) for layer in growing(*pair)),
            nn.Conv2d(widths[-1], config.channels, 3, padding=1, bias=False),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        images: Tensor = self.network(torch.cat([noise, condition], 1))
        return images


class StageII(nn.Module):
    """Images of stage I and what was drawn for the text (n, condition_dim) to images (n, channels, 256, 256) in
    [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, widest = config.width, 4 * config.width
        widths = [widest >> stage for stage in range(HALVED + 1)]
        self.down = nn.Sequential(
            nn.Conv2d(config.channels, width, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Conv2d(2 * width, widest, 4, stride=2, padding=1, bias=False),  # (n, 4·width, 16, 16)
            nn.BatchNorm2d(widest),
            nn.ReLU(),
        )
        self.joint = nn.Sequential(
            nn.Conv2d(config.condition_dim + widest, widest, 3, padding=1, bias=False),
            nn.BatchNorm2d(widest),
            nn.ReLU(),
        )
        self.residual = nn.Sequential(*(Residual(widest) for _ in range(config.residual)))
        self.grow = nn.Sequential(
            *(layer for pair in pairwise(widths) for layer in growing(*pair)),
            nn.Conv2d(widths[-1], config.channels, 3, padding=1, bias=False),
            nn.Tanh(),
        )

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        features = self.down(images)
        planes = condition[:, :, None, None].expand(-1, -1, *features.shape[2:])
        made: Tensor = self.grow(self.residual(self.joint(torch.cat([features, planes], 1))))
        return made


class Generator(nn.Module):
    """Latents (n, latent_dim + stages · condition_dim), the noise of stage I and then that of the conditioning
    augmentation of each stage, and embeddings (n, text_dim) to images of the last stage, or of `stages` of them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.sections = [config.latent_dim] + config.stages * [config.condition_dim]
        self.augment = nn.ModuleList(Augmentation(config) for _ in range(config.stages))
        self.draw = nn.ModuleList([StageI(config), StageII(config)][: config.stages])
        initialise(self)

    def forward(self, z: Tensor, texts: Tensor, stages: int | None = None) -> Tensor:
        images, *noise = torch.split(z, self.sections, 1)
        for augment, draw, each in list(zip(self.augment, self.draw, noise, strict=True))[:stages]:
            images = draw(images, augment(texts, each))
        return images


class StackGANv1(GAN[Config]):
    """Generate and decode under an embedding of a text; encode by inverting the generators under it."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"text_dim": 1024, "condition_dim": 128, "latent_dim": 100, "width": 192, "residual": 2}
    }

    recipe = Recipe(batch_size=64)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.sizes[-1], config.sizes[-1]))
        self.condition = Embeddings(config.text_dim)
        self.generator = Generator(config)
        self.latent_shape = (sum(self.generator.sections),)

    def _decode(self, z: Tensor, condition: Tensor | None, *, stage: int | None = None) -> Tensor:
        """stage: 1 draws the image of stage I, at its own size."""
        stages = self.config.stages if stage is None else inputs.integer("stage", stage, 1)
        if stages > self.config.stages:
            raise InvalidInput(f"stage={stage}; expected at most {self.config.stages}, which this model has.")
        return (self.generator(z, condition, stages) + 1) / 2  # type: ignore[no-any-return]

    def _generate(
        self,
        noise: Noise,
        condition: Tensor | None,
        temperature: float,
        *,
        truncation: float | None = None,
        stage: int | None = None,
    ) -> Tensor:
        """truncation: as of all GANs. stage: as in `_decode`."""
        return self._decode(self._latents(noise, temperature, truncation=truncation), condition, stage=stage)

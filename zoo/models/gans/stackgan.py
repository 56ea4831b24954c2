"""StackGAN: from a sentence to a sketch of 32 × 32 pixels, and from both to an image of twice or four times the size.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas 2017, "StackGAN: text to photo-realistic image synthesis with stacked
generative adversarial networks", arXiv:1612.03242. Kept: conditioning augmentation, a Gaussian whose mean and variance
follow from the text, with its KL divergence (section 3.2, equation 2); stage I, which draws from noise and text (3.3);
stage II, which sees the sketch and the text again, through residual blocks and without noise of its own (3.4); the
matching-aware discriminator of Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, arXiv:1605.05396, section 4.2, that
tells {right image, right text} from {drawn image, right text} and from {right image, wrong text}.

Differs from the paper:
- images of 64 or 128 pixels and sketches of 32, where it has 256 and 64; networks as narrow as that allows;
- the text encoder is small and learned here, with one of images (zoo/models/_text.py), where the paper takes that of
  Reed et al. 2016, arXiv:1605.05395. Both come with the weights, so that `similarity` can judge what was drawn;
- what is drawn for a text begins with a standard deviation of 0.37, not 1, around means that differ from text to text;
  the KL divergence is averaged over the dimensions, as in the authors' code;
- stage II adds to the sketch, enlarged, so that from its first step on it draws no less than the sketch shows; in the
  paper it draws anew;
- stage I goes on learning, against its own discriminator, while stage II learns, as in StackGAN-v2 (Zhang et al. 2018,
  arXiv:1710.10916, section 4), so that the moving average of the weights is one of both; nothing of stage II's loss
  reaches it;
- discriminators see images shifted and with holes (Zhao et al. 2020, arXiv:2006.10738), as there are few of them.
"""

# Longer than other systems: two stages, each a GAN of its own, and the conditioning that both share.

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util import inputs
from zoo._util.config import check, nested, setting
from zoo.errors import InvalidInput
from zoo.models._gan import AdversarialOptions
from zoo.models._stackgan import Residual, growing
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
from zoo.nn import losses
from zoo.nn.layers import bounded, initialise
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.spaces import Images

START = -2.0  # of the log-variance of what is drawn for a text, 0 being the prior's


@dataclass(frozen=True)
class Config:
    """Sizes of the generator, and the vocabulary."""

    channels: int = setting(3, "of images", at_least=1)
    vocabulary: tuple[str, ...] = setting(SHAPES, "the words it knows")
    words: int = setting(24, "in a text, at most", at_least=1)
    text_dim: int = setting(128, "numbers in a text's embedding", at_least=1)
    condition_dim: int = setting(32, "numbers that conditioning augmentation draws from it", at_least=1)
    latent_dim: int = setting(64, "numbers of stage I's noise", at_least=1)
    sketch: tuple[int, ...] = setting(
        (128, 96, 64, 48), "channels of stage I at 4 × 4 and at every doubling", at_least=1, entries=2
    )
    refine: tuple[int, ...] = setting(
        (64, 48, 32), "channels of stage II at half the size of the sketch and at every doubling", at_least=1, entries=3
    )

    def __post_init__(self) -> None:
        check(self, "stackgan")
        check_vocabulary(self.vocabulary, "stackgan")

    @property
    def sizes(self) -> tuple[int, int]:
        """Sides of the images of both stages."""
        sketch = 4 << len(self.sketch) - 1
        return sketch, sketch // 2 << len(self.refine) - 1


class Augmentation(nn.Module):
    """Embeddings (n, text_dim) and noise (n, condition_dim) to what is drawn of the Gaussian that a text stands for
    (section 3.2)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.moments = nn.Linear(config.text_dim, 2 * config.condition_dim)
        # From the first step on texts are farther from each other than what is drawn for one of them: noise of as much
        # as the prior's would hide them from the generator for long.
        mean, log_variance = self.moments.weight.chunk(2)
        nn.init.normal_(mean, 0.0, 1 / math.sqrt(config.text_dim))
        nn.init.zeros_(log_variance)
        nn.init.zeros_(self.moments.bias[: config.condition_dim])
        nn.init.constant_(self.moments.bias[config.condition_dim :], START)

    def gaussian(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Its mean and log-variance, (n, condition_dim) each."""
        mean, log_variance = losses.at_least_float32(self.moments(unit_variance(texts))).chunk(2, 1)
        return mean, log_variance

    def forward(self, texts: Tensor, noise: Tensor) -> Tensor:
        mean, log_variance = self.gaussian(texts)
        return (mean + torch.exp(0.5 * log_variance) * noise).to(noise.dtype)


class StageI(nn.Module):
    """Noise (n, latent_dim) and what was drawn from the text (n, condition_dim) to sketches (n, channels, s, s) in
    [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = config.sketch
        self.network = nn.Sequential(
            nn.Linear(config.latent_dim + config.condition_dim, 16 * widths[0], bias=False),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            *(layer for pair in pairwise(widths) for layer in growing(*pair)),
            nn.Conv2d(widths[-1], config.channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        images: Tensor = self.network(torch.cat([noise, condition], 1))
        return images


class StageII(nn.Module):
    """Sketches and what was drawn from the text (n, condition_dim) to images (n, channels, size, size), about in
    [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        first, *_ = widths = config.refine
        self.down = nn.Sequential(
            nn.Conv2d(config.channels, first // 2 or 1, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first // 2 or 1, first, 4, stride=2, padding=1, bias=False),  # (n, 64, 16, 16)
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        self.refine = nn.Sequential(
            nn.Conv2d(first + config.condition_dim, first, 3, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            Residual(first),
            Residual(first),
            *(layer for pair in pairwise(widths) for layer in growing(*pair)),
            nn.Conv2d(widths[-1], config.channels, 3, padding=1),
        )

    def forward(self, sketches: Tensor, condition: Tensor) -> Tensor:
        features = self.down(sketches)
        planes = condition.to(features.dtype)[:, :, None, None].expand(-1, -1, *features.shape[2:])
        change = self.refine(torch.cat([features, planes], 1))
        enlarged = F.interpolate(sketches, size=change.shape[2:], mode="bilinear")
        images: Tensor = enlarged + change
        return images


class Generator(nn.Module):
    """Latents and embeddings (n, text_dim) to the images of each stage, about in [−1, 1]. Latents (n, latent_dim +
    2·condition_dim): the noise of stage I, then of the conditioning augmentation of both stages. apart: whether no
    gradient passes from stage II to stage I."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.sections = [config.latent_dim, config.condition_dim, config.condition_dim]
        self.augment = nn.ModuleList([Augmentation(config), Augmentation(config)])
        self.sketch, self.refine = StageI(config), StageII(config)
        initialise(self.sketch)
        initialise(self.refine)

    def forward(self, z: Tensor, texts: Tensor, stages: int = 2, *, apart: bool = False) -> list[Tensor]:
        noise, first, second = torch.split(z, self.sections, 1)
        images: list[Tensor] = [self.sketch(noise, self.augment[0](texts, first))]
        if stages > 1:
            sketches = images[0].detach() if apart else images[0]
            images.append(self.refine(sketches, self.augment[1](texts, second)))
        return images


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    sketch: int = setting(4000, "steps of stage I alone, after those of the encoders", at_least=1)
    width: int = setting(48, "channels of the discriminators' first layers", at_least=1)
    kl: float = setting(1.0, "factor λ of the KL divergence, which is averaged over the dimensions", at_least=0)
    matching: MatchingOptions = nested(MatchingOptions())
    adversarial: AdversarialOptions = nested(AdversarialOptions(augment="translation,cutout"), without=UNFIT)

    def __post_init__(self) -> None:
        check(self)


class Objective(MatchingObjective["StackGAN"]):
    """First the encoders, then stage I, then both stages."""

    options_class = Options
    options: Options

    def __init__(self, model: StackGAN, options: Options) -> None:
        channels, text_dim = model.config.channels, model.config.text_dim
        networks = [Discriminator(channels, size, text_dim, options.width) for size in model.config.sizes]
        super().__init__(model, nn.ModuleList(networks), options)
        self.phases = (0, options.matching.match, options.matching.match + options.sketch)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        self.model.stages.fill_(2 if self.step >= self.phases[2] else 1)
        yield from super().updates(batch)

    def drawn(self, batch: Batch, texts: Tensor) -> list[Tensor]:
        images: list[Tensor] = self.model.generator(self.latents(batch), texts, int(self.model.stages), apart=True)
        return images

    def drawing_loss(self, batch: Batch, texts: Tensor) -> Tensor:
        """Over the stages, the loss of what is drawn for texts, and λ times the KL divergence of what is drawn from
        these from a standard normal (equation 2)."""
        total = super().drawing_loss(batch, texts)
        augmentations: Any = self.model.generator.augment
        for augment in augmentations[: int(self.model.stages)]:
            mean, log_variance = augment.gaussian(texts)
            total = total + self.options.kl * losses.gaussian_kl(mean, log_variance).mean() / mean.shape[1]
        return total

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The outputs of the discriminator for images of this size; `labels` are the texts' embeddings."""
        discriminators: Any = self.discriminator
        outputs: Tensor = discriminators[self.model.config.sizes.index(images.shape[-1])](images, labels)
        return outputs


class StackGAN(TextToImage[Config]):
    """Generate and decode by one stage or both under a text; encode by inverting them under that text."""

    config_class = Config
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {
        "refine.read.": "refine.down.",
        ".read.": ".moments.",
        "sketch.grow.": "sketch.network.",
    }

    generator: Generator
    stages: Tensor  # how many have been trained; of a trained model both

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.sizes[1], config.sizes[1]))
        self.latent_shape = (config.latent_dim + 2 * config.condition_dim,)
        self.generator = Generator(config)
        self.register_buffer("stages", torch.tensor(2))
        self._trained = 2

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        if not self.stages.is_meta:
            self._trained = int(self.stages)

    def _decode(self, z: Tensor, condition: Tensor | None, *, stage: int | None = None) -> Tensor:
        """stage: 1 draws the sketch alone, at its own size."""
        if not torch.compiler.is_compiling():  # a graph takes what was read last: a buffer has no value there
            self._trained = int(self.stages)
        trained = self._trained
        wanted = trained if stage is None else inputs.integer("stage", stage, 1)
        if wanted > trained:
            raise InvalidInput(f"stage={wanted}; expected at most {trained}, the number of stages that are trained.")
        # Nothing bounds a sum; what is a little beyond black or white is black or white.
        images = bounded((self.generator(z, condition, wanted)[-1] + 1) / 2)
        if stage is not None or wanted == 2:
            return images
        return F.interpolate(images, size=self.space.shape[1:])  # in training: as large as it will be

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

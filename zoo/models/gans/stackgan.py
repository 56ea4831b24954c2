"""StackGAN: from a sentence to a sketch of 32 × 32 pixels, and from both to an image of twice or four times the size.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas 2017, "StackGAN: text to photo-realistic image synthesis with stacked
generative adversarial networks", arXiv:1612.03242. Kept: conditioning augmentation, a Gaussian whose mean and variance
follow from the text, with its KL divergence (section 3.2, equation 2); stage I, which draws from noise and text (3.3);
stage II, which sees the sketch and the text again, through residual blocks and without noise of its own (3.4); the
matching-aware discriminator of Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, arXiv:1605.05396, section 4.2, that
tells {right image, right text} from {drawn image, right text} and from {right image, wrong text}.

Differs from the paper:
- images of 64 or 128 pixels and sketches of 32, where it has 256 and 64; networks as narrow as that allows;
- the text encoder is small and learned here: words, a convolution over three of them and the largest of each feature,
  trained together with a small encoder of images so that texts and images that belong together are near (Radford et al.
  2021, arXiv:2103.00020, section 2.3), where the paper takes the encoder of Reed et al. 2016, arXiv:1605.05395. Both
  encoders come with the weights, so that `similarity` can judge what was drawn;
- what is drawn for a text begins with a standard deviation of 0.37, not 1, around means that differ from text to text;
  the KL divergence is averaged over the dimensions, as in the authors' code;
- stage II adds to the sketch, enlarged, so that from its first step on it draws no less than the sketch shows; in the
  paper it draws anew;
- stage I goes on learning, against its own discriminator, while stage II learns, as in StackGAN-v2 (Zhang et al. 2018,
  arXiv:1710.10916, section 4), so that the moving average of the weights is one of both; nothing of stage II's loss
  reaches it;
- discriminators see images shifted and with holes (Zhao et al. 2020, arXiv:2006.10738), as there are few of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo import inputs, losses
from zoo.adversarial import GAN, Game, not_negative, without
from zoo.conditions import END, FIRST, UNKNOWN, words
from zoo.errors import ConfigError, InvalidInput
from zoo.layers import bounded
from zoo.model import Model
from zoo.models.gans.dcgan import initialise
from zoo.noise import Noise
from zoo.training.objective import Batch, adam
from zoo.training.recipe import Recipe

SHAPES = ("a", "blue", "circle", "green", "on", "red", "square", "white")  # for want of a data set's own vocabulary
MATCHED = 64  # pixels on a side of the images whose likeness to texts is learned
START = -2.0  # of the log-variance of what is drawn for a text, 0 being the prior's
FORGOTTEN = 0.1  # share of the words that training replaces by the unknown one, which has to mean something


@dataclass(frozen=True)
class Config:
    """Sizes. vocabulary: the words it knows; words: in a text, at most; text_dim: of its embedding; condition_dim: of
    what conditioning augmentation draws from it; latent_dim: of the noise of stage I; sketch: channels of stage I at
    4 × 4 and at every doubling; refine: channels of stage II at half the size of the sketch and at every doubling."""

    channels: int = 3
    vocabulary: tuple[str, ...] = SHAPES
    words: int = 24
    text_dim: int = 128
    condition_dim: int = 32
    latent_dim: int = 64
    sketch: tuple[int, ...] = (128, 96, 64, 48)
    refine: tuple[int, ...] = (64, 48, 32)

    def __post_init__(self) -> None:
        sizes = (self.channels, self.words, self.text_dim, self.condition_dim, self.latent_dim)
        if min(*sizes, *self.sketch, *self.refine) < 1 or len(self.sketch) < 2 or len(self.refine) < 3:
            raise ConfigError("stackgan: sizes must be at least 1, of at least two sketch and three refine channels.")
        if not self.vocabulary or len(set(self.vocabulary)) < len(self.vocabulary):
            raise ConfigError(f"stackgan: a vocabulary of {len(self.vocabulary)} words; expected some, all different.")
        if strange := [word for word in self.vocabulary if words(word) != [word]]:
            raise ConfigError(f"stackgan: {strange[0]!r} in the vocabulary; expected single words in small letters.")

    @property
    def sizes(self) -> tuple[int, int]:
        """Sides of the images of both stages."""
        sketch = 4 << len(self.sketch) - 1
        return sketch, sketch // 2 << len(self.refine) - 1


class TextEncoder(nn.Module):
    """Indices of words (n, words) to embeddings (n, text_dim) of length 1."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        dim = config.text_dim
        self.words = nn.Embedding(FIRST + len(config.vocabulary), dim // 2 or 1, padding_idx=END)
        self.phrases = nn.Conv1d(dim // 2 or 1, dim, 3, padding=1)
        self.project = nn.Linear(dim, dim)

    def forward(self, indices: Tensor) -> Tensor:
        phrases = F.leaky_relu(self.phrases(self.words(indices).mT), 0.2)
        largest = phrases.masked_fill((indices == END)[:, None], -1e4).amax(2)
        return F.normalize(losses.wide(self.project(largest)), dim=1)


class ImageEncoder(nn.Sequential):
    """Images (n, channels, 64, 64) in [−1, 1] to embeddings (n, text_dim) of length 1."""

    def __init__(self, channels: int, dim: int) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((channels, 32, 64, 96, 128)):  # to (n, 128, 4, 4)
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, dim))

    def forward(self, images: Tensor) -> Tensor:
        return F.normalize(losses.wide(super().forward(images)), dim=1)  # type: ignore[no-untyped-call]


class Augmentation(nn.Module):
    """Embeddings (n, text_dim) and noise (n, condition_dim) to what is drawn of the Gaussian that a text stands for
    (section 3.2)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.read = nn.Linear(config.text_dim, 2 * config.condition_dim)
        # From the first step on texts are farther from each other than what is drawn for one of them: noise of as much
        # as the prior's would hide them from the generator for long.
        mean, log_variance = self.read.weight.chunk(2)
        nn.init.normal_(mean, 0.0, 1 / math.sqrt(config.text_dim))
        nn.init.zeros_(log_variance)
        nn.init.zeros_(self.read.bias[: config.condition_dim])
        nn.init.constant_(self.read.bias[config.condition_dim :], START)

    def gaussian(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Its mean and log-variance, (n, condition_dim) each."""
        mean, log_variance = losses.wide(self.read(unit_variance(texts))).chunk(2, 1)
        return mean, log_variance

    def forward(self, texts: Tensor, noise: Tensor) -> Tensor:
        mean, log_variance = self.gaussian(texts)
        return (mean + torch.exp(0.5 * log_variance) * noise).to(noise.dtype)


def unit_variance(embeddings: Tensor) -> Tensor:
    """Embeddings (n, dim) of length 1 as layers are initialised for: each number about as large as 1."""
    return embeddings * math.sqrt(embeddings.shape[1])


def growing(before: int, after: int) -> list[nn.Module]:
    """(n, before, s, s) to (n, after, 2s, 2s)."""
    return [
        nn.Upsample(scale_factor=2),
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]


class StageI(nn.Module):
    """Noise (n, latent_dim) and what was drawn from the text (n, condition_dim) to sketches (n, channels, s, s) in
    [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = config.sketch
        self.grow = nn.Sequential(
            nn.Linear(config.latent_dim + config.condition_dim, 16 * widths[0], bias=False),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            *(layer for pair in pairwise(widths) for layer in growing(*pair)),
            nn.Conv2d(widths[-1], config.channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor, told: Tensor) -> Tensor:
        images: Tensor = self.grow(torch.cat([noise, told], 1))
        return images


class Residual(nn.Module):
    """(n, width, s, s) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.change(x))


class StageII(nn.Module):
    """Sketches and what was drawn from the text (n, condition_dim) to images (n, channels, size, size), about in
    [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        first, *_ = widths = config.refine
        self.read = nn.Sequential(
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

    def forward(self, sketches: Tensor, told: Tensor) -> Tensor:
        features = self.read(sketches)
        planes = told.to(features.dtype)[:, :, None, None].expand(-1, -1, *features.shape[2:])
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


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] and embeddings (n, text_dim) to logits (n, 1): do they match, and is
    the image real (section 3.3)? Of k·n embeddings the logits (k·n, 1) of all images with the first n, and so on."""

    def __init__(self, config: Config, size: int, width: int) -> None:
        super().__init__()
        widths = [min(width << stage, 4 * width) for stage in range(size.bit_length() - 3)]
        layers: list[nn.Module] = [nn.Conv2d(config.channels, widths[0], 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for before, after in pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
        self.look = nn.Sequential(*layers)  # (n, 4·width, 4, 4)
        self.hear = nn.Sequential(nn.Linear(config.text_dim, width), nn.LeakyReLU(0.2))
        self.judge = nn.Sequential(
            nn.Conv2d(widths[-1] + width, widths[-1], 1, bias=False),
            nn.BatchNorm2d(widths[-1]),
            nn.LeakyReLU(0.2),
            nn.Conv2d(widths[-1], 1, 4),
            nn.Flatten(),
        )
        initialise(self)

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        features = self.look(images).repeat(len(texts) // len(images), 1, 1, 1)
        planes = self.hear(unit_variance(texts))[:, :, None, None].expand(-1, -1, *features.shape[2:])
        logits: Tensor = self.judge(torch.cat([features, planes.to(features.dtype)], 1))
        return logits


def matching(model: Model, captions: Sequence[Sequence[str]], texts: Sequence[str]) -> list[list[bool]]:
    """Whether each of `texts` is one of an image's `captions`, as the model reads them, a row for each image: what
    differs only in words it does not know is the same."""
    flat = [text for own in captions for text in own]
    read = [tuple(row) for row in model.word_indices([*texts, *flat]).tolist()]
    said, rest = read[: len(texts)], iter(read[len(texts) :])
    known = [{next(rest) for _ in own} for own in captions]
    return [[each in own for each in said] for own in known]


def wrong_texts(texts: Sequence[str], matches: Sequence[Sequence[bool]]) -> list[str | None]:
    """For each image one of `texts` that does not match it, drawn at random; None where all do. matches: a row for each
    image, an entry for each text."""
    found: list[str | None] = []
    for row in matches:
        others = [text for text, right in zip(texts, row, strict=True) if not right]
        found.append(others[int(torch.randint(len(others), ()))] if others else None)
    return found


def matching_loss(similarities: Tensor, matches: Tensor) -> Tensor:
    """Cross-entropy, both ways, of similarities (n, m) of images and texts, already scaled, against the texts that
    match each image, all of them alike; matches: bool (n, m), at least one in each row and column (Radford et al. 2021,
    figure 3, which has one)."""
    wanted = matches.float()
    by_image = F.cross_entropy(similarities, wanted / wanted.sum(1, keepdim=True))
    by_text = F.cross_entropy(similarities.T, wanted.T / wanted.T.sum(1, keepdim=True))
    return (by_image + by_text) / 2


class Objective(Game):
    """First the encoders, then stage I, then both stages.

    match: steps of the encoders. sketch: steps of stage I alone that follow. width: channels of the discriminators'
    first layers. kl: the factor λ of the KL divergence, which is averaged over the dimensions of a Gaussian, as in the
    authors' code. matching_rate: the encoders' learning rate. craft: options of `zoo.adversarial.Game`.
    """

    def __init__(
        self,
        model: StackGAN,
        *,
        match: int = 1500,
        sketch: int = 4000,
        width: int = 48,
        kl: float = 1.0,
        matching_rate: float = 0.001,
        augment: str = "translation,cutout",
        **craft: Any,
    ) -> None:
        without(craft, ("mixed", "discriminator_steps"), "stackgan")
        not_negative(kl=kl)
        channels = inputs.whole("width", width, 1)
        discriminators = nn.ModuleList(Discriminator(model.config, size, channels) for size in model.config.sizes)
        super().__init__(model, discriminators, augment=augment, **craft)
        self.kl, self.matching_rate = kl, inputs.real("matching_rate", matching_rate, 0, "0.001")
        self.match, self.sketch = inputs.whole("match", match, 1), inputs.whole("sketch", sketch, 1)
        self.phases = (0, self.match, self.match + self.sketch)
        self.sharpness = nn.Parameter(torch.tensor(10.0).log())  # of similarities: 1 over the softmax's temperature

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        encoders = nn.ModuleList([self.model.text_encoder, self.model.image_encoder])
        encoders.register_parameter("sharpness", self.sharpness)
        rates = {"encoders": self.matching_rate}
        return adam({"encoders": encoders}, rates, (0.9, 0.999)) | super().optimizers()

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        self.model.stages.fill_(2 if self.step >= self.phases[2] else 1)
        if self.step < self.match:
            yield "encoders", self.encoders_step(batch)
        else:
            yield from super().steps(batch)

    def encoders_step(self, batch: Batch) -> Tensor:
        """The loss of the encoders on a batch, an image and a caption each; captions that others have too match all
        their images."""
        texts = _chosen(batch.captions)
        indices = self.model.word_indices(texts)
        forgotten = (torch.rand(indices.shape, device=indices.device) < FORGOTTEN) & (indices != END)
        told = self.model.text_encoder(indices.masked_fill(forgotten, UNKNOWN))
        looks = self.model.look(self.seen(2 * batch.images - 1))
        matches = torch.tensor(matching(self.model, batch.captions, texts), device=looks.device)
        return matching_loss(self.sharpness.exp() * looks @ told.T, matches)

    def discriminator_step(self, batch: Batch) -> Tensor:
        """Over the stages, the loss of three pairs: {real, right text} is to be told from {drawn, right text} and from
        {real, wrong text} (Reed et al. 2016, algorithm 1)."""
        texts = _chosen(batch.captions)
        others = wrong_texts(texts, matching(self.model, batch.captions, texts))
        mistold = torch.tensor([text is not None for text in others], device=batch.images.device)
        with torch.no_grad():
            right = self.told(texts)
            wrong = self.told([right if other is None else other for other, right in zip(others, texts, strict=True)])
            fakes = self.model.generator(self.latents(batch), right, int(self.model.stages))
        terms = []
        for fake in fakes:
            real = F.adaptive_avg_pool2d(2 * batch.images - 1, fake.shape[2:])
            seen_real, seen_fake = self.seen(real), self.seen(fake)
            on_real, on_wrong = self.score(seen_real, torch.cat([right, wrong])).chunk(2)
            on_fake = self.score(seen_fake, right)
            self.note(on_real, on_fake)
            loss = self.discriminator_loss(on_real, torch.cat([on_fake, on_wrong[mistold]]))
            terms.append(loss + self.penalty(seen_real, seen_fake, right))
        return torch.stack(terms).sum()

    def generator_step(self, batch: Batch) -> Tensor:
        """Over the stages, the loss of what is drawn for the batch's texts, and λ times the KL divergence of what is
        drawn from these from a standard normal (equation 2)."""
        generator = self.model.generator
        with torch.no_grad():
            right = self.told(_chosen(batch.captions))
        fakes = generator(self.latents(batch), right, int(self.model.stages), apart=True)
        total = torch.stack([self.loss.generator(self.score(self.seen(fake), right)) for fake in fakes]).sum()
        for augment in generator.augment[: len(fakes)]:
            mean, log_variance = augment.gaussian(right)
            total = total + self.kl * losses.gaussian_kl(mean, log_variance).mean() / mean.shape[1]
        return total

    def told(self, texts: Sequence[str]) -> Tensor:
        """Embeddings of texts."""
        embeddings: Tensor = self.model.text_encoder(self.model.word_indices(texts))
        return embeddings

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The outputs of the discriminator for images of this size; `labels` are the texts' embeddings."""
        judges: Any = self.discriminator
        outputs: Tensor = judges[self.model.config.sizes.index(images.shape[-1])](images, labels)
        return outputs


def _chosen(captions: Sequence[Sequence[str]]) -> list[str]:
    """One caption for each image, drawn at random."""
    return [own[int(torch.randint(len(own), ()))] for own in captions]


class StackGAN(GAN):
    """Generate and decode by one stage or both under a text; encode by inverting them under that text."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(
        dataset="captioned-images",
        batch_size=64,
        steps=10_000,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
    )

    generator: Generator
    stages: Tensor  # how many have been trained; of a trained model both

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.image_shape = (config.channels, config.sizes[1], config.sizes[1])
        self.latent_shape = (config.latent_dim + 2 * config.condition_dim,)
        self.text_shape, self.longest_text = (config.text_dim,), config.words
        self.text_encoder, self.image_encoder = TextEncoder(config), ImageEncoder(config.channels, config.text_dim)
        self.generator = Generator(config)
        self.register_buffer("stages", torch.tensor(2))

    def look(self, images: Tensor) -> Tensor:
        """Embeddings (n, text_dim) of images (n, channels, size, size) in [−1, 1]."""
        embeddings: Tensor = self.image_encoder(F.adaptive_avg_pool2d(images, MATCHED))
        return embeddings

    def similarity(self, images: Tensor, texts: Any) -> Tensor:
        """Cosines (n, m), in [−1, 1], of what images (n, channels, height, width) show and what m texts, or embeddings
        (m, text_dim) of texts, say, as the encoders that came with the weights see it. Raises InvalidInput."""
        given, told = self.check_images(images), F.normalize(losses.wide(self.embed(texts).detach()), dim=1)
        with torch.inference_mode(), self.evaluating():
            looks = torch.cat([self.look(2 * part - 1) for part in torch.split(given, self._at_once(None))])
        return self.check_result((looks @ told.to(looks).T).clamp(-1, 1).clone())

    def _embed(self, indices: Tensor) -> Tensor:
        embeddings: Tensor = self.text_encoder(indices)
        return embeddings

    def _decode(self, z: Tensor, condition: Tensor | None, *, stage: int | None = None) -> Tensor:
        """stage: 1 draws the sketch alone, at its own size."""
        trained = int(self.stages)
        wanted = trained if stage is None else inputs.whole("stage", stage, 1)
        if wanted > trained:
            raise InvalidInput(f"stage={wanted}; expected at most {trained}, the number of stages that are trained.")
        # Nothing bounds a sum; what is a little beyond black or white is black or white.
        images = bounded((self.generator(z, condition, wanted)[-1] + 1) / 2)
        if stage is not None or wanted == 2:
            return images
        return F.interpolate(images, size=self.image_shape[1:])  # in training: as large as it will be

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

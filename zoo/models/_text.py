"""What models that draw what a text says share: encoders of texts and of images, learned here by contrast and shipped
with the weights, and the matching-aware discriminator.

The text encoder is small: words, a convolution over three of them and the largest of each feature. It is trained
together with a small encoder of images so that texts and images that belong together are near (Radford et al. 2021,
arXiv:2103.00020, section 2.3). The discriminator is that of Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016,
"Generative adversarial text to image synthesis", arXiv:1605.05396, section 4.2 and algorithm 1: it tells {right image,
right text} from {drawn image, right text} and from {right image, wrong text}.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.conditions import Texts
from zoo.errors import ConfigError
from zoo.model.hooks import ConfigT
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn import losses
from zoo.nn.layers import initialise
from zoo.objective import Batch, adam
from zoo.recipe import Recipe
from zoo.texts import END, FIRST, UNKNOWN, words

SHAPES = ("a", "blue", "circle", "green", "on", "red", "square", "white")  # for want of a data set's own vocabulary
MATCHED = 64  # pixels on a side of the images whose similarity to texts is learned
# Options of an adversarial objective for which that of three pairs, with batch norm, has no place.
UNFIT = ("mixed", "discriminator_steps", "r1", "gradient_penalty")
FORGOTTEN = 0.1  # share of the words that training replaces by the unknown one, which has to mean something


def check_vocabulary(vocabulary: Sequence[str], architecture: str) -> None:
    """ConfigError unless these are single words in small letters, all different."""
    if not vocabulary or len(set(vocabulary)) < len(vocabulary):
        raise ConfigError(f"{architecture}: a vocabulary of {len(vocabulary)} words; expected some, all different.")
    if strange := [word for word in vocabulary if words(word) != [word]]:
        raise ConfigError(f"{architecture}: {strange[0]!r} in the vocabulary; expected single words in small letters.")


class TextEncoder(nn.Module):
    """Indices (n, words) of a `vocabulary` of so many words to embeddings (n, dim) of length 1."""

    def __init__(self, vocabulary: int, dim: int) -> None:
        super().__init__()
        self.words = nn.Embedding(FIRST + vocabulary, dim // 2 or 1, padding_idx=END)
        self.phrases = nn.Conv1d(dim // 2 or 1, dim, 3, padding=1)
        self.project = nn.Linear(dim, dim)

    def forward(self, indices: Tensor) -> Tensor:
        phrases = F.leaky_relu(self.phrases(self.words(indices).mT), 0.2)
        largest = phrases.masked_fill((indices == END)[:, None], -1e4).amax(2)
        return F.normalize(losses.at_least_float32(self.project(largest)), dim=1)


class ImageEncoder(nn.Sequential):
    """Images (n, channels, 64, 64) in [−1, 1] to embeddings (n, dim) of length 1."""

    def __init__(self, channels: int, dim: int) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((channels, 32, 64, 96, 128)):  # to (n, 128, 4, 4)
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, dim))

    def forward(self, images: Tensor) -> Tensor:
        return F.normalize(losses.at_least_float32(super().forward(images)), dim=1)  # type: ignore[no-untyped-call]


def unit_variance(embeddings: Tensor) -> Tensor:
    """Embeddings (n, dim) of length 1 as layers are initialised for: each number about as large as 1."""
    return embeddings * math.sqrt(embeddings.shape[1])


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] and embeddings (n, text_dim) to logits (n, 1): do they match, and is
    the image real (section 4.2)? Of k·n embeddings the logits (k·n, 1) of all images with the first n, and so on."""

    def __init__(self, channels: int, size: int, text_dim: int, width: int) -> None:
        super().__init__()
        widths = [min(width << stage, 4 * width) for stage in range(size.bit_length() - 3)]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for before, after in pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
        self.image_net = nn.Sequential(*layers)  # (n, 4·width, 4, 4)
        self.text_proj = nn.Sequential(nn.Linear(text_dim, width), nn.LeakyReLU(0.2))
        self.head = nn.Sequential(
            nn.Conv2d(widths[-1] + width, widths[-1], 1, bias=False),
            nn.BatchNorm2d(widths[-1]),
            nn.LeakyReLU(0.2),
            nn.Conv2d(widths[-1], 1, 4),
            nn.Flatten(),
        )
        initialise(self)

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        features = self.image_net(images).repeat(len(texts) // len(images), 1, 1, 1)
        planes = self.text_proj(unit_variance(texts))[:, :, None, None].expand(-1, -1, *features.shape[2:])
        logits: Tensor = self.head(torch.cat([features, planes.to(features.dtype)], 1))
        return logits


def matching(model: TextToImage, captions: Sequence[Sequence[str]], texts: Sequence[str]) -> list[list[bool]]:
    """Whether each of `texts` is one of an image's `captions`, as the model reads them, a row for each image: what
    differs only in words it does not know is the same."""
    flat = [text for own in captions for text in own]
    read = [tuple(row) for row in model.condition.indices([*texts, *flat]).tolist()]
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


class TextToImage(GAN[ConfigT]):
    """Generate and decode under a text; encode by inverting the generator under that text.

    A subclass sets `space`, `latent_shape` and a generator.
    """

    condition: Texts

    recipe = Recipe(
        dataset="captioned-images",
        batch_size=64,
        steps=10_000,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
    )

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.condition = Texts(config.vocabulary, config.words, config.text_dim)
        self.text_encoder = TextEncoder(len(config.vocabulary), config.text_dim)
        self.image_encoder = ImageEncoder(config.channels, config.text_dim)

    def indices(self, texts: Sequence[str]) -> Tensor:
        """Indices (n, words) of the words of `texts`, strange words unknown ones and what is too long cut."""
        return self.condition.indices(texts).to(self.device)

    def embed_images(self, images: Tensor) -> Tensor:
        """Embeddings (n, text_dim) of images (n, channels, size, size) in [−1, 1]."""
        embeddings: Tensor = self.image_encoder(F.adaptive_avg_pool2d(images, MATCHED))
        return embeddings

    def similarity(self, images: Tensor, texts: Any) -> Tensor:
        """Cosines (n, m), in [−1, 1], of what images (n, channels, height, width) show and what m texts, or embeddings
        (m, text_dim) of texts, say, as the encoders that came with the weights see it. Raises InvalidInput."""
        given, of_texts = (
            self.check_samples(images),
            F.normalize(losses.at_least_float32(self.embed(texts).detach()), dim=1),
        )
        with torch.inference_mode(), self.evaluating() as model:
            parts = [model.embed_images(2 * part - 1) for part in torch.split(given, self._at_once(None))]
            of_images = torch.cat(parts)
        return self.check_result((of_images @ of_texts.to(of_images).T).clamp(-1, 1).clone(), given="these images")

    def _embed(self, indices: Tensor) -> Tensor:
        embeddings: Tensor = self.text_encoder(indices)
        return embeddings


TextToImageT = TypeVar("TextToImageT", bound=TextToImage[Any])


@dataclass(frozen=True)
class MatchingOptions:
    """How the encoders are trained."""

    match: int = setting(1500, "steps of the encoders, before all others", at_least=1)
    matching_rate: float = setting(0.001, "learning rate of the encoders", at_least=0, example=0.001)

    def __post_init__(self) -> None:
        check(self)


class _Options(Protocol):
    @property
    def matching(self) -> MatchingOptions: ...
    @property
    def adversarial(self) -> AdversarialOptions: ...


class MatchingObjective(AdversarialObjective[TextToImageT]):
    """First the encoders, then discriminator and generator with the three pairs.

    A subclass writes `drawn`, what is drawn for texts; its options hold `MatchingOptions` as `matching`, and as
    `adversarial` those of every adversarial objective without `UNFIT`.
    """

    def __init__(self, model: TextToImageT, discriminator: nn.Module, options: _Options) -> None:
        super().__init__(model, discriminator, options)
        self.matching = options.matching
        self.phases = (0, self.matching.match)
        self.sharpness = nn.Parameter(torch.tensor(10.0).log())  # of similarities: 1 over the softmax's temperature

    def drawn(self, batch: Batch, texts: Tensor) -> list[Tensor]:
        """What is drawn, from new latents, for texts given as embeddings (n, text_dim): images in [−1, 1], of every
        size that is drawn."""
        raise NotImplementedError

    def drawing_loss(self, batch: Batch, texts: Tensor) -> Tensor:
        """The generator's loss: over the sizes, that of what it draws for texts given as embeddings (n, text_dim)."""
        fakes = self.drawn(batch, texts)
        return torch.stack([self.loss.generator(self.score(self.augmented(fake), texts)) for fake in fakes]).sum()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        encoders = nn.ModuleList([self.model.text_encoder, self.model.image_encoder])
        encoders.register_parameter("sharpness", self.sharpness)
        rates = {"encoders": self.matching.matching_rate}
        return adam({"encoders": encoders}, rates, (0.9, 0.999)) | super().optimizers()

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        if self.step < self.matching.match:
            yield "encoders", self.encoders_step(batch)
        else:
            yield from super().updates(batch)

    def encoders_step(self, batch: Batch) -> Tensor:
        """The loss of the encoders on a batch, an image and a caption each; captions that others have too match all
        their images."""
        texts = _chosen(batch.captions)
        indices = self.model.indices(texts)
        forgotten = (torch.rand(indices.shape, device=indices.device) < FORGOTTEN) & (indices != END)
        of_texts = self.model.text_encoder(indices.masked_fill(forgotten, UNKNOWN))
        of_images = self.model.embed_images(self.augmented(2 * batch.images - 1))
        matches = torch.tensor(matching(self.model, batch.captions, texts), device=of_images.device)
        return matching_loss(self.sharpness.exp() * of_images @ of_texts.T, matches)

    def discriminator_step(self, batch: Batch) -> Tensor:
        """Over the sizes, the loss of three pairs: {real, right text} is to be told from {drawn, right text} and from
        {real, wrong text} (Reed et al. 2016, algorithm 1)."""
        texts = _chosen(batch.captions)
        others = wrong_texts(texts, matching(self.model, batch.captions, texts))
        mismatched = torch.tensor([text is not None for text in others], device=batch.images.device)
        with torch.no_grad():
            right = self.embedded(texts)
            wrong = self.embedded(
                [right if other is None else other for other, right in zip(others, texts, strict=True)]
            )
            fakes = self.drawn(batch, right)
        terms = []
        for fake in fakes:
            real = F.adaptive_avg_pool2d(2 * batch.images - 1, (fake.shape[2], fake.shape[3]))
            on_real, on_wrong = self.score(self.augmented(real), torch.cat([right, wrong])).chunk(2)
            on_fake = self.score(self.augmented(fake), right)
            self.log_outputs(on_real, on_fake)
            terms.append(self.discriminator_loss(on_real, torch.cat([on_fake, on_wrong[mismatched]])))
        return torch.stack(terms).sum()

    def generator_step(self, batch: Batch) -> Tensor:
        """`drawing_loss` for a caption of each image."""
        with torch.no_grad():
            right = self.embedded(_chosen(batch.captions))
        return self.drawing_loss(batch, right)

    def embedded(self, texts: Sequence[str]) -> Tensor:
        """Embeddings of texts."""
        embeddings: Tensor = self.model.text_encoder(self.model.indices(texts))
        return embeddings

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's outputs; `labels` are the texts' embeddings."""
        outputs: Tensor = self.discriminator(images, labels)
        return outputs


def _chosen(captions: Sequence[Sequence[str]]) -> list[str]:
    """One caption for each image, drawn at random."""
    return [own[int(torch.randint(len(own), ()))] for own in captions]

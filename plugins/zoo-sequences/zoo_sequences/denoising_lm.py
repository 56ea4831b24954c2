"""denoising-lm: the idea of BERT at a small size, a denoising autoencoder of sentences.

Devlin et al. 2019, "BERT: pre-training of deep bidirectional transformers for language understanding"
(arXiv:1810.04805): some words of a sentence are hidden, and a transformer that reads all others, on both sides,
predicts them. Of the words chosen for it most are replaced by a gap, some by another word, and some are left.

`translate` fills gaps, the word that is surest first. `encode` gives the mean of the words' features. `log_prob` is the
pseudo-log-likelihood (Salazar et al. 2020, arXiv:1910.14659), Σ ln p(x_t | all other words): an estimate that ranks
sentences, and no logarithm of probabilities that would sum to 1.

Differs from the paper: two layers of 128 numbers instead of 12 of 768, norms before the layers, single sentences and no
next ones, whole words, the gap is the unknown word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.plugin import Batch, Dataset, Model, Noise, Recipe, adam, check, errors, scan, setting
from zoo.plugin import Objective as BaseObjective
from zoo_sequences import _sequence as sequence
from zoo_sequences import pictures
from zoo_sequences.tokens import END, FIRST, UNKNOWN, Tokens

if TYPE_CHECKING:
    from PIL import Image

GAPS, OTHERS = 0.8, 0.9  # of the words chosen the share that becomes gaps, and with those that become other words


@dataclass(frozen=True)
class Config(sequence.SentenceConfig):
    """The sentences, and sizes."""

    embedding: int = setting(128, "numbers for a word", at_least=1)
    layers: int = setting(2, "layers of attention", at_least=1)
    heads: int = setting(4, "of each, which share the numbers", at_least=1)
    dropout: float = setting(0.1, "share of features left out in training", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self, "denoising-lm")
        if self.embedding % self.heads:
            raise errors.ConfigError(
                f"denoising-lm: heads={self.heads} cannot share embedding={self.embedding} numbers; expected a divisor."
            )


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(1e-3, "of Adam", above=0)
    hidden: float = setting(0.15, "share of the words that are to be predicted", above=0, at_most=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["DenoisingLM"]):
    """Cross-entropy of the words that were chosen, in nats a word."""

    options_class = Options
    options: Options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return adam({"denoising-lm": self.model}, {"denoising-lm": self.options.learning_rate}, sequence.BETAS)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        noisy, chosen = self.corrupted(batch.images)
        features = self.model(noisy, fill=False)[chosen]
        yield "denoising-lm", sequence.words_loss(self.model.words.logits(features), batch.images, chosen)

    def corrupted(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n, length) with noise, and where words were chosen (n, length), one of each sentence at least."""
        rank = torch.rand(x.shape, device=x.device).masked_fill(x == END, 2)
        chosen = (rank < self.options.hidden) | (rank == rank.amin(1, keepdim=True))
        coin = torch.rand(x.shape, device=x.device)
        noisy = x.masked_fill(chosen & (coin < GAPS), UNKNOWN)
        size = self.model.space.size
        others = torch.randint(min(FIRST, size - 1), size, x.shape, device=x.device)
        return torch.where(chosen & (coin >= GAPS) & (coin < OTHERS), others, noisy), chosen


class Layer(nn.Module):
    """Attention of each word to all, then a network for each word, both beside the way past them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, self.heads = config.embedding, config.heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, h: Tensor, words: Tensor) -> Tensor:
        """Features (n, length, embedding) of these, of which only those of `words` (n, length) are looked at."""
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.qkv(self.before(h)).chunk(3, 2))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=words[:, None, None, :])
        h = h + self.dropout(self.out(seen.transpose(1, 2).flatten(2)))
        features: Tensor = h + self.dropout(self.network(self.between(h)))
        return features


class DenoisingLM(Model[Config]):
    """Fill gaps, encode sentences, and give their pseudo-log-likelihood."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(
        dataset="sentences", batch_size=64, steps=8000, schedule="linear", warmup=200, clip=1.0, storage="int8"
    )
    log_prob_kind = "estimate"
    deterministic = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space: Tokens = config.space
        self.latent_shape = (config.embedding,)
        self.words = sequence.Reading(self.space.size, config.embedding)
        self.places = nn.Parameter(config.embedding**-0.5 * torch.randn(config.length, config.embedding))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.embedding)

    def forward(self, x: Tensor, condition: Tensor | None = None, *, fill: bool = True) -> Tensor:
        """Tokens (n, length) without gaps, or, unless they are to be filled, features (n, length, embedding)."""
        if fill:
            return self._filled(x)
        words, h = x != END, self.words(x) + self.places
        for layer in self.layers:
            h = layer(h, words)
        features: Tensor = self.norm(h)
        return features

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, length, size) of each word by all of `x`, which hides by gaps what is to be predicted."""
        return self.words.logits(self(x, fill=False))

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        words = (x != END)[:, :, None]
        features: Tensor = self(x, fill=False) * words
        return features.sum(1) / words.sum(1)

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        total = torch.zeros_like(x[:, 0], dtype=self.dtype)
        for place in range(self.config.length):
            hidden = x.clone()
            hidden[:, place] = torch.where(x[:, place] == END, END, UNKNOWN)
            found = _words_only(self.logits(hidden)[:, place]).log_softmax(1).gather(1, x[:, place, None])[:, 0]
            total = total + torch.where(x[:, place] == END, 0, found)
        return total

    def _translate(self, x: Tensor, noise: Noise, temperature: float) -> Tensor:
        return self._filled(x)

    def _filled(self, x: Tensor) -> Tensor:
        """Tokens (n, length) whose gaps are filled one after the other, each time the one whose word is surest."""
        if not self.space.vocabulary:
            return x
        places = torch.arange(self.config.length, device=x.device)

        def step(x: Tensor, place: int) -> tuple[Tensor, None]:
            gaps, logits = x == UNKNOWN, sequence.without_unknown(_words_only(self.logits(x)))
            best = logits.log_softmax(2).max(2)
            surest = best.values.masked_fill(~gaps, -torch.inf).argmax(1, keepdim=True)
            return torch.where(gaps & (places == surest), best.indices, x), None

        return scan(step, x, list(range(self.config.length)))[0]

    def portrait(self, data: Dataset) -> Image.Image | None:
        """Sentences of the data with every third word taken out, and what it fills in."""
        pick = torch.linspace(0, len(data) - 1, min(16, len(data)), dtype=torch.float32, device="cpu").long()
        whole = data.floats(pick)
        every_third = torch.arange(whole.shape[1], device="cpu") % 3 == 1
        given = whole.masked_fill(every_third & (whole != END), UNKNOWN)
        rows = zip(self.space.lines(given), self.space.lines(self.translate(given)), strict=True)
        return pictures.lines([line for gaps, made in rows for line in (gaps, f"→ {made}", "")])


def _words_only(logits: Tensor) -> Tensor:
    """Logits (…, size) by which no word is the END."""
    return torch.cat([torch.full_like(logits[..., :1], sequence.BARRED), logits[..., 1:]], -1)

"""rankgan: a language model whose sentences are ranked among others, beside references.

Lin, Li, He, Zhang and Sun 2017, "Adversarial ranking for language generation" (arXiv:1705.11001). The judge gives no
verdict of real or generated: a ranker says how high a sentence s stands among others C, by how alike its features are
to those of real ones, the references U,

    R(s | U, C) = E_{u ∈ U} exp(γ cos(s, u)) / Σ_{s' ∈ C ∪ {s}} exp(γ cos(s', u)),

and learns to rank real sentences above drawn ones and drawn ones below real ones, by log R and log(1 − R). The
generator is trained as that of seqgan, by roll-outs, with the reward log R(s | U, C) among real sentences C.

`generate`, `encode` and the exact `log_prob` are those of rnn-lm, of which this is another training.

Differs from the paper: as seqgan; references and what a sentence is ranked among are parts of the same batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.plugin import Batch, Recipe, check, errors, setting
from zoo_sequences._adversarial import SentenceFeatures, TextGANObjective, TextGANOptions
from zoo_sequences._recurrent import RecurrentConfig, SentenceLM


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """The sentences, and sizes."""

    def __post_init__(self) -> None:
        check(self, "rankgan")


@dataclass(frozen=True)
class Options(TextGANOptions):
    """As of every GAN of sentences, and how ranks are told."""

    references: int = setting(
        16, "real sentences of a batch that others are compared to, half of it at most", at_least=1
    )
    sharpness: float = setting(4.0, "γ, by which a likeness of features becomes a rank", above=0)


class Objective(TextGANObjective["RankGAN"]):
    """The judge is a ranker, and the reward the logarithm of the rank among real sentences."""

    options_class = Options
    options: Options

    def __init__(self, model: RankGAN, options: Options) -> None:
        super().__init__(model, options)
        self.judge = SentenceFeatures(model.space, options)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        self.parted(batch.images)  # refuses before the first step what could not be ranked thousands of steps later
        yield from super().updates(batch)

    def reward(self, x: Tensor, real: Tensor) -> Tensor:
        references, others = self.parted(self.judge(real))
        return log_rank(self.judge(x), references, others, self.options.sharpness)

    def judge_loss(self, real: Tensor, made: Tensor) -> Tensor:
        on_real, on_made = self.judge(torch.cat([real, made])).chunk(2)
        (references, others), sharpness = self.parted(on_real), self.options.sharpness
        high = log_rank(others, references, on_made, sharpness)
        low = log_rank(on_made, references, others, sharpness)
        self.observe(real=high.exp(), fake=low.exp())
        return -(high.mean() + torch.log1p(-low.exp().clamp(max=1 - 1e-6)).mean())

    def parted(self, real: Tensor) -> tuple[Tensor, Tensor]:
        """Of features, or tokens, (n, size) of real sentences those of references, and all others. Raises ConfigError
        for a single sentence."""
        count = min(self.options.references, len(real) // 2)
        if not count:
            raise errors.ConfigError("rankgan compares the sentences of a batch, and one of 1 came. Set batch_size=64.")
        return real[:count], real[count:]


def log_rank(x: Tensor, references: Tensor, others: Tensor, sharpness: float) -> Tensor:
    """ln R (n,) of features (n, size) among `others` (k, size), the mean over `references` (u, size)."""
    unit = F.normalize(references, dim=1)
    own, theirs = (sharpness * F.normalize(each, dim=1) @ unit.T for each in (x, others))
    shares = own - torch.logaddexp(own, theirs.logsumexp(0))
    return shares.logsumexp(1) - math.log(len(references))


class RankGAN(SentenceLM[Config]):
    """Generate, encode to the state after the last word, and give ln p(x), exactly."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="sentences", batch_size=64, steps=4000, clip=1.0, storage="int8")

"""What GANs of sentences share: a language model that is first trained by likelihood, then by what a judge says of the
sentences that it draws, the policy gradient of SeqGAN (Yu et al. 2017, arXiv:1609.05473, algorithm 1).

A sentence is a row of actions, and only a whole one is judged. What an action y_t is worth, Q(y_1 … y_t), is therefore
the mean reward of sentences that go on from there as the generator draws them, Monte Carlo roll-outs, and
∇ E r(y) = E Σ_t Q(y_1 … y_t) ∇ ln p(y_t | y_<t).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.plugin import Batch, adam, check, losses, setting
from zoo.plugin import Objective as BaseObjective
from zoo_sequences import _sequence as sequence
from zoo_sequences._recurrent import RecurrentLM
from zoo_sequences.melody import Melody
from zoo_sequences.tokens import Tokens


@dataclass(frozen=True)
class TextGANOptions:
    """How the language model is trained before the game, how the game is played, and how large the judge is."""

    learning_rate: float = setting(2e-3, "of Adam, in training by likelihood", above=0)
    policy_learning_rate: float = setting(5e-4, "of Adam, by the policy gradient", above=0)
    judge_learning_rate: float = setting(5e-4, "of Adam, of the judge", above=0)
    pretraining: int = setting(3000, "steps by likelihood, before the game", at_least=0)
    judging: int = setting(500, "steps of the judge alone, between both", at_least=0)
    judge_steps: int = setting(3, "for each of the generator, each against sentences that are newly drawn", at_least=1)
    roll_outs: int = setting(8, "sentences by which a beginning is judged", at_least=1)
    baseline: bool = setting(True, "take from what a word is worth the mean of the others in the batch at its place")
    embedding: int = setting(64, "numbers for a word that the judge reads", at_least=1)
    widths: tuple[int, ...] = setting((1, 2, 3, 4, 5), "words that the judge's filters see", at_least=1, entries=1)
    channels: int = setting(64, "filters of each width", at_least=1)
    dropout: float = setting(0.25, "share of the judge's features left out in training", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self)


class SentenceFeatures(nn.Module):
    """Features (n, size) of tokens (n, length): filters of several widths over embeddings, and of each its largest
    response (Kim 2014, arXiv:1408.5882), then a highway layer (Srivastava et al. 2015, arXiv:1505.00387)."""

    def __init__(self, space: Tokens | Melody, options: TextGANOptions) -> None:
        super().__init__()
        self.size = options.channels * len(options.widths)
        self.words = nn.Embedding(space.size, options.embedding)
        self.filters = nn.ModuleList(
            nn.Conv1d(options.embedding, options.channels, width, padding=width // 2) for width in options.widths
        )
        self.highway, self.gate = nn.Linear(self.size, self.size), nn.Linear(self.size, self.size)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, x: Tensor) -> Tensor:
        read = self.words(x).transpose(1, 2)
        found = torch.cat([filters(read).amax(2) for filters in self.filters], 1).relu()
        gate = self.gate(found).sigmoid()
        features: Tensor = self.dropout(gate * self.highway(found).relu() + (1 - gate) * found)
        return features


LMT = TypeVar("LMT", bound=RecurrentLM[Any])


class TextGANObjective(BaseObjective[LMT]):
    """Likelihood, then the judge alone, then the game: a step of the generator, and some of the judge.

    A system sets `judge`, and says what sentences are rewarded with and how the judge learns.
    """

    options_class = TextGANOptions
    options: TextGANOptions
    judge: nn.Module

    def __init__(self, model: LMT, options: TextGANOptions) -> None:
        super().__init__(model, options)
        self.phases = (0, options.pretraining, options.pretraining + options.judging)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        options = self.options
        networks: dict[str, nn.Module] = {"likelihood": self.model, "policy": self.model, "judge": self.judge}
        rates = (options.learning_rate, options.policy_learning_rate, options.judge_learning_rate)
        return adam(networks, dict(zip(networks, rates, strict=True)), sequence.BETAS)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        real = self.tokens(batch)
        # What is drawn must be as likely as its gradient has it, so that there is no dropout in the game.
        self.model.dropout.train(self.step < self.phases[1])
        if self.step < self.phases[1]:
            yield "likelihood", self.model.likelihood_loss(real)
            return
        if self.step >= self.phases[2]:
            yield "policy", self.policy_loss(real)
        for _ in range(self.options.judge_steps):
            yield "judge", self.judge_loss(real, self.model.drawn(len(real)))

    def tokens(self, batch: Batch) -> Tensor:
        """The batch as tokens (n, length)."""
        return batch.images

    def reward(self, x: Tensor, real: Tensor) -> Tensor:
        """What whole sentences (m, length) are worth, (m,), beside real ones (n, length)."""
        raise NotImplementedError

    def judge_loss(self, real: Tensor, made: Tensor) -> Tensor:
        """The judge's loss on real sentences and generated ones, both (n, length)."""
        raise NotImplementedError

    def policy_loss(self, real: Tensor) -> Tensor:
        """Of as many drawn sentences as real ones, what has the gradient of −E r."""
        x = self.model.drawn(len(real))
        values, where = self.values(x, real), sequence.steps(x)
        if self.options.baseline:
            values = beyond_others(values, where)
        return surrogate(self.model.logits(x), x, values)

    @torch.no_grad()
    def values(self, x: Tensor, real: Tensor) -> Tensor:
        """Q (n, length) of each word of `x` after those before it, by roll-outs; 0 after the end."""
        self.judge.eval()
        where = sequence.steps(x)
        begun = self.model.rolled_out(x, self.options.roll_outs)[:, where]
        found = self.reward(begun.flatten(0, 1), real).view(len(begun), -1).mean(0)
        self.judge.train()
        return torch.zeros_like(where, dtype=found.dtype).masked_scatter(where, found)


class DiscriminatorObjective(TextGANObjective[LMT]):
    """The judge is a discriminator, and the reward the probability it gives a sentence of being real."""

    def __init__(self, model: LMT, options: TextGANOptions) -> None:
        super().__init__(model, options)
        features = SentenceFeatures(model.space, options)
        self.judge = nn.Sequential(features, nn.Linear(features.size, 1))

    def reward(self, x: Tensor, real: Tensor) -> Tensor:
        found: Tensor = self.judge(x)[:, 0].sigmoid()
        return found

    def judge_loss(self, real: Tensor, made: Tensor) -> Tensor:
        on_real, on_made = self.judge(torch.cat([real, made])).chunk(2)
        self.observe(real=on_real.sigmoid(), fake=on_made.sigmoid())
        return losses.discriminator_loss(on_real, on_made)


def beyond_others(values: Tensor, where: Tensor) -> Tensor:
    """Values (n, length) less the mean of those of the other rows at the same place, of those that are `where`. It does
    not depend on the word that is drawn, so that the gradient has the same expectation, and less variance."""
    total, count = (values * where).sum(0), where.sum(0)
    return torch.where(where, values - (total - values) / (count - 1).clamp(min=1), 0)


def surrogate(logits: Tensor, x: Tensor, values: Tensor) -> Tensor:
    """−Σ_t Q_t ln p(y_t | y_<t), the mean of sentences (n, length), by logits (n, length, size) and Q (n, length)."""
    found = F.log_softmax(sequence.unbegun(logits), 2).gather(2, x[:, :, None])[:, :, 0]
    return -(found * values * sequence.steps(x)).sum(1).mean()

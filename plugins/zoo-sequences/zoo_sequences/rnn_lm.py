"""rnn-lm: a recurrent language model, the likelihood of sentences word by word.

Mikolov et al. 2010, "Recurrent neural network based language model", with the gated units of Cho et al. 2014
(arXiv:1406.1078): p(x) = Π p(x_t | x_<t), where a recurrent network reads the words before. It is trained by maximum
likelihood, and what every GAN of texts has to beat.

`log_prob` is exact: the mass of a sentence with its end, of all sentences of 1 to `length` words; a sentence of
`length` words ends there. `generate` draws word after word.

Differs from the paper: gated units, dropout, embeddings shared by input and output, Adam.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.plugin import Batch, Recipe, adam, check
from zoo.plugin import Objective as BaseObjective
from zoo_sequences import _sequence as sequence
from zoo_sequences._recurrent import RecurrentConfig, SentenceLM


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """The sentences, and sizes."""

    def __post_init__(self) -> None:
        check(self, "rnn-lm")


class Objective(BaseObjective["RNNLM"]):
    """Cross-entropy of each next word, in nats a word."""

    options_class = sequence.AdamOptions

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return adam({"rnn-lm": self.model}, {"rnn-lm": self.options.learning_rate}, sequence.BETAS)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        yield "rnn-lm", self.model.likelihood_loss(batch.images)


class RNNLM(SentenceLM[Config]):
    """Generate, encode to the state after the last word, and give ln p(x), exactly."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="sentences", batch_size=64, steps=4000, schedule="linear", clip=1.0, storage="int8")

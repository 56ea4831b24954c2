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
from torch import Tensor, nn

from zoo.plugin import Batch, Model, Noise, Recipe, check, inputs, setting
from zoo.plugin import Objective as BaseObjective
from zoo_sequences import _sequence as sequence
from zoo_sequences.tokens import END, Tokens
from zoo_sequences.words import UNITS


@dataclass(frozen=True)
class Config:
    """Sizes, and the vocabulary, which training takes from the data."""

    length: int = setting(20, "words of a sentence at most", at_least=1)
    vocabulary: str = setting("", "the words, with spaces between")
    words: int = setting(3000, "how many words a vocabulary that is taken from the data has at most", at_least=1)
    unit: str = setting("word", "what a sentence is cut into", choices=UNITS)
    embedding: int = setting(128, "numbers for a word", at_least=1)
    hidden: int = setting(256, "recurrent units", at_least=1)
    dropout: float = setting(0.3, "share of the features of words and states left out in training", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self, "rnn-lm")


class Objective(BaseObjective["RNNLM"]):
    """Cross-entropy of each next word, in nats a word."""

    options_class = sequence.AdamOptions

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"rnn-lm": sequence.adam(self.model, self.options)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        where = sequence.steps(batch.images)
        # Logits where there is a word to predict, and no others, which spares a third of the time.
        features = self.model.features(batch.images)[where]
        yield "rnn-lm", sequence.words_loss(self.model.words.logits(features), batch.images, where)


class RNNLM(Model[Config]):
    """Generate, encode to the state after the last word, and give ln p(x), exactly."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="sentences", batch_size=64, steps=4000, schedule="linear", clip=1.0, storage="int8")
    log_prob_kind = "exact"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space: Tokens = Tokens((config.length,), config.vocabulary, config.unit)
        self.latent_shape = (config.hidden,)
        self.words = sequence.Reading(self.space.size, config.embedding)
        self.recurrent = nn.GRU(config.embedding, config.hidden, batch_first=True)
        self.out = nn.Linear(config.hidden, config.embedding)
        self.dropout = nn.Dropout(config.dropout)

    def states(self, x: Tensor) -> Tensor:
        """States (n, length, hidden), each after the beginning and the words before a place."""
        read: Tensor = self.recurrent(self.dropout(self.words(sequence.shifted(x, self.words.begin))))[0]
        return read

    def features(self, x: Tensor) -> Tensor:
        """What logits are made of, (n, length, embedding), of the tokens at each place."""
        features: Tensor = self.dropout(self.out(self.dropout(self.states(x))))
        return features

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, length, size) of each token by those before it."""
        return self.words.logits(self.features(x))

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return sequence.nats(self.logits(x), x)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        whole = torch.cat([x, x[:, :1]], 1)  # a place more, whose state has read the last word
        last = (x != END).sum(1)
        return self.states(whole)[torch.arange(len(x), device=x.device), last]

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, top_k: int = 0, unknown: bool = False
    ) -> Tensor:
        spared = not unknown and bool(self.space.vocabulary)

        def following(token: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
            read, state = self.recurrent(self.words(token[:, None]), state)
            logits = self.words.logits(self.out(read[:, 0]))
            return sequence.without_unknown(logits) if spared else logits, state

        top_k, uniform = inputs.integer("top_k", top_k, 0), noise.uniform(self.config.length)
        return sequence.drawn(following, self.words.begin, None, uniform, temperature, top_k=top_k)

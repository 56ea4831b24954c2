"""A recurrent language model, of which several systems are made: p(x) = Π p(x_t | x_<t), read and drawn word by word.

Gated units (Cho et al. 2014, arXiv:1406.1078) read the words before, by embeddings that the output shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from zoo.plugin import Model, Noise, inputs, setting
from zoo_sequences import _sequence as sequence
from zoo_sequences.melody import Melody
from zoo_sequences.tokens import END, Tokens


@dataclass(frozen=True)
class RecurrentSizes:
    """Sizes of the network."""

    embedding: int = setting(128, "numbers for a word", at_least=1)
    hidden: int = setting(256, "recurrent units", at_least=1)
    dropout: float = setting(0.3, "share of the features of words and states left out in training", at_least=0, below=1)


@dataclass(frozen=True)
class RecurrentConfig(RecurrentSizes, sequence.SentenceConfig):
    """The sentences, and sizes."""


class _Config(Protocol):
    """Of what samples are made of tokens, and sizes."""

    @property
    def space(self) -> Tokens | Melody: ...
    @property
    def length(self) -> int: ...
    @property
    def embedding(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def dropout(self) -> float: ...


ConfigT = TypeVar("ConfigT", bound=_Config)


class RecurrentLM(Model[ConfigT]):
    """Generate, encode to the state after the last word, and give ln p(x), exactly."""

    log_prob_kind = "exact"

    def __init__(self, config: ConfigT) -> None:
        super().__init__(config)
        self.space: Any = config.space
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

    def likelihood_loss(self, x: Tensor) -> Tensor:
        """Cross-entropy of each next word of tokens (n, length), in nats a word."""
        where = sequence.steps(x)
        # Logits where there is a word to predict, and no others, which spares a third of the time.
        return sequence.words_loss(self.words.logits(self.features(x)[where]), x, where)

    def begun(self, n: int) -> Tensor:
        """The state (n, hidden) at the beginning."""
        return self.out.weight.new_zeros(n, self.config.hidden)

    def following(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, size) of what comes after tokens (n,), and the state (n, hidden), by that before. Without
        dropout."""
        # As a cell, which unlike the module can be a step of a graph.
        state = torch.gru_cell(self.words(token), state, *self.recurrent.parameters())
        return self.words.logits(self.out(state)), state

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return sequence.nats(self.logits(x), x)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        whole = torch.cat([x, x[:, :1]], 1)  # a place more, whose state has read the last word
        last = (x != END).sum(1)
        return self.states(whole)[torch.arange(x.shape[0], device=x.device), last]

    def chosen(self, noise: Noise, temperature: float, top_k: int, *, spared: bool = False) -> Tensor:
        """Tokens (n, length) by the noise, of the `top_k` likeliest if that is not 0; spared: never the unknown one."""

        def following(token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            logits, state = self.following(token, state)
            return sequence.without_unknown(logits) if spared else logits, state

        top_k, uniform = inputs.integer("top_k", top_k, 0), noise.uniform(self.config.length)
        return sequence.drawn(
            following, self.words.begin, self.begun(uniform.shape[0]), uniform, temperature, top_k=top_k
        )

    @torch.no_grad()
    def drawn(self, n: int) -> Tensor:
        """Sentences (n, length) by torch's own generator, unknown words included, as `log_prob` has them."""
        token, state = torch.full((n,), self.words.begin, device=self.device), self.begun(n)
        made = torch.full((n, self.config.length), END, device=self.device)
        for place, uniform in enumerate(torch.rand(self.config.length, n, device=self.device)):
            logits, state = self.following(token, state)
            if not place:
                logits[:, END] = sequence.BARRED
            token = sequence.sampled(logits, uniform).masked_fill(token == END, END)
            made[:, place] = token
        return made

    @torch.no_grad()
    def rolled_out(self, x: Tensor, count: int) -> Tensor:
        """Sentences (count, n, length, length) that go on as the model draws them from the beginnings of `x` (n,
        length): those at place t of the third axis have its tokens up to t, and draw all after it."""
        n, length = x.shape
        parts = torch.split(x.repeat(count, 1), sequence.at_once(length, self.config.hidden))
        return torch.cat([self._rolled_out(part) for part in parts]).view(count, n, length, length)

    def _rolled_out(self, x: Tensor) -> Tensor:
        """One for each beginning of `x` (n, length): (n, length, length)."""
        length, states = x.shape[1], self.states(x)
        made = x[:, None] * torch.ones(length, length, device=x.device).tril().long()
        rows, hidden = x.new_empty(0), states.new_empty(0, states.shape[2])  # of sentences that have not ended
        for place in range(1, length):
            # What is known up to the place before joins those that have been drawn from earlier on.
            begun = (x[:, place - 1] != END).nonzero()[:, 0]
            rows = torch.cat([rows, begun * length + place - 1])
            hidden = torch.cat([hidden, states[begun, place]])
            token = self._sampled(hidden)
            made.view(-1, length)[rows, place] = token
            rows, hidden, token = (part[token != END] for part in (rows, hidden, token))
            hidden = self.recurrent(self.words(token[:, None]), hidden[None])[1][0]
        return made

    def _sampled(self, states: Tensor) -> Tensor:
        """Tokens (n,), each drawn after a state of (n, hidden)."""
        uniform, size = torch.rand(len(states), device=states.device), max(1, sequence.CACHED // self.space.size)
        parts = zip(torch.split(states, size), torch.split(uniform, size), strict=True)
        return torch.cat([sequence.sampled(self.words.logits(self.out(state)), draw) for state, draw in parts])


class SentenceLM(RecurrentLM[ConfigT]):
    """One of sentences, whose words may be unknown."""

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, top_k: int = 0, unknown: bool = False
    ) -> Tensor:
        return self.chosen(noise, temperature, top_k, spared=not unknown and bool(self.space.vocabulary))

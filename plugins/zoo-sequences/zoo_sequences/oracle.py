"""The synthetic oracle of SeqGAN (Yu et al. 2017, section 5): a language model whose weights are drawn and not learned.

Sentences are drawn from it for a model to learn from, and what a model then draws is measured by the oracle's own
probabilities, which nobody knows of real sentences. As in the paper an LSTM of 32 units, all weights standard normal,
those of one bias a gate. Those of the data set `oracle` are other draws than the paper's, of any number of words, so
that figures compare only among themselves; those of `seqgan-oracle` are the paper's, of 5,000 words. Words are numbers,
from 0 on, sentences of one length.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.plugin import Model, Record, Subject, TensorDataset, errors
from zoo_sequences import _sequence as sequence
from zoo_sequences import published
from zoo_sequences.data import most_words, space_of
from zoo_sequences.tokens import END, FIRST, Tokens

COOL = 0.9  # a temperature
SIZES = {"train": 10_000, "test": 10_000}  # sentences in a split


class Oracle(nn.Module):
    """A language model of `words` words, the same one for each seed. The first word is drawn as if after word 0."""

    def __init__(self, words: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # the first weights, which others replace, are not the caller's draws
            self.words = nn.Embedding(words, published.UNITS, device="cpu")
            self.recurrent = nn.LSTM(published.UNITS, published.UNITS, batch_first=True, device="cpu")
            self.out = nn.Linear(published.UNITS, words, device="cpu")
        generator = torch.Generator("cpu").manual_seed(seed)
        for name, parameter in self.named_parameters():
            parameter.data.normal_(generator=generator)
            if name == "recurrent.bias_hh_l0":  # torch adds two biases, whose sum would have twice the variance
                parameter.data.zero_()
            parameter.requires_grad_(False)

    def draw(self, n: int, length: int, seed: int) -> Tensor:
        """Sentences (n, length), as numbers of words."""
        uniform = torch.rand(n, length, generator=torch.Generator("cpu").manual_seed(seed), device="cpu")
        return torch.cat([self._drawn(part) for part in torch.split(uniform, self._at_once(length))])

    def _drawn(self, uniform: Tensor) -> Tensor:
        token, state, found = torch.zeros(len(uniform), dtype=torch.int64, device="cpu"), None, list[Tensor]()
        for draws in uniform.unbind(1):
            read, state = self.recurrent(self.words(token[:, None]), state)
            token = sequence.choose(self.out(read[:, 0]), draws, 1.0)
            found.append(token)
        return torch.stack(found, 1)

    def nats(self, x: Tensor) -> Tensor:
        """−ln p (n, length) of each word of sentences `x` (n, length), by those before it."""
        return torch.cat([self._nats(part) for part in torch.split(x, self._at_once(x.shape[1]))])

    def _at_once(self, length: int) -> int:
        return sequence.at_once(length, self.out.out_features)

    def _nats(self, x: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        logits = self.out(self.recurrent(self.words(before))[0])
        found: Tensor = logits.log_softmax(2).gather(2, x[:, :, None])[:, :, 0]
        return -found


@dataclass(frozen=True)
class OracleSentences(TensorDataset):
    """A split of sentences, and who wrote them."""

    oracle: Oracle = field(kw_only=True)


def oracle(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool, model: Model | None = None
) -> OracleSentences:
    """10,000 sentences for training and as many for test, each as long as the model's may be, drawn from an oracle of
    as many words as it has, `config.words`. Raises DataError for a model of another vocabulary, or of characters."""
    space = space_of(None if model is None else model.space, shape)
    words = len(space.words) or most_words(model, "words")
    return _split("oracle", _drawn(words), split, space)


def seqgan_oracle(
    root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool, model: Model | None = None
) -> OracleSentences:
    """As `oracle`, of the 5,000 words and with the weights that the authors of SeqGAN published, their file or a folder
    with it. Raises DataError also for a file that is missing or damaged, and for a model of fewer words."""
    space = space_of(None if model is None else model.space, shape)
    if not space.vocabulary and most_words(model, "words") < published.WORDS:
        raise errors.DataError(f"the oracle has {published.WORDS:,} words. Set config.words={published.WORDS}.")
    return _split("seqgan-oracle", _published(root, download), split, space)


_drawn = functools.lru_cache(2)(Oracle)


@functools.lru_cache(1)
def _published(root: Path, download: bool) -> Oracle:
    author = Oracle(published.WORDS)
    author.load_state_dict(published.weights(root, download=download))
    return author


def _split(name: str, author: Oracle, split: str, space: Tokens) -> OracleSentences:
    if space.unit != "word":
        raise errors.DataError(f"the oracle's words are numbers, and no {space.unit}s. Set config.unit=word.")
    vocabulary = " ".join(map(str, range(author.out.out_features)))
    if space.vocabulary not in ("", vocabulary):
        raise errors.DataError(f"the oracle's words are numbers, and the model has others. Train one from {name}.")
    length = space.shape[0]
    return OracleSentences(
        name,
        split,
        FIRST + _sentences(author, length, split),
        summary=f"{SIZES['train']:,} sentences of {length} words for training, {SIZES['test']:,} for test.",
        config={"vocabulary": vocabulary},
        oracle=author,
    )


@functools.lru_cache(4)
def _sentences(author: Oracle, length: int, split: str) -> Tensor:
    return author.draw(SIZES[split], length, 1 + [*SIZES].index(split))


def nats_per_word(subject: Subject) -> list[Record]:
    """Of a model of the oracle's sentences the nats a word that the oracle finds in those it draws (Yu et al. 2017,
    section 5.2), the fewer the more likely these are to it. `floor` is the same of held-out ones; `cooler` of what it
    draws at temperature 0.9, since who draws the likeliest words alone is found likely, and has learned nothing (Caccia
    et al. 2020). Words after the end of sentences that end too soon do not count; `ended` is the share of those."""
    if not isinstance(subject.test, OracleSentences):
        return []
    space, made, real = space_of(subject.model.space, ()), subject.generated, subject.held_out
    judge = subject.test.oracle
    mean, error = _judged(judge, made)
    model, chosen = subject.model, subject.condition
    cool = model.generate(len(made), condition=chosen, seed=subject.seed, temperature=COOL).cpu()
    args: dict[str, Any] = {"split": "test", "n_real": len(real), "n_generated": len(made)}
    args |= {"words": len(space.words), "length": space.shape[0]}
    args |= {"floor": float(judge.nats(real - FIRST).mean()), "cooler": _judged(judge, cool)[0]}
    args |= {"ended": float((made == END).any(1).float().mean())}
    return [subject.record("oracle-nats", "nats per word by the oracle", mean, standard_error=error, **args)]


def _judged(judge: Oracle, made: Tensor) -> tuple[float, float]:
    """The mean of what the oracle finds in the words of sentences (n, length), and its standard error."""
    there = made >= FIRST
    found = judge.nats((made - FIRST).clamp(min=0)).double()
    mean = float((found * there).sum() / there.sum())
    return mean, float(((found - mean) * there).sum(1).std()) * math.sqrt(len(made)) / float(there.sum())

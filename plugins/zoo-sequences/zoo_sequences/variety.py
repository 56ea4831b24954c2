"""How good sentences are that a model draws, and how varied: BLEU against real ones, and among themselves."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import Record, Subject
from zoo_sequences import oracle
from zoo_sequences.tokens import END, UNKNOWN

MOST = 1000  # sentences that are measured
GRAMS = 4  # words in a row, at most
NONE = 0.1  # what counts for none in a row: method 1 of Chen and Cherry 2014

Words = tuple[int, ...]


def sample_bleu(subject: Subject) -> list[Record]:
    """BLEU-4 of 1,000 drawn sentences, the mean of each against all held-out ones, high where they are good; and
    against the other drawn ones, self-BLEU (Zhu et al. 2018, arXiv:1802.01886), high where they are alike. One means
    little without the other (Caccia et al. 2020, arXiv:1811.02549). `floor` is the same of as many training sentences,
    drawn by the seed; of fewer than 1,000 where fewer are measured or known. Of words as the model knows them, in
    percent: one that it does not know matches no other."""
    if isinstance(subject.test, oracle.OracleSentences):  # whose sentences are no language
        return []
    made, known = subject.generated, subject.reference
    count = min(MOST, len(made), len(known))  # one for all, as self-BLEU is the higher the more sentences there are
    drawn = torch.randperm(len(known), generator=torch.Generator("cpu").manual_seed(subject.seed), device="cpu")[:count]
    strange = itertools.count(-1, -1)
    own, known_ones, real = (_words(part, strange) for part in (made[:count], known[drawn], subject.held_out))
    args: dict[str, Any] = {"split": "test", "n_generated": count}
    good, floor = (100 * mean_bleu(texts, real) for texts in (own, known_ones))
    alike, floor_alike = (100 * mean_bleu(texts) for texts in (own, known_ones))
    return [
        subject.record("sample-bleu", "BLEU-4 of samples", good, floor=floor, **args, n_real=len(real)),
        subject.record("self-bleu", "self-BLEU-4", alike, floor=floor_alike, **args),
    ]


def _words(tokens: Tensor, strange: Iterator[int]) -> list[Words]:
    """The words of tokens (n, length); of unknown ones, which may be any, each is another, the next of `strange`."""
    return [
        tuple(next(strange) if token == UNKNOWN else token for token in row if token != END) for row in tokens.tolist()
    ]


def mean_bleu(texts: Sequence[Words], references: Sequence[Words] | None = None) -> float:
    """The mean BLEU in [0, 1] of texts, each against all `references`, or, without, against all other texts; of runs of
    1 to 4 words, and the length of the nearest."""
    rows, apart = (texts, True) if references is None else (references, False)
    known, lengths = [_most(rows, size) for size in range(1, GRAMS + 1)], Counter(map(len, rows))
    found = []
    for text in texts:
        logarithms = 0.0
        for size, most in enumerate(known, 1):
            matched = 0
            for run, count in _runs(text, size).items():
                first, second = most.get(run, (0, 0))
                # Of the row itself, which has it as often, the next speaks.
                matched += min(count, second if apart and count == first else first)
            logarithms += math.log((matched or NONE) / max(1, len(text) - size + 1))
        others = [length for length, count in lengths.items() if count > (apart and length == len(text))]
        nearest = min(others, key=lambda length: (abs(length - len(text)), length))
        found.append(math.exp(min(0.0, 1 - nearest / len(text)) + logarithms / GRAMS))
    return math.fsum(found) / len(found)


def _runs(text: Words, size: int) -> Counter[Words]:
    return Counter(text[place : place + size] for place in range(len(text) - size + 1))


def _most(rows: Sequence[Words], size: int) -> dict[Words, tuple[int, int]]:
    """How often a run stands in the row that has it most often, and in the next."""
    found = dict[Words, tuple[int, int]]()
    for row in rows:
        for run, count in _runs(row, size).items():
            first, second = found.get(run, (0, 0))
            found[run] = (count, first) if count > first else (first, max(second, count))
    return found

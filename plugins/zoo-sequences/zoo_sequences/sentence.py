"""Sentence: what a sample is made from, itself a sentence of a space of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from zoo.plugin import Condition, Noise, errors
from zoo_sequences.tokens import Tokens


class Sentence(Condition):
    """A sentence of `space`, one that serves all samples or one for each: a text, or tokens (n, length)."""

    name = "sentence"
    required = True

    def __init__(self, space: Tokens) -> None:
        self.space: Tokens = space

    def parse(self, given: Any, n: int) -> Tensor:
        rows = self.space.check(self.space.coerce(given))
        if len(rows) not in (1, n):
            raise errors.InvalidInput(f"{len(rows)} sentences came for {n}. Pass one, or exactly {n} of them.")
        return rows

    def missing(self) -> errors.InvalidInput:
        return errors.InvalidInput("this model makes sentences of others. Pass a text, or a list of them.")

    def words(self, words: Sequence[str]) -> list[str]:
        return list(words)

    def example(self, n: int) -> list[str]:
        """Of words that stand alone, not glued to what comes before, so that they read as they are written."""
        alone = " ".join(word for word in self.space.words if self.space.cut(word) == [word])
        space = dataclasses.replace(self.space, vocabulary=alone)
        return space.lines(space.example(n, Noise(0, 0, n, stream="sentence")))

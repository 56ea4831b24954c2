"""Lines that begin with the letter that is asked for: a condition, and probabilities, of a space of whole numbers."""

import math
from dataclasses import dataclass

import torch

from zoo.plugin import Condition, errors
from zoo_tokens.bigram import Bigram


@dataclass(frozen=True)
class Beginning(Condition):
    """The first letter of a line, of an alphabet."""

    alphabet: str

    name = "beginning"
    required = True

    def parse(self, given, n):
        letters = [given] if isinstance(given, str) else list(given)
        if len(letters) not in (1, n) or not all(letter in self.alphabet for letter in letters):
            raise errors.InvalidInput(f"{letters} came; expected 1 or {n} of the letters {self.alphabet}. Pass these.")
        return torch.tensor([self.alphabet.index(letter) for letter in letters], device="cpu")

    def example(self, n):
        return [self.alphabet[i % len(self.alphabet)] for i in range(n)]


class Led(Bigram):
    """A bigram model whose lines begin as they are told."""

    log_prob_kind = "exact"

    def __init__(self, config):
        super().__init__(config)
        self.condition = Beginning(config.alphabet)

    def _generate(self, noise, condition, temperature):
        return _led(super()._generate(noise, None, temperature), condition)

    def _decode(self, z, condition):
        return _led((z + self.scores[0]).argmax(1, keepdim=True).expand(-1, *self.space.shape), condition)

    def _encode(self, x, condition, noise):
        return super()._encode(x, None, noise)

    def _log_prob(self, x, condition, noise):
        return -math.log(2) * self._surprise(x, None, noise)


def _led(lines, condition):
    return torch.cat([condition[:, None].expand(len(lines), 1), lines[:, 1:]], 1)

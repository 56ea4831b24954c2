"""What models of sentences share: their sizes, how long one is, how the next word is chosen, and training by words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.plugin import check, scan, setting
from zoo_sequences.tokens import END, UNKNOWN, Tokens
from zoo_sequences.words import UNITS

BARRED = -torch.inf  # a logit of what cannot come
BETAS = (0.9, 0.999)  # of Adam
NUMBERS = 2**24  # logits, or features, that are held at once, where sentences may be taken in parts
CACHED = 2**19  # of them where each is read several times: what stays near the processor takes a third of the time
BLOCK = 64  # tokens of which one is drawn at a time


@dataclass(frozen=True)
class SentenceConfig:
    """Which sentences: how long they are, and of which vocabulary, which training takes from the data."""

    length: int = setting(20, "words of a sentence at most", at_least=1)
    vocabulary: str = setting("", "the words, with spaces between")
    words: int = setting(3000, "how many words a vocabulary that is taken from the data has at most", at_least=1)
    unit: str = setting("word", "what a sentence is cut into", choices=UNITS)

    @property
    def space(self) -> Tokens:
        """That of the sentences."""
        return Tokens((self.length,), self.vocabulary, self.unit)


@dataclass(frozen=True)
class AdamOptions:
    """How it is trained."""

    learning_rate: float = setting(1e-3, "of Adam", above=0)

    def __post_init__(self) -> None:
        check(self)


def steps(x: Tensor) -> Tensor:
    """Where tokens (n, length) are predicted: at each word, and at the first END after them; bool (n, length)."""
    return F.pad(x[:, :-1] != END, (1, 0), value=True)


def shifted(x: Tensor, begin: int) -> Tensor:
    """What comes before each token of (n, length): `begin`, then all but the last."""
    return F.pad(x[:, :-1], (1, 0), value=begin)


def unbegun(logits: Tensor) -> Tensor:
    """Logits (n, length, size) by which no sentence ends before its first word."""
    barred = torch.zeros_like(logits)
    barred[:, 0, END] = BARRED
    return logits + barred


def nats(logits: Tensor, x: Tensor) -> Tensor:
    """ln p (n,) of tokens (n, length) by the logits (n, length, size) of each, END after the last word included."""
    found = F.log_softmax(unbegun(logits).float() if logits.dtype == torch.bfloat16 else unbegun(logits), 2)
    return (found.gather(2, x[:, :, None])[:, :, 0] * steps(x)).sum(1)


def words_loss(logits: Tensor, x: Tensor, where: Tensor) -> Tensor:
    """Mean cross-entropy in nats a word, of logits (m, size) of the m places `where` (n, length) one is predicted."""
    return F.cross_entropy(logits, x[where])


def at_once(length: int, size: int) -> int:
    """How many sentences of `length` words, each with `size` logits or features, are taken at once."""
    return max(1, NUMBERS // (length * size))


def choose(
    logits: Tensor,
    uniform: Tensor,
    temperature: float | Tensor,
    *,
    top_k: int = 0,
    first: bool | Tensor = False,
) -> Tensor:
    """The next tokens (n,) by logits (n, size): the likeliest at temperature 0, else drawn by `uniform` (n,) in [0, 1)
    from the softmax of logits / temperature, of the `top_k` likeliest if that is not 0. first: whether END cannot come.
    Of a graph temperature and first are tensors."""
    scores = logits.double()  # where the sum of thousands of probabilities is 1 to many digits
    if first is not False:
        ends = torch.arange(scores.shape[1], device=scores.device) == END
        scores = scores.masked_fill(ends & first, BARRED)
    likeliest = scores.argmax(1)
    if not isinstance(temperature, Tensor) and not temperature:
        return likeliest
    if 0 < top_k < scores.shape[1]:
        scores = scores.masked_fill(scores < scores.topk(top_k, 1).values[:, -1:], BARRED)
    warmth = temperature.double() if isinstance(temperature, Tensor) else temperature
    chances = (scores / warmth).softmax(1).cumsum(1)
    # Rounding may leave the sum below 1 and the number drawn above it. What cannot come has no chance, also at 0.
    token = (chances / chances[:, -1:] <= uniform.double()[:, None]).sum(1)
    return torch.where(temperature > 0, token, likeliest) if isinstance(temperature, Tensor) else token


def sampled(logits: Tensor, uniform: Tensor) -> Tensor:
    """Tokens (n,) from the softmax of logits (n, size), by `uniform` (n,) in [0, 1), as `choose` at temperature 1, in
    an eighth of its time: in float32, a block of tokens first and then one of the block, so that no sum over all tokens
    is written down place by place. For the many sentences of which nobody looks at one alone."""
    scores = logits.float()
    chances = (scores - scores.amax(1, keepdim=True)).exp()
    blocks = torch.unflatten(F.pad(chances, (0, -logits.shape[1] % BLOCK)), 1, (-1, BLOCK))
    block, rest = _place(blocks.sum(2), uniform)
    return block * BLOCK + _place(blocks[torch.arange(len(blocks), device=blocks.device), block], rest)[0]


def _place(weights: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """In which of the weights (n, count), each as wide as it is large, `uniform` (n,) in [0, 1] of their sum lies: its
    place (n,), never one of width 0, and which share of that lies before (n,)."""
    ends = weights.cumsum(1)
    end = ends[:, -1]
    found = torch.minimum(uniform * end, torch.nextafter(end, torch.zeros_like(end)))[:, None]  # also where it rounds
    place = (ends <= found).sum(1, keepdim=True)
    own = weights.gather(1, place)
    share = (found - ends.gather(1, place) + own) / own  # which rounding may put below 0
    return place[:, 0], share.clamp(0, 1)[:, 0]


def drawn(
    following: Callable[[Tensor, Any], tuple[Tensor, Any]],
    begin: int,
    state: Any,
    uniform: Tensor,
    temperature: float | Tensor,
    *,
    top_k: int = 0,
) -> Tensor:
    """Tokens (n, length), word after word as `choose` takes them by `uniform` (n, length), END after the first END.
    following: logits (n, size) and the next state by the tokens (n,) before, at first `begin`, and a state, tensors of
    which all are part that it asks for beside parameters."""
    warmth = (temperature,) if isinstance(temperature, Tensor) else ()

    def step(before: tuple[Any, ...], number: Tensor, first: bool) -> tuple[tuple[Any, ...], Tensor]:
        token, ended, state, warmth = before
        logits, state = following(token, state)
        token = choose(logits, number, warmth[0] if warmth else temperature, top_k=top_k, first=first)
        token = token.masked_fill(ended, END)
        return (token, ended | (token == END), state, warmth), token

    token = torch.full_like(uniform[:, 0], begin, dtype=torch.int64)
    start = token, torch.zeros_like(token, dtype=torch.bool), state, warmth
    made = scan(step, start, uniform.T, [place == 0 for place in range(uniform.shape[1])])[1]
    assert made is not None  # a token of each step
    return made.T.contiguous()


def without_unknown(logits: Tensor) -> Tensor:
    """Logits (…, size) by which UNKNOWN never comes."""
    # No tensor is made of a number here, which a step of a graph cannot hold.
    return logits.masked_fill(torch.arange(logits.shape[-1], device=logits.device) == UNKNOWN, BARRED)


class Reading(nn.Module):
    """Embeddings of tokens, with a row more for the beginning, and logits by the same rows (Press and Wolf 2017,
    arXiv:1608.05859)."""

    def __init__(self, size: int, embedding: int) -> None:
        super().__init__()
        self.begin = size
        self.table = nn.Parameter(embedding**-0.5 * torch.randn(size + 1, embedding))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, tokens: Tensor) -> Tensor:
        return F.embedding(tokens, self.table)

    def logits(self, features: Tensor) -> Tensor:
        """Logits (…, size) of the next token by features (…, embedding)."""
        return F.linear(features, self.table[: self.begin], self.bias)

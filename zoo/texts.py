"""Texts: their words, the vocabulary of many, and the indices of words that a model embeds."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.errors import InvalidInput, UnknownWord, nearest, outside

# Indices of words: none, after the last of a text; one that is not in the vocabulary; and the vocabulary's first.
END, UNKNOWN, FIRST = 0, 1, 2


def words(text: str) -> list[str]:
    """The words of `text` without regard to case: runs of letters and digits, whatever is between them."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text.casefold()))


def vocabulary(texts: Iterable[str]) -> tuple[str, ...]:
    """The words of `texts`, in alphabetical order; one that a single text has is often what tells it apart."""
    return tuple(sorted({word for text in texts for word in words(text)}))


def word_indices(texts: Sequence[str], vocabulary: Sequence[str], length: int) -> Tensor:
    """int64 (n, length) of `texts`: 2 + k for word k of the vocabulary, 1 for any other, 0 after the last; what is
    longer than `length` words is cut."""
    known = {word: index for index, word in enumerate(vocabulary, FIRST)}
    indices = torch.full((len(texts), length), END, dtype=torch.int64, device="cpu")
    for row, text in zip(indices, texts, strict=True):
        found = [known.get(word, UNKNOWN) for word in words(text)[:length]]
        row[: len(found)] = torch.tensor(found, device="cpu")
    return indices


def parse_texts(condition: Any, n: int, vocabulary: Sequence[str], length: int) -> Tensor:
    """`word_indices` (n, length) of a sequence of `n` texts, or (1, length) of a text that serves all `n` samples.

    Warns (UnknownWord) of words that are not in the vocabulary, and takes them for unknown ones. Raises InvalidInput
    for what is no text, one without words or of more than `length` of them, and a wrong number of texts.
    """
    given = condition.tolist() if type(condition).__module__ == "numpy" else condition
    texts = [given] if isinstance(given, str) or not isinstance(given, Sequence) else list(given)
    if any(isinstance(text, Tensor) for text in texts):
        raise InvalidInput("a list with tensors came as condition. Make one tensor of embeddings: torch.stack(…).")
    for text in texts:
        if not isinstance(text, str):
            raise InvalidInput(f"the condition {text!r} is a {type(text).__name__}; expected a text, or one a sample.")
        if not 0 < len(words(text)) <= length:
            raise InvalidInput(
                f"the text {text!r} has {len(words(text))} words; this model takes 1 to {length}. Say it in as many."
            )
    if len(texts) not in (1, n):
        raise InvalidInput(f"{len(texts)} texts came for {n} samples. Pass one text, or exactly {n} of them.")
    if strange := sorted({word for text in texts for word in words(text)} - set(vocabulary)):
        some = ", ".join(map(repr, strange[:6])) + (" …" if len(strange) > 6 else "")
        hint = "Say it in other words." if len(strange) > 1 else nearest(strange[0], vocabulary)
        what = "them for unknown words" if len(strange) > 1 else "it for an unknown word"
        warnings.warn(f"the model has not learned {some} and takes {what}. {hint}", UnknownWord, stacklevel=outside())
    return word_indices(texts, vocabulary, length)

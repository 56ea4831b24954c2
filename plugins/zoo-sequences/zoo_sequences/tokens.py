"""Tokens: the space of sentences, as the numbers of their words in a vocabulary."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from zoo.plugin import Noise, Space, errors, images
from zoo_sequences import reading
from zoo_sequences.words import GLUED, joined, normalised, pieces

if TYPE_CHECKING:
    from PIL import Image

END, UNKNOWN, FIRST = 0, 1, 2  # nothing, after the last word; a word that is not known, or a gap; the first known one
GAP = "_"  # how UNKNOWN is written and read
SHOWN = 6  # words that a warning names


@dataclasses.dataclass(frozen=True)
class Tokens(Space):
    """int64 (n, length): 2 + k for word k of the vocabulary, 1 for any other, 0 after the last; a word at least.

    vocabulary: the words, the most frequent first, with spaces between, as they stand in a Config. unit: "word", or
    "character" for scripts without spaces.
    """

    vocabulary: str = ""
    unit: str = "word"

    name = "tokens"
    noun = "sentence"
    suffixes: ClassVar[tuple[str, ...]] = reading.SUFFIXES
    scattered = False
    categorical = True
    spoken = True

    @property
    def words(self) -> tuple[str, ...]:
        """The vocabulary, in order."""
        return tuple(_places(self.vocabulary))

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return FIRST + len(_places(self.vocabulary))

    @property
    def extent(self) -> str:
        return f"≤ {self.shape[0]} {self.unit}s"

    @property
    def explained(self) -> dict[str, Any]:
        """Of an exported graph: the `written` form of each token, what a sentence is cut into, and signs within it."""
        return {
            "range": [0, self.size - 1],
            "written": ["", GAP, *self.words],
            "unit": self.unit,
            "glued": GLUED,
            "indices": {"end": END, "unknown": UNKNOWN, "first": FIRST},
        }

    def fitted(self, texts: Iterable[str], most: int) -> Tokens:
        """The space with the `most` frequent words of `texts` as its vocabulary, unless it has one; of words as
        frequent those that come first in the alphabet."""
        if self.vocabulary:
            return self
        counts = Counter(word for text in texts for word in self.cut(text))
        ranked = sorted((word for word in counts if word != GAP), key=lambda word: (-counts[word], word))
        return dataclasses.replace(self, vocabulary=" ".join(ranked[:most]))

    def cut(self, text: str) -> list[str]:
        """The words of a text."""
        return pieces(normalised(text), self.unit)

    def tokens(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Those of texts that are cut into 1 to `length` words: int64 (n, length)."""
        known = _places(self.vocabulary)
        rows = torch.zeros(len(texts), *self.shape, dtype=torch.int64, device="cpu")
        for row, words in zip(rows, texts, strict=True):
            row[: len(words)] = torch.tensor([known.get(word, UNKNOWN) for word in words], device="cpu")
        return rows

    def lines(self, samples: Tensor) -> list[str]:
        """The texts of a batch, `GAP` for what is not known."""
        written = ("", GAP, *self.words)
        return [joined([written[token] for token in row if token != END], self.unit) for row in samples.tolist()]

    def parts(self, sample: Tensor) -> list[str]:
        """The words of one sample (length,), as people read them."""
        return [self.lines(token.view(1, 1))[0] for token in sample if token != END]

    def coerce(self, samples: Any, *, strict: bool = False) -> Any:
        """Texts, one or a list, or paths of files of them. Warns (UnknownWord) of words that are not known."""
        if isinstance(samples, Path):
            return self.read([samples])[1]
        given = [samples] if isinstance(samples, str) else samples
        if not isinstance(given, list | tuple) or not given or not all(isinstance(text, str) for text in given):
            return samples
        try:
            return self._understood([(repr(text), text) for text in given], strict=strict)
        except errors.DataError as error:
            raise errors.InvalidInput(str(error)) from error

    def check(self, samples: Any) -> Tensor:
        expected = f"expected texts, or int64 (n, {self.shape[0]})"
        if not isinstance(samples, Tensor):
            raise errors.InvalidInput(f"sentences came as {type(samples).__name__}; {expected}. Pass a list of texts.")
        if samples.dtype != torch.int64 or samples.shape[1:] != self.shape or samples.ndim != 2 or not len(samples):
            kind = f"{str(samples.dtype).removeprefix('torch.')} {tuple(samples.shape)}"
            raise errors.InvalidInput(f"sentences came as {kind}; {expected}. Pass a list of texts.")
        if not samples.is_meta and not self.contains(samples):
            raise errors.InvalidInput(
                f"tokens are 0 … {self.size - 1}, 0 after the last and never first; others came. Pass a list of texts."
            )
        return samples

    def contains(self, samples: Tensor) -> bool:
        ended = samples == END
        bare = ended[:, 0].any() | (ended[:, :-1] & ~ended[:, 1:]).any()
        return not bool(bare | (samples < 0).any() | (samples >= self.size).any())

    def read(self, paths: Sequence[Path]) -> tuple[list[str], Tensor]:
        found = [line for path in paths for line in reading.texts(path)]
        if not found:
            raise errors.DataError(f"{', '.join(map(str, paths))}: no line in it. Name files with sentences.")
        return [name for name, _ in found], self._understood(found)

    def _understood(self, named: Sequence[tuple[str, str]], *, strict: bool = False) -> Tensor:
        """The tokens of texts that are called something. Raises DataError that names those that are empty or too long;
        warns of words that are not known, or, if `strict`, refuses them."""
        cut = [(name, [self._form(word) for word in self.cut(text)]) for name, text in named]
        most, unit = self.shape[0], self.unit
        wrong = (f"{name} has {len(words)} {unit}s" for name, words in cut if not 0 < len(words) <= most)
        reading.refuse(wrong, f"This model takes 1 to {most}; shorten or fill them.")
        known = _places(self.vocabulary)
        strange = dict.fromkeys(word for _, words in cut for word in words if word not in known and word != GAP)
        if strange:
            first = next(name for name, words in cut if strange.keys() & set(words))
            some = ", ".join(map(repr, list(strange)[:SHOWN])) + " …" * (len(strange) > SHOWN)
            text = f"the model has not learned {some} (first in {first}) and takes each for an unknown word, {GAP!r}."
            if strict:
                raise errors.InvalidInput(f"{text} Say it in other words.")
            warnings.warn(f"{text} Say it in other words.", errors.UnknownWord, stacklevel=errors.outside())
        return self.tokens([words for _, words in cut])

    def _form(self, word: str) -> str:
        """A word as it is known: with a space before it, or without, where it is known only so."""
        known, other = _places(self.vocabulary), word[1:] if word.startswith(GLUED) else GLUED + word
        return other if word not in known and other in known else word

    def write(self, samples: Tensor, path: Path, *, columns: int | None = None) -> str:
        reading.save(self.lines(samples), path)
        return f"{path} ({len(samples)} sentence{'s' * (len(samples) != 1)})"

    def preview(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        """The sentences below each other."""
        return images.lettered(self.lines(samples))

    def example(self, n: int, noise: Noise) -> Tensor:
        """Sentences of any length, each word as likely as any other."""
        length, drawn = self.shape[0], noise.uniform(self.shape[0] + 1)
        ends = 1 + (drawn[:, :1] * length).long()
        # Of a model without a vocabulary all words are unknown ones.
        words = UNKNOWN + (drawn[:, 1:] * (self.size - UNKNOWN)).long()
        return torch.where(torch.arange(length, device=words.device) < ends, words, END)

    def opposite(self, samples: Tensor) -> Tensor:
        """Each word another, where there are others."""
        other = UNKNOWN + (samples - UNKNOWN + 1) % (self.size - UNKNOWN)
        return torch.where(samples == END, END, other)


@functools.lru_cache(16)
def _places(vocabulary: str) -> dict[str, int]:
    """The token of each word."""
    return {word: FIRST + place for place, word in enumerate(vocabulary.split())}

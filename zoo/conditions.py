"""Conditions: what a sample is made from besides noise.

A `Condition` reads what callers give and makes examples for the contract suite; `model.condition` is one. Labels by
index or by class name become a tensor of indices; attributes are labels whose classes are their combinations; texts
become indices of words, which the model embeds; embeddings that another network made and images stay what they are. A
plugin registers its own with `zoo_register_conditions`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from zoo import images, tables
from zoo._util import inputs, matching
from zoo.errors import ConfigError, InvalidInput, UnknownName, nearest
from zoo.files import coercing
from zoo.noise import Noise
from zoo.texts import parse_texts, word_indices

if TYPE_CHECKING:
    from zoo.spaces import Space


class Condition:
    """What a sample is made from besides noise.

    name: under which it is registered, None for nothing. required: whether nothing can be made without one; otherwise
    `draw` says what is taken when none is given. embedded: whether integers that `parse` gives are indices of words,
    of which the model makes embeddings. space: of what is a sample itself, such as a sentence, the space that it is of,
    which `translate` takes then.
    """

    name: ClassVar[str | None] = None
    required: ClassVar[bool] = False
    embedded: ClassVar[bool] = False
    space: Space | None = None

    def count(self, given: Any) -> int:
        """How many conditions these are, at least 1: a batch of images, a row of labels, rows of embeddings, a sequence
        of any, or a data set of Hugging Face."""
        if hasattr(given, "ndim"):  # a tensor or array
            return max(1, len(given)) if given.ndim in (1, 2, 4) else 1
        several = isinstance(given, Sequence) or (hasattr(given, "column_names") and hasattr(given, "__len__"))
        return max(1, len(given)) if several and not isinstance(given, str) else 1

    def parse(self, given: Any, n: int) -> Tensor:
        """`given` as a tensor of `n` rows, or of one that serves all, or an error that helps."""
        raise NotImplementedError

    def missing(self) -> InvalidInput:
        """The error for a call that needs a condition and came without one."""
        return InvalidInput(f"this model is conditioned on {self.name}. Pass condition=.")

    def draw(self, seed: int, first: int, count: int, noise: type[Noise] = Noise) -> Tensor | None:
        """What samples `first` … of a seed are made from when nobody says; None for nothing. noise: what they are drawn
        from, a model's `noise_class`."""
        return None

    def words(self, words: Sequence[str]) -> Any:
        """What `parse` takes for the words of a command line. Raises InvalidInput."""
        return list(words)

    def example(self, n: int) -> Any:
        """`n` conditions that differ as far as there are as many; None for nothing."""
        return None

    def usual(self, n: int) -> Any:
        """What is given where nobody says: None, or examples where nothing can be made without a condition."""
        return self.example(n) if self.required else None

    def __str__(self) -> str:
        return "unconditional" if self.name is None else f"conditioned on {self.name}"


class Unconditional(Condition):
    """Nothing but noise."""

    def parse(self, given: Any, n: int) -> Tensor:
        came = ", ".join(map(repr, given)) if isinstance(given, list | tuple) else repr(given)
        raise InvalidInput(f"condition={came} came, but this model is unconditional. Leave it out.")


@dataclass(frozen=True)
class Labels(Condition):
    """Class indices (n,), one of `classes` for each sample; drawn uniformly when none are given."""

    classes: tuple[str, ...]

    name = "label"

    def parse(self, given: Any, n: int) -> Tensor:
        return parse_labels(given, n, self.classes)

    def missing(self) -> InvalidInput:
        some = ", ".join(self.classes[:3])
        return InvalidInput(f"this model is conditioned on a label. Pass condition=, one of: {some} …")

    def draw(self, seed: int, first: int, count: int, noise: type[Noise] = Noise) -> Tensor | None:
        return noise(seed, first, count, stream="label").integers(len(self.classes))

    def words(self, words: Sequence[str]) -> Any:
        """Class names as they are, other whole numbers as indices, lists joined by commas taken apart."""
        known = {matching.plain(name) for name in self.classes}
        found: list[str | int] = []
        for word in words:
            parts = [word] if matching.plain(word) in known else [part.strip() for part in word.split(",")]
            if not all(parts):
                raise InvalidInput(
                    f"the condition {word!r} has an empty part. Pass names such as --condition sneaker,bag."
                )
            found += [int(part) if part.isdecimal() and part not in known else part for part in parts]
        return found

    def example(self, n: int) -> list[int]:
        return [i % len(self.classes) for i in range(n)]

    def __str__(self) -> str:
        return f"conditioned on {len(self.classes)} labels"


@dataclass(frozen=True)
class Texts(Condition):
    """Texts of at most `longest` words of a `vocabulary`, which the model embeds: indices of words (1 or n, longest).
    Embeddings (1 or n, dim) are taken as they are."""

    vocabulary: tuple[str, ...]
    longest: int
    dim: int

    name = "text"
    required = True
    embedded = True

    def parse(self, given: Any, n: int) -> Tensor:
        if not isinstance(given, Tensor):
            return parse_texts(given, n, self.vocabulary, self.longest)
        rows = inputs.batch("embeddings", given, (self.dim,), "(n, text_dim)")
        if len(rows) not in (1, n):
            raise InvalidInput(f"{len(rows)} embeddings came for {n} samples. Pass one, or exactly {n}.")
        return rows

    def missing(self) -> InvalidInput:
        return InvalidInput("this model is conditioned on a text. Pass condition=: a sentence, or one a sample.")

    def indices(self, texts: Sequence[str]) -> Tensor:
        """`word_indices` (n, longest) of `texts`, strange words unknown ones and what is too long cut."""
        return word_indices(texts, self.vocabulary, self.longest)

    def example(self, n: int) -> list[str]:
        return [self.vocabulary[i % len(self.vocabulary)] for i in range(n)]


@dataclass(frozen=True)
class Embeddings(Condition):
    """Vectors (1 or n, dim) of any numbers, such as another network's embeddings of texts. The command line takes them
    from .csv and .npy files."""

    dim: int

    name = "embedding"
    required = True

    def count(self, given: Any) -> int:
        first = given[0] if isinstance(given, Sequence) and given else None
        several = given.ndim == 2 if hasattr(given, "ndim") else isinstance(first, Sequence) or hasattr(first, "ndim")
        return max(1, len(given)) if several else 1

    def parse(self, given: Any, n: int) -> Tensor:
        if isinstance(given, Tensor):
            values = given
        else:
            try:
                listed = isinstance(given, Sequence) and any(hasattr(each, "__array__") for each in given)
                parts = [torch.as_tensor(each, device="cpu") for each in given] if listed else []
                values = torch.stack(parts) if parts else torch.as_tensor(given, device="cpu")
            except (TypeError, ValueError, RuntimeError) as error:
                raise InvalidInput(
                    f"embeddings came as {type(given).__name__}; expected {self.dim} numbers, or rows of as many."
                ) from error
        rows = inputs.batch("embeddings", values[None] if values.ndim == 1 else values, (self.dim,), f"(n, {self.dim})")
        if len(rows) not in (1, n):
            raise InvalidInput(f"{len(rows)} embeddings came for {n} samples. Pass one, or exactly {n} of them.")
        return rows

    def missing(self) -> InvalidInput:
        return InvalidInput(
            f"this model is conditioned on another network's embeddings, {self.dim} numbers each. Pass condition=: a "
            "tensor, or in the shell a .csv or .npy file."
        )

    def words(self, words: Sequence[str]) -> list[list[float]]:
        """The rows of files of vectors, one file after the other."""
        read = [tables.load(word).values for word in words]
        for word, rows in zip(words, read, strict=True):
            if rows.shape[1] != self.dim:
                raise InvalidInput(
                    f"{word} has {rows.shape[1]} columns; this model takes embeddings of {self.dim} numbers."
                )
        found: list[list[float]] = torch.cat(read).tolist()
        return found

    def example(self, n: int) -> list[list[float]]:
        """Of two decimals, so that golden files are short."""
        drawn = Noise(0, 0, n, stream="embedding").normal(self.dim).double()
        found: list[list[float]] = drawn.round(decimals=2).tolist()
        return found


@dataclass(frozen=True)
class Images(Condition):
    """Images (n, channels, height, width) in [0, 1], one that serves all samples or one for each, of any size."""

    channels: int

    name = "image"
    required = True

    def parse(self, given: Any, n: int) -> Tensor:
        return parse_images(given, n, self.channels)

    def missing(self) -> InvalidInput:
        return InvalidInput("this model is conditioned on an image. Pass a tensor, a PIL image or a path.")


PLAIN = "plain"  # the combination that has none of the attributes
PLUS = " + "


def combinations(attributes: Sequence[str]) -> tuple[str, ...]:
    """Names of the 2ᵏ combinations of k `attributes`, in the order in which binary numbers count, the first attribute
    being the lowest bit: "plain", "bangs", "smiling", "bangs + smiling"."""
    present = ([name for k, name in enumerate(attributes) if index >> k & 1] for index in range(2 ** len(attributes)))
    return tuple(PLUS.join(names) or PLAIN for names in present)


def attributes(classes: Sequence[str]) -> tuple[str, ...]:
    """The attributes whose `combinations` the `classes` are, or none if they are not."""
    count = len(classes).bit_length() - 1
    names = tuple(classes[1 << k] for k in range(count)) if count > 0 else ()
    return names if names and tuple(classes) == combinations(names) else ()


def check_combinations(classes: Sequence[str], names: Sequence[str], architecture: str) -> None:
    """ConfigError unless there are no attributes or the `classes` are the combinations of those of these `names`."""
    fits = len(classes) == 2 ** len(names)  # before they are listed
    if names and not (fits and tuple(classes) == combinations(names)):
        raise ConfigError(f"{architecture}: classes={classes!r}; expected the combinations of {names!r}.")


def parse_labels(condition: Any, n: int, classes: Sequence[str]) -> Tensor:
    """`n` class indices from `condition`: an index, a class name, a sequence of either, an integer tensor or array.

    One label serves all `n` samples; otherwise there must be exactly `n`. A name that is no class's is compared without
    regard to case and to how letters are composed, that of a combination, such as "smiling + bangs", without regard to
    order and spaces as well. Returns an int64 tensor (n,) on the CPU, not to be written to. Raises InvalidInput for a
    wrong type, count or index or a name that may mean several classes, and UnknownName for one that the model lacks.
    """
    if isinstance(condition, Tensor):
        if condition.is_floating_point() or condition.is_complex() or condition.dtype == torch.bool:
            raise InvalidInput(f"labels came as {condition.dtype}; expected integers. Convert with .long().")
        inputs.dense("labels", condition)
        if condition.ndim > 1:
            shape = tuple(condition.shape)
            raise InvalidInput(f"labels came with shape {shape}; expected ({n},). For one-hot rows pass .argmax(1).")
        items: list[Any] = condition.reshape(-1).tolist()
    elif hasattr(condition, "tolist"):  # a numpy array or scalar
        items = condition.tolist() if getattr(condition, "ndim", 0) else [condition.tolist()]
    elif isinstance(condition, str) or not isinstance(condition, Sequence):
        items = [condition]
    else:
        items = list(condition)
    indices = [_index(item, classes) for item in items]
    if len(indices) not in (1, n):
        raise InvalidInput(f"{len(indices)} labels came for {n} samples. Pass one label, or exactly {n} of them.")
    found = torch.tensor(indices, dtype=torch.long, device="cpu")
    return found.expand(n) if len(indices) == 1 else found  # which takes no memory


def parse_images(condition: Any, n: int, channels: int, *, strict: bool = False) -> Tensor:
    """Images (n, channels, height, width) in [0, 1], or one that serves all `n` samples, from `condition`: such a
    tensor or array, a single image of one, a PIL image, a path, or a sequence of any.

    Files and PIL images are turned upright and to the channels, as `zoo.files.coercing.sources` says; they become
    float32 on the CPU. Tensors and arrays must have the channels. Raises InvalidInput for anything else, and DataError
    for a file that is missing or damaged.
    """
    given = _batch(coercing.sources(condition, channels, strict=strict), channels)
    if len(given) not in (1, n):
        raise InvalidInput(f"{len(given)} images came as conditions of {n} samples. Pass one, or exactly {n} of them.")
    return given


def _batch(condition: Tensor, channels: int) -> Tensor:
    if condition.ndim not in (3, 4) or 0 in condition.shape[-2:]:
        raise InvalidInput(
            f"the condition came with shape {tuple(condition.shape)}; expected (n, {channels}, height, width), or "
            f"({channels}, height, width) for one image, of at least a pixel."
        )
    if condition.shape[-3] != channels:
        kind = images.KINDS.get(channels, f"{channels}")
        grey = condition.shape[-3] == 1 and channels == 3
        last = inputs.CHANNELS_LAST if condition.ndim == 4 and condition.shape[-1] == channels else ""
        hint = " Repeat the grey: .expand(3, -1, -1) of one image." if grey else last
        raise InvalidInput(
            f"the condition came with shape {tuple(condition.shape)}, {condition.shape[-3]} channels; this model takes "
            f"{kind}. PIL images and files are converted, tensors and arrays are not.{hint}"
        )
    batch = condition.unsqueeze(0) if condition.ndim == 3 else condition
    return inputs.pixels(batch, tuple(batch.shape[1:]))


def _index(item: Any, classes: Sequence[str]) -> int:
    if isinstance(item, str):
        try:
            return matching.find(item, classes, "no class is called")
        except UnknownName:
            if "+" in item and any(PLUS in name for name in classes):
                return _combination(item, classes)
            raise
    try:
        # Integers of numpy and torch have an index too, floats have none; a bool has, but is never meant as a label.
        index = None if isinstance(item, bool) else operator.index(item)
    except TypeError:
        index = None
    if index is None:
        raise InvalidInput(f"label {item!r} is a {type(item).__name__}; expected a class index or a class name.")
    if not 0 <= index < len(classes):
        raise InvalidInput(f"label {index} is out of range; this model has classes 0 … {len(classes) - 1}.")
    return index


def _combination(item: str, classes: Sequence[str]) -> int:
    """The index of the class that has the same parts as `item`, or UnknownName for a part that no class has."""
    known = [_parts(name) for name in classes]
    parts = _parts(item)
    if parts in known:
        return known.index(parts)
    names = frozenset().union(*known)
    strange = sorted(parts - names)
    hint = f"{strange[0]!r} is unknown. {nearest(strange[0], names)}" if strange else nearest(item, classes)
    raise UnknownName(f"no class is called {item!r}. {hint}")


def _parts(name: str) -> frozenset[str]:
    return frozenset(part.strip() for part in matching.plain(name).split("+"))

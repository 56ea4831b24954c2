"""Spaces: what one sample of a model is, and all that depends on it.

A `Space` checks what comes in, knows the form in which samples are stored, reads and writes their files, shows them to
people and makes examples for the contract suite. `model.space` is one; a plugin registers its own with
`zoo_register_spaces`, and nothing else of zoo needs to know it.
"""
# Long because what a space is and the three that are built in are read together.

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo import images, tables
from zoo._util import inputs, shortage
from zoo.errors import DataError, InvalidInput
from zoo.files import coercing, decoding
from zoo.noise import Noise

CELL = 10  # bytes that a number takes in a table, about

if TYPE_CHECKING:
    from PIL import Image


@dataclasses.dataclass(frozen=True)
class Space(abc.ABC):
    """One sample is a tensor of `shape`; a batch has a dimension before it.

    A subclass sets `name`, under which it is registered, and `noun`, what messages call a sample, and writes the
    abstract methods. suffixes: of the files that hold samples, the first being what is written unless told otherwise.
    chunk: samples computed at once unless `batch_size` says otherwise. levels: of a value, if it has so many, by which
    bits per dimension are counted. limits: of every value alike; within finite ones an error counts as it is, else as a
    share of the value. fit: what is done with pictures of other proportions. columns: names of the values, if they have
    any. probabilities: whether `generate` gives probabilities of values, where what is scored are values. categorical:
    whether values are the names of things, such as words, between which there is no distance. spoken: whether a sample
    is a line of text, which commands print where no file is named.
    """

    shape: tuple[int, ...]

    name: ClassVar[str]
    noun: ClassVar[str] = "sample"
    suffixes: ClassVar[tuple[str, ...]]
    chunk: ClassVar[int] = 64
    levels: ClassVar[int | None] = None
    limits: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    scattered: ClassVar[bool] = True  # whether each sample has, or may have, a file of its own
    categorical: ClassVar[bool] = False
    spoken: ClassVar[bool] = False
    # What a space may have as a field; no annotations, which would make them fields of all.
    fit = "crop"
    columns = tuple[str, ...]()
    probabilities = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))

    @property
    def explained(self) -> dict[str, Any]:
        """What whoever runs an exported graph is to know of its samples beside their range, as JSON has it, such as the
        words that numbers stand for."""
        return {}

    @property
    def bounded(self) -> bool:
        """Whether its `limits` are finite."""
        return all(map(math.isfinite, self.limits))

    @property
    def dimensions(self) -> int:
        """Number of values in one sample."""
        return math.prod(self.shape)

    @property
    def extent(self) -> str:
        """How large one sample is, in words."""
        return "×".join(map(str, self.shape))

    def coerce(self, samples: Any, *, strict: bool = False) -> Any:
        """`samples` in another form that callers may have them in as what `check` takes: a tensor. Warns (Converted) of
        what was changed on the way; with `strict` that is InvalidInput. Raises as `read` does."""
        return samples

    @abc.abstractmethod
    def check(self, samples: Any) -> Tensor:
        """`samples`, a batch (n, *shape), or InvalidInput saying what came, what was expected and what to do."""

    def check_scored(self, samples: Any) -> Tensor:
        """`check` of what `log_prob` is asked for, which may be narrower than what `encode` takes."""
        return self.check(samples)

    @abc.abstractmethod
    def contains(self, samples: Tensor) -> bool:
        """Whether the values of a batch of the right shape are those of samples."""

    def store(self, samples: Tensor) -> Tensor:
        """A batch as data sets and measurements hold it, such as 8-bit levels; on the CPU."""
        return samples.cpu()

    def restore(self, stored: Tensor) -> Tensor:
        """What `store` was given, up to rounding."""
        return stored

    def with_data(self, data: dict[str, Any]) -> Space:
        """The space as the block `data` of a release's card describes it, which may name its columns; as `fit` comes
        what was done with pictures of other proportions in its training."""
        return self

    @abc.abstractmethod
    def read(self, paths: Sequence[Path]) -> tuple[list[str], Tensor]:
        """The samples in files, a name for each, and the batch. Raises DataError naming all files that are damaged, and
        InvalidInput for one that holds something else."""

    @abc.abstractmethod
    def write(self, samples: Tensor, path: Path, *, columns: int | None = None) -> str:
        """Write a batch to one file; returns what was written, in words. columns: of a picture of many samples. Raises
        InvalidInput for a suffix that is none of `suffixes`."""

    def check_count(self, n: int, path: Path, *, columns: int | None = None) -> None:
        """Raise InvalidInput, before anything is drawn, when `n` samples would not go into the file that `write_parts`
        is to write."""
        what = shortage.many(n, self.noun)
        shortage.check_memory(n * self.dimensions * 4, what, "Make fewer, or write an array: --out NAME.npy.")

    def write_parts(self, parts: Iterable[Tensor], n: int, path: Path, *, columns: int | None = None) -> str:
        """`write` of `n` samples that come in parts: all at once, unless the files of the space can be written bit by
        bit."""
        return self.write(torch.cat(list(parts)), path, columns=columns)

    def takes(self, path: Path) -> bool:
        """Whether a file in a folder is taken for one of samples; by its suffix, unless a subclass knows better."""
        return path.suffix.lower() in self.suffixes

    @abc.abstractmethod
    def preview(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        """A picture of a batch, for people."""

    def lines(self, samples: Tensor) -> list[str]:
        """Each sample of a batch as a line of text, of a space that is `spoken`."""
        raise NotImplementedError

    @abc.abstractmethod
    def example(self, n: int, noise: Noise) -> Tensor:
        """`n` samples, each by its own part of `noise` (of `n`), of the kind that models are made for."""

    @abc.abstractmethod
    def opposite(self, samples: Tensor) -> Tensor:
        """Samples that differ from `samples` in every value."""

    def __str__(self) -> str:
        return f"{self.name} {self.shape}"


class _Written:
    """The suffixes of images that Pillow writes, which it is asked for when they are needed."""

    def __get__(self, space: object, owner: type) -> tuple[str, ...]:
        return decoding.written()


@dataclasses.dataclass(frozen=True)
class Images(Space):
    """Float tensors (n, channels, height, width) in [0, 1], 8-bit when stored.

    fit: what is done with files of other proportions than `shape`: "crop" to the middle, "pad" with white, "squeeze".
    """

    fit: str = dataclasses.field(default="crop", compare=False)

    name = "images"
    noun = "image"
    suffixes = _Written()
    levels: ClassVar[int | None] = 256
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @property
    def extent(self) -> str:
        return "×".join(map(str, self.shape[1:]))

    def coerce(self, samples: Any, *, strict: bool = False) -> Tensor:
        """Images as tensors, arrays, PIL images, paths, lists of any, data sets: see `zoo.files.coercing.samples`."""
        return coercing.samples(samples, self.shape, fit=self.fit, strict=strict)

    def check(self, samples: Any) -> Tensor:
        return inputs.pixels(samples, self.shape)

    def contains(self, samples: Tensor) -> bool:
        return bool(((samples >= 0) & (samples <= 1)).all())

    def store(self, samples: Tensor) -> Tensor:
        return images.quantise(samples).cpu()

    def restore(self, stored: Tensor) -> Tensor:
        return stored.float() / 255

    def with_data(self, data: dict[str, Any]) -> Space:
        fit = data.get("fit", self.fit)
        return self if fit == self.fit else dataclasses.replace(self, fit=fit)

    def takes(self, path: Path) -> bool:
        return decoding.is_named(path)

    def read(self, paths: Sequence[Path]) -> tuple[list[str], Tensor]:
        for path in paths:
            if path.suffix.lower() in tables.SUFFIXES:
                raise InvalidInput(f"{path} is a table, and this is a model of images. Pass image files.")
        reader = images.Reader(self.fit)
        (pixels,), _ = reader.read(paths, self.shape)
        reader.tell(self.shape)
        return [str(path) for path in paths], pixels.float() / 255

    def write(self, samples: Tensor, path: Path, *, columns: int | None = None) -> str:
        images.save(samples, path, columns=columns)
        return f"{path} ({len(samples)} image{'s' * (len(samples) != 1)})"

    def check_count(self, n: int, path: Path, *, columns: int | None = None) -> None:
        images.check_grid(n, self.shape, columns=columns)

    def preview(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        return images.grid(samples, columns=columns)

    def example(self, n: int, noise: Noise) -> Tensor:
        """Smooth 8-bit pictures in [0.05, 0.95]: random, but closer to photographs than noise is."""
        shape = self.shape
        if len(shape) != 3:
            return _levels(noise.uniform(*shape))
        coarse = noise.uniform(shape[0], *(min(size, max(2, size // 4)) for size in shape[1:]))
        return _levels(F.interpolate(coarse, size=shape[1:], mode="bilinear"))

    def opposite(self, samples: Tensor) -> Tensor:
        return 1 - samples


@dataclasses.dataclass(frozen=True)
class BinaryImages(Images):
    """Images whose pixels are 0 or 1, black and white: what is generated, and what has a probability, which is a mass
    and no density. `encode` and `decode` may read and give the probabilities of pixels between.

    probabilities: whether `generate` gives those too, as is customary where a decoder makes them.
    """

    probabilities: bool = False

    name = "binary-images"
    levels = None

    def check_scored(self, samples: Any) -> Tensor:
        return inputs.binary(self.check(samples))

    def example(self, n: int, noise: Noise) -> Tensor:
        return super().example(n, noise).round()


@dataclasses.dataclass(frozen=True)
class Vectors(Space):
    """Float tensors (n, features) of any finite numbers, such as the rows of a table: not clamped, not rounded.

    columns: names of the features, if they have any.
    """

    columns: tuple[str, ...] = ()

    name = "vectors"
    noun = "row"
    suffixes = tables.SUFFIXES
    chunk = 4096
    scattered = False

    @property
    def extent(self) -> str:
        return f"{self.shape[0]} columns"

    def coerce(self, samples: Any, *, strict: bool = False) -> Tensor:
        """Rows as a tensor, an array, lists of numbers, a data frame with the model's columns in any order, or paths of
        tables. Nothing is changed."""
        if isinstance(samples, Tensor):
            return samples
        given: Any = [samples] if isinstance(samples, (str, Path)) else coercing.unpacked(samples)
        if isinstance(given, list | tuple) and given:
            if all(isinstance(each, (str, Path)) for each in given):
                return self.read([Path(path) for path in given])[1]
            if all(isinstance(each, Tensor) for each in given) and (rows := coercing.arrays(given)) is not None:
                return rows
        try:
            return self._of_frame(tables.of_frame(given)) if tables.is_frame(given) else tables.rows(given)
        except InvalidInput:
            raise
        except (DataError, ValueError, TypeError) as error:
            came = type(samples).__name__
            raise InvalidInput(f"vectors came as {came}; expected finite numbers (n, features). {error}") from None

    def _of_frame(self, table: tables.Table) -> Tensor:
        """The rows of a data frame, its columns in the order of the model's, if that has names for them."""
        if not self.columns or table.columns == self.columns:
            return table.values
        if sorted(table.columns) != sorted(self.columns):
            raise InvalidInput(
                f"a data frame with the columns {', '.join(table.columns)} came; the model was trained on "
                f"{', '.join(self.columns)}. Pass these: data[[…]]."
            )
        return table.values[:, [table.columns.index(name) for name in self.columns]]

    def check(self, samples: Any) -> Tensor:
        return inputs.batch("vectors", samples, self.shape, "(n, features)")

    def contains(self, samples: Tensor) -> bool:
        return bool(samples.isfinite().all())

    def store(self, samples: Tensor) -> Tensor:
        return samples.cpu() if samples.dtype == torch.float64 else samples.float().cpu()

    def with_data(self, data: dict[str, Any]) -> Space:
        return dataclasses.replace(self, columns=tuple(data.get("columns") or ()))

    def read(self, paths: Sequence[Path]) -> tuple[list[str], Tensor]:
        found, bad = list[tables.Table](), list[str]()
        for path in paths:
            try:
                found.append(tables.load(path))
            except DataError as error:
                bad.append(str(error))
        if bad:
            raise DataError(" ".join(bad))
        for path, each in zip(paths, found, strict=True):
            expected = self.columns or each.columns
            if each.values.shape[1] != self.dimensions or (each.columns or expected) != expected:
                columns = f"{', '.join(self.columns)}, in this order" if self.columns else f"{self.dimensions} columns"
                came = f"the columns {', '.join(each.columns)}" if each.columns else f"{each.values.shape[1]} columns"
                raise InvalidInput(f"{path} has {came}; the model was trained on {columns}. Pass a table of these.")
        rows = [each.lines or range(1, len(each.values) + 1) for each in found]
        names = [f"{path}:{row}" for path, numbers in zip(paths, rows, strict=True) for row in numbers]
        return names, torch.cat([each.values for each in found])

    def write(self, samples: Tensor, path: Path, *, columns: int | None = None) -> str:
        return f"{tables.save(samples, path, self.columns)} ({len(samples)} row{'s' * (len(samples) != 1)})"

    def check_count(self, n: int, path: Path, *, columns: int | None = None) -> None:
        shortage.check_room(path.parent, n * self.dimensions * CELL, shortage.many(n, self.noun))

    def write_parts(self, parts: Iterable[Tensor], n: int, path: Path, *, columns: int | None = None) -> str:
        return f"{path} ({tables.save_parts(parts, n, path, self.columns)})"

    def preview(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        """The first two features against each other, dark where there are many samples."""
        points = samples[:, [0, -1]].cpu().double()
        low, high = points.amin(0), points.amax(0)
        cells = ((points - low) / (high - low).clamp_min(torch.finfo(torch.float64).tiny) * 255).long().clamp(0, 255)
        counts = torch.zeros(256 * 256, dtype=torch.float32, device="cpu")
        counts.index_add_(0, (255 - cells[:, 1]) * 256 + cells[:, 0], counts.new_ones(len(cells)))
        ink = (counts / counts.max()).sqrt().view(1, 1, 256, 256)
        return images.grid(1 - ink)

    def example(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(*self.shape)

    def opposite(self, samples: Tensor) -> Tensor:
        return -samples


def of_shape(shape: Sequence[int]) -> Images | Vectors:
    """The space of an architecture that takes either: vectors for (features,), images for (channels, height, width)."""
    return Vectors(tuple(shape)) if len(shape) == 1 else Images(tuple(shape))


def _levels(pixels: Tensor) -> Tensor:
    """Of [0, 1], as 8-bit levels in [0.05, 0.95]."""
    return ((0.05 + 0.9 * pixels) * 255).round() / 255

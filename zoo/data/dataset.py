"""What a data set is: batches of a split by step, and, of most, samples by row.

The loop asks for nothing but `batch`, so that data need not be held in memory; pictures and metrics look at rows of
`images` as well. `TensorDataset` holds a split decoded, images as uint8: training never waits for files.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from zoo._util import matching
from zoo.errors import DataError, UnknownName
from zoo.objective import Batch

UNPAIRED = 0x5DEECE66  # sets the seed of the other kind of images apart
FINGERPRINTED = 256  # samples looked at of what is not held in memory
HELD = 2**30  # bytes up to which samples are taken to be so: 1 GiB
MOST = 2**16  # samples asked of data that make batches and nothing else, where all are wanted
UNLABELLED = -1  # the label of a sample whose class is not known


class Rows(Protocol):
    """Samples by row, in the form in which they are stored: uint8 images or vectors. A tensor, or whatever
    reads a few of them at a time, from files for example."""

    @property
    def shape(self) -> Sequence[int]:
        """(n, *shape of one sample)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor | slice, /) -> Tensor:
        """The samples at `rows`, indices (m,), a mask (n,) or a slice: (m, …)."""


class Dataset(Protocol):
    """A split of a data set. Subclasses have `name`, `split`, a length and `batch`, and what else they know of:

    images: rows of samples, which pictures and metrics look at; None of data that make batches and nothing else.
    labels: class indices int64 (n,), −1 for what is not labelled, of `classes`, their names. attributes: bool (n, k),
    and their k names. factors: int64 (n, k), of what a picture was drawn by, and their k names. columns: names of a
    vector's features. log_density: the true ln p (n,), and `modes`: the centres (m, features) of the Gaussians that
    vectors were drawn from, all of standard deviation `mode_deviation`. Of data to translate, `sources`: rows of
    images, of which row i is to become image i, or, if they are not `paired`, any of its kind; `scenes`: by the name of
    a test set its images, uint8 (channels, height, width), each uncut and of its own size. captions: for each image the
    texts that say what it shows. names: what each sample is called where it was read. summary: in a line, for people,
    what was understood of the data; division: of data that are split here, what tells the splits from others. config:
    fields of a model's Config that follow from the data, such as a vocabulary, for models that have such.
    """

    name: str
    split: str
    images: Rows | None = None
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    log_density: Tensor | None = None
    modes: Tensor | None = None
    mode_deviation: float = 0.0
    sources: Rows | None = None
    paired: bool = True
    scenes: Mapping[str, tuple[Tensor, ...]] = {}
    captions: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, ...] = ()
    summary: str = ""
    division: str = ""
    config: Mapping[str, Any] = {}

    def __len__(self) -> int: ...

    def batch(self, step: int, size: int, *, seed: int, flip: bool, rank: int = 0, world: int = 1) -> Batch:
        """Process `rank`'s share of the batch of `step`: a function of the arguments alone, so runs can be resumed.

        flip: mirror images at random. Raises DataError when there can be no such batch.
        """
        raise NotImplementedError

    def fingerprint(self) -> str:
        """A few digits that other data do not have, so that a run is not resumed on them. All samples are looked at
        where they are held in memory, and of others some, spread over all, or the first batch."""
        count, found = len(self), hashlib.blake2b(digest_size=16)
        spread = slice(None, None, max(1, count // FINGERPRINTED))
        parts: list[Any] = [count, self.classes, self.columns, self.captions, self.paired]
        rows: list[Rows | None] = [self.images, self.sources, self.labels]
        parts += [part if is_held(part) else part[spread] for part in rows if part is not None]
        if self.images is None:
            parts.append(self.first_batch(FINGERPRINTED))
        for part in parts:
            found.update(_content(part))
        return found.hexdigest()

    @property
    def stored(self) -> Rows:
        """`images`, where they must be looked at. Raises DataError for data that make batches and nothing else."""
        if self.images is None:
            raise DataError(
                f"{self.name} makes batches and nothing else, and samples are to be looked at here. Measure and show "
                "the model on data that have `images`."
            )
        return self.images

    def first_batch(self, size: int) -> Tensor:
        """Samples of the first batch, `size` of them if there are as many: floats."""
        return self.batch(0, min(size, len(self)), seed=0, flip=False).images

    def all_samples(self) -> Tensor:
        """`images` as they are stored, or the first batch of data without."""
        return self.first_batch(MOST) if self.images is None else self.images[:]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple((self.first_batch(1) if self.images is None else self.images).shape[1:])

    @property
    def vectors(self) -> bool:
        """Whether these are vectors and not images."""
        return len(self.sample_shape) == 1

    def floats(self, rows: Tensor | slice) -> Tensor:
        """The images at `rows` as float32 in [0, 1], or vectors as they are. Raises as `stored`."""
        return floats(self.stored[rows])

    def indices(self, classes: Sequence[str]) -> Tensor | None:
        """The labels as indices (n,) into `classes`, matched by name, −1 for what is not labelled; None without labels
        or with an unknown class. Raises InvalidInput where a name may mean several, and DataError where several mean
        the same."""
        if self.labels is None:
            return None
        try:
            known = [matching.find(name, classes, "no class is called") for name in self.classes]
        except UnknownName:
            return None
        for place in set(known):
            names = [name for name, own in zip(self.classes, known, strict=True) if own == place]
            if len(names) > 1:
                raise DataError(
                    f"{self.name} has {matching.listed(names)}, the model {classes[place]!r} alone. Rename one of them."
                )
        return torch.tensor([*known, UNLABELLED], device="cpu")[self.labels]  # the last entry is that of −1


@dataclass(frozen=True)
class TensorDataset(Dataset):
    """A split in memory, or in files that are read like it: images uint8 (n, channels, height, width), vectors float32
    or float64 (n, features), or what another space stores. Any batch of any epoch can be made again from a seed."""

    name: str
    split: str
    images: Rows = field()  # and not the None of those that have none
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    log_density: Tensor | None = None
    modes: Tensor | None = None
    mode_deviation: float = 0.0
    sources: Rows | None = None
    paired: bool = True
    scenes: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)
    captions: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, ...] = ()
    summary: str = ""
    division: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, step: int, size: int, *, seed: int, flip: bool, rank: int = 0, world: int = 1) -> Batch:
        """Each epoch is a permutation of its own; the last, incomplete batch of an epoch is dropped. Raises DataError
        when the split has fewer than `size` samples, or when vectors are to be flipped."""
        if flip and self.vectors:
            raise DataError(f"{self.name} holds vectors, which cannot be mirrored. Train with --set flip=false.")
        mine = slice(rank, None, world)
        rows = self._rows(len(self), step, size, seed)[mine]
        coins = _coins(size, step, seed)[mine] if flip else None
        images, sources = _flipped(self.floats(rows), coins), None
        if self.sources is not None and self.paired:
            sources = _flipped(floats(self.sources[rows]), coins)
        elif self.sources is not None:
            # Of a seed of its own, or the two kinds would always meet in the same order.
            other = seed ^ UNPAIRED
            rows_there = self._rows(len(self.sources), step, size, other)[mine]
            sources = _flipped(floats(self.sources[rows_there]), _coins(size, step, other)[mine] if flip else None)
        captions = tuple(self.captions[row] for row in rows.tolist()) if self.captions else ()
        return Batch(images, None if self.labels is None else self.labels[rows], sources, captions)

    def _rows(self, n: int, step: int, size: int, seed: int) -> Tensor:
        """The rows (size,) of `step`'s batch out of `n`."""
        per_epoch = n // size
        if not per_epoch:
            raise DataError(
                f"{self.name} has {n} {self.split} sample{'s' * (n != 1)}, fewer than a batch of {size}. "
                "Train with a smaller one: --set batch_size=N."
            )
        epoch, within = divmod(step, per_epoch)
        return _order(n, _mix(seed, epoch, 0))[within * size : (within + 1) * size]


@functools.lru_cache(maxsize=2)  # of an epoch, and of the other kind of images: a million take longer than a step
def _order(n: int, seed: int) -> Tensor:
    return torch.randperm(n, generator=_generator(seed), device="cpu")


def is_held(rows: Rows) -> bool:
    """Whether samples are held in memory, and not in files that are mapped into it or read when they are asked for."""
    return isinstance(rows, Tensor) and rows.numel() * rows.element_size() <= HELD


def _content(part: Any) -> Any:
    """What stands for `part` in a fingerprint."""
    if not isinstance(part, Tensor):
        return repr(part).encode()
    return part.contiguous().reshape(-1).view(torch.uint8).numpy().data


def floats(samples: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1]; vectors as they are."""
    return samples.float() / 255 if samples.dtype == torch.uint8 else samples


def _coins(size: int, step: int, seed: int) -> Tensor:
    return torch.rand(size, generator=_generator(_mix(seed, step, 1)), dtype=torch.float32, device="cpu") < 0.5


def _generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def _flipped(images: Tensor, kept: Tensor | None) -> Tensor:
    """Images (n, …, width), mirrored but for those that are `kept` (n,)."""
    return images if kept is None else torch.where(kept[:, None, None, None], images, images.flip(3))


def _mix(seed: int, counter: int, stream: int) -> int:
    return (seed * 2 + stream) * 0x9E3779B1 + counter & 0xFFFFFFFF

"""Image files and PIL images as tensors, in one size for a model or each in its own.

`zoo.files.decoding` makes a picture of a file, and `zoo.files.fitting` a tensor of the picture.
"""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor

from zoo._util import shortage
from zoo.errors import Converted, DataError, InvalidInput, LeftOut, outside
from zoo.files import decoded, decoding
from zoo.files.decoding import Member
from zoo.files.fitting import (
    FITS,
    KINDS,
    MODES,
    check_shape,
    differences,
    fitted,
    pixels_of,
    resize_bytes,
    resizing,
    to_bytes,
)

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

STORES = ("memory", "disk", "none")
READ, CHANGED = "read", "changed in some way"  # of images
CHUNK = 1024  # images resized at once
LOOKED = 1000  # files, spread over all, whose sizes are looked at where decoding is put off
SHOWN = 5  # files of several frames that are named


@dataclass
class Reader:
    """How image files are read, and what was met in them.

    fit: what is done with pictures of other proportions than wanted: "crop" keeps the middle of them, "pad" adds white
    on both sides, "squeeze" stretches them. skip_bad: go on without files that cannot be read; `bad` says of each, in a
    sentence, why. changes: how many were changed in which way, and in any, to be of the shape wanted. exclude: files
    that are left out, by their paths, with or without suffix; `zoo.data.load` takes those from its root. store: where
    the pixels of many files go, to "memory"; or, where they are many, to a file on the "disk" that is mapped into it
    and found there the next time (`zoo.files.decoded`); or "none", so that each is decoded when it is asked for; what
    is bad is told then, and `changes` are of `LOOKED` of them. say: told of a file of pixels before it is written.
    known: what was understood of folders, for who reads another split.
    """

    fit: str = "crop"
    skip_bad: bool = False
    bad: list[str] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    exclude: tuple[str, ...] = ()
    store: str = "memory"
    say: Callable[[str], object] = str
    known: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.store not in STORES:
            raise InvalidInput(f"store={self.store!r}; expected one of {', '.join(STORES)}.")
        if self.store == "none" and self.skip_bad:
            raise InvalidInput("which files are bad shows when all are decoded. Leave out --skip-bad or --no-cache.")
        if self.fit not in FITS:
            raise InvalidInput(f"fit={self.fit!r}; expected one of {', '.join(FITS)}.")

    def read(
        self, paths: Sequence[str | Path | Member], shape: Sequence[int], *crops: Sequence[float]
    ) -> tuple[tuple[Any, ...], list[int]]:
        """Files as uint8 (m, *shape), once for each of `crops`, or whole if there are none; and the places in `paths`
        of the m that were read, which is all of them unless files are skipped or left out. As `each` raises. Where
        `store` says so these are no tensors, but rows as `zoo.data.dataset.Rows`."""
        check_shape(shape)
        parts, shapes = crops or (None,), [(len(paths), *shape)] * max(1, len(crops))
        if self.store == "none":
            return self._undecoded(paths, shape, parts)
        fresh = replace(self, bad=[], changes=Counter(), store="memory")

        def fill(pixels: Sequence[Tensor]) -> decoded.Read:
            return fresh._fill(pixels, paths, shape, parts)

        if self.store == "disk" and (size := sum(map(math.prod, shapes))) >= decoded.LEAST:
            made_of = [self.fit, self.exclude, crops]
            try:
                pixels, read = decoded.kept(made_of, paths, shapes, fill, self.say)
            except OSError as error:
                advice = "Set ZOO_HOME to a folder that can be, or decode them when they are needed: --no-cache."
                shortage.check_memory(size, f"{error}, and {len(paths):,} decoded images", advice)
                fresh.bad, fresh.changes = [], Counter()  # of what may have been read
                self.say(f"{error}, so that decoded images are held in memory. {advice}")
            else:
                self._check(read.bad, self.count(paths))
                self._take(read.bad, read.changes)
                return pixels, read.rows
        whole = [torch.empty(each, dtype=torch.uint8, device="cpu") for each in shapes]
        try:
            read = fill(whole)
        finally:
            self._take(fresh.bad, fresh.changes)
        return tuple(store[: len(read.rows)] for store in whole), read.rows

    def _take(self, bad: Sequence[str], changes: Mapping[str, int]) -> None:
        self.bad.extend(sentence for sentence in bad if sentence not in self.bad)
        self.changes.update(changes)

    def _fill(
        self,
        pixels: Sequence[Tensor],
        paths: Sequence[str | Path | Member],
        shape: Sequence[int],
        crops: Sequence[Sequence[float] | None],
    ) -> decoded.Read:
        rows: list[int] = []

        def keep(place: int, picture: Image.Image) -> None:
            for part, store in zip(crops, pixels, strict=True):
                store[len(rows)] = to_bytes(picture, shape, part, fit=self.fit)
            rows.append(place)
            self._count(differences(picture, shape, self.fit if crops[0] is None else None))

        self.each(paths, keep)
        return decoded.Read(rows, self.bad, dict(self.changes), [])

    def _undecoded(
        self,
        paths: Sequence[str | Path | Member],
        shape: Sequence[int],
        crops: Sequence[Sequence[float] | None],
    ) -> tuple[tuple[decoded.Undecoded, ...], list[int]]:
        rows = [place for place, path in enumerate(paths) if self.takes(path)]
        whole = replace(self, exclude=(), store="memory", bad=[], changes=Counter())
        for place in rows[:: max(1, math.ceil(len(rows) / LOOKED))]:
            with contextlib.suppress(DataError), decoding.opened(paths[place]) as picture:
                self._count(differences(picture, shape, self.fit if crops[0] is None else None))

        def decode(places: Sequence[int], crop: Sequence[float] | None) -> Tensor:
            chosen = [paths[rows[place]] for place in places]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LeftOut)  # of frames, at each step again
                return cast(Tensor, whole.read(chosen, shape, *([] if crop is None else [crop]))[0][0])

        made = (decoded.Undecoded(functools.partial(decode, crop=crop), len(rows), shape) for crop in crops)
        return tuple(made), rows

    def pictures(self, pictures: Iterable[Image.Image], shape: Sequence[int]) -> Tensor:
        """PIL images as uint8 (n, *shape). Raises DataError for one that is damaged or has more than 8 bits per
        channel."""
        made = []
        for picture in pictures:
            with decoding.quiet(), decoding.named(getattr(picture, "filename", "") or "the PIL image"):
                made.append(to_bytes(picture, shape, fit=self.fit))
                self._count(differences(picture, shape, self.fit))
        return torch.stack(made)

    def pixels(self, pixels: Tensor, shape: Sequence[int]) -> Tensor:
        """Images of one size, uint8 (n, 1 or 3, height, width), as uint8 (n, *shape)."""
        ways = resizing(pixels.shape[2:], shape, self.fit)
        coloured = (pixels != pixels[:, :1]).flatten(1).any(1) if shape[0] == 1 else pixels.new_zeros(len(pixels))
        for lost in coloured.tolist():
            self._count([*ways, *["turned grey"] * bool(lost)])
        parts = (resize_bytes(fitted(part, shape[1:], self.fit), shape) for part in torch.split(pixels, CHUNK))
        return torch.cat(list(parts))

    def _count(self, changes: Sequence[str]) -> None:
        self.changes.update([*changes, *[CHANGED] * bool(changes), READ])

    def summary(self, shape: Sequence[int]) -> str:
        """In a sentence, for all that was read, what was changed to be of `shape`, or to have channels alone, (c,);
        nothing if nothing was."""
        count, changed = self.changes[READ], self.changes[CHANGED]
        ways = {way: number for way, number in self.changes.items() if way not in (READ, CHANGED)}
        if not changed:
            return ""
        changes = ", ".join([f"{number} {way}" if count > 1 else way for way, number in ways.items()])
        noun = "images looked at" if self.store == "none" else "images"
        what = f"{changed} of {count} {noun} are" if count > 1 else "the image is"
        if len(shape) == 1:
            return f"{what} {' and '.join(ways)}."
        return f"{what} made {shape[2]}×{shape[1]}, {KINDS[shape[0]]}: {changes}."

    def tell(self, shape: Sequence[int]) -> None:
        """Warn (Converted) of the `summary`."""
        if text := self.summary(shape):
            warnings.warn(text, Converted, stacklevel=outside())

    def look(self, path: Path, shape: Sequence[int], number: int = 0) -> None:
        """Count what frame `number` of an image file, which can be read, loses to be of `shape`, or to have channels
        alone, (c,)."""
        with decoding.opened(path) as picture:
            picture.seek(number)
            whole = len(shape) == 1
            self._count(
                differences(picture, (*shape, *picture.size[::-1]) if whole else shape, None if whole else self.fit)
            )

    def frame(self, path: Path, channels: int, number: int) -> Tensor:
        """Frame `number` of an image file, as `whole` makes pictures. Raises DataError."""
        with decoding.opened(path) as picture:
            picture.seek(number)
            return pixels_of(picture, channels)

    def whole(self, paths: Sequence[Path], channels: int) -> dict[int, Tensor]:
        """By their places in `paths` the pictures in files as `whole` makes them, each in its own size. As `each`
        raises."""
        found: dict[int, Tensor] = {}

        def keep(place: int, picture: Image.Image) -> None:
            found[place] = self._own(picture, channels)

        self.each(paths, keep)
        return found

    def picture(self, source: Any, channels: int) -> Tensor:
        """One of `whole`, a path or PIL image. Raises as `whole` of this module."""
        if channels not in MODES and channels - 1 not in MODES:
            raise InvalidInput(f"no picture has {channels} channels. Pass a tensor.")
        if isinstance(source, (str, Path)):
            return self.whole([Path(source)], channels)[0]
        _check_pil(source, "a tensor, a PIL image or a path")
        with decoding.quiet(), decoding.named(getattr(source, "filename", "") or "the PIL image"):
            return self._own(source, channels)

    def _own(self, picture: Image.Image, channels: int) -> Tensor:
        self._count(differences(picture, (channels, *picture.size[::-1]), None))
        return pixels_of(picture, channels)

    def takes(self, path: str | Path | Member) -> bool:
        """Whether a file is none of those that are left out."""
        if not self.exclude or isinstance(path, Member):
            return True
        path = Path(path)
        return {str(path), str(path.parent / path.stem)}.isdisjoint(self.exclude)

    def count(self, paths: Iterable[str | Path | Member]) -> int:
        """How many of the files are none of those that are left out."""
        return sum(map(self.takes, paths))

    def each(self, paths: Sequence[str | Path | Member], use: Callable[[int, Image.Image], None]) -> None:
        """Call `use` on the place in `paths` and the picture, whose pixels are not yet read, of every file that is not
        left out.

        Raises DataError naming all files that are missing, damaged or otherwise of no use, if they are not skipped or
        none is left. Warns (LeftOut) of pictures of which there are more frames than the first, which is taken.
        """
        bad, several = list[str](), list[str]()
        wanted = [place for place, path in enumerate(paths) if self.takes(path)]
        for place in wanted:
            path = paths[place]
            try:
                with decoding.opened(path) as picture:
                    count = decoding.frames(picture)
                    use(place, picture)
            except DataError as error:
                bad.append(str(error))
            else:
                several += [f"{path} ({count})"] if count > 1 else []
        tell_frames(several, len(wanted))
        if self.skip_bad:
            self.bad.extend(sentence for sentence in bad if sentence not in self.bad)
        self._check(bad, len(wanted))

    def _check(self, bad: Sequence[str], count: int) -> None:
        """Raise DataError for files of `count` that are bad, unless they are skipped and some are left."""
        if bad and (not self.skip_bad or len(bad) == count):
            if len(bad) == 1:
                raise DataError(bad[0])
            raise DataError(f"{len(bad)} of {count} images are of no use. {' '.join(bad)}")


def load(files: str | Path | Iterable[str | Path], shape: Sequence[int], *, fit: str = "crop") -> Tensor:
    """Image files as a float batch (n, *shape) in [0, 1], in sRGB, resized with antialiasing, turned to grey or RGB as
    needed.

    shape: (channels, height, width), usually `model.space.shape`. fit: what is done with files of other proportions:
    "crop" to the middle, "pad" with white, or "squeeze". Raises DataError naming all bad files, InvalidInput for what
    names none.
    """
    single = isinstance(files, (str, Path)) or not isinstance(files, Iterable)
    named: list[Any] = [files] if single else list(files)  # type: ignore[arg-type]
    for file in named:
        if not isinstance(file, (str, Path)):
            raise InvalidInput(f"a file came as {type(file).__name__}; expected a path. PIL images: from_pil().")
    if not named:
        raise InvalidInput("no image files came. Pass at least one path.")
    pixels: Tensor = Reader(fit).read([Path(file) for file in named], shape)[0][0]
    return pixels.float() / 255


def from_pil(pictures: Image.Image | Iterable[Image.Image], shape: Sequence[int], *, fit: str = "crop") -> Tensor:
    """PIL images as a float batch (n, *shape) in [0, 1]; resized and converted as in `load`. Raises DataError for one
    that is damaged or has more than 8 bits per channel, InvalidInput for what is none."""
    from PIL import Image

    check_shape(shape)
    reader = Reader(fit)  # raises for another
    single = isinstance(pictures, (Image.Image, str)) or not isinstance(pictures, Iterable)
    batch: list[Any] = [pictures] if single else list(pictures)  # type: ignore[arg-type]
    if not batch:
        raise InvalidInput("no images came. Pass at least one PIL image.")
    for picture in batch:
        _check_pil(picture, "a PIL image")
    return reader.pictures(batch, shape).float() / 255


def whole(source: Any, channels: int) -> Tensor:
    """An image, a path or PIL image, as uint8 (channels, height, width) in its own size, upright and in sRGB: in grey
    or RGB, with 1 or 3 channels, or with an alpha channel besides, with 2 or 4.

    Without one, what is transparent is laid on white. Raises InvalidInput for what is neither, and DataError for a file
    that is missing, damaged or has more than 8 bits per channel, and for a picture that is. Warns (LeftOut) of a file
    of which there are more frames than the first.
    """
    return Reader().picture(source, channels)


def _check_pil(source: Any, expected: str) -> None:
    from PIL import Image

    if not isinstance(source, Image.Image):
        hint = " Arrays: torch.from_numpy()." if hasattr(source, "ndim") else ""
        hint = " Files: zoo.images.load()." if isinstance(source, (str, Path)) else hint
        raise InvalidInput(f"an image came as {type(source).__name__}; expected {expected}.{hint}")


def tell_frames(several: list[str], count: int, hint: str = "") -> None:
    """Warn (LeftOut) of pictures, `several` of `count`, of which there were more frames than the first; with what can
    be done."""
    if several:
        names = ", ".join(several[:SHOWN]) + (f" and {len(several) - SHOWN} more" if len(several) > SHOWN else "")
        what = f"{len(several)} of {count} images have" if count > 1 else "the image has"
        text = f"{what} several frames, of which the first was taken: {names}. {hint}"
        warnings.warn(text.rstrip(), LeftOut, stacklevel=outside())

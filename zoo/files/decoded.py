"""Images decoded once: their pixels in a file that is mapped into memory, or in none, decoded when they are asked for.

A file of pixels lies in `state_folder()`/decoded, in a folder called by a digest of all that they follow from: names,
sizes, times and permissions of the image files, the shape, how they are made to fit, and what the decoder can read. It
is written by one process while others that want the same wait, and appears whole or not at all. Beside it stands what
was said of the files, to be said again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo._util import shortage
from zoo._util.atomic import making, sweep
from zoo._util.home import DECODED, state_folder
from zoo.errors import InvalidInput, LeftOut, outside
from zoo.files import decoding
from zoo.files.decoding import Member

FORMAT = 1  # of what lies there; another is decoded anew
LEAST = 2**24  # bytes of pixels from which on they are kept: 16 MiB, what is decoded in seconds
ABOUT = "about.json"
INSTEAD = "Or decode them when they are needed: --no-cache."


@dataclass
class Read:
    """What came of reading image files: the rows that could be, and what there is to say of the others."""

    rows: list[int]
    bad: list[str]
    changes: dict[str, int]
    said: list[str]  # warnings (LeftOut)


def kept(
    made_of: Sequence[Any],
    files: Sequence[str | Path | Member],
    shapes: Sequence[tuple[int, ...]],
    fill: Callable[[Sequence[Tensor]], Read],
    say: Callable[[str], object],
) -> tuple[tuple[Tensor, ...], Read]:
    """The pixels uint8 of `shapes` that `fill` makes of `files`, mapped from a file that is made if there is none.

    made_of: what else they follow from. say: told how much room it takes, before it is written. What is mapped can only
    be read. Raises InvalidInput where there is too little room, OSError where nothing can be written, and as `fill`.
    """
    from filelock import FileLock

    folder = state_folder() / DECODED / _digest(made_of, files, shapes)
    try:
        if not (folder / ABOUT).exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):
                if not (folder / ABOUT).exists():
                    sweep(folder.parent, [folder.name], before=math.inf)
                    _make(folder, shapes, fill, say)
    except OSError as error:
        if full := shortage.explain(error):
            raise InvalidInput(f"{full} {INSTEAD}") from error
        raise OSError(f"{folder.parent} cannot be written to: {error.strerror or error}") from error
    read = Read(**json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    for text in read.said:
        warnings.warn(text, LeftOut, stacklevel=outside())
    pixels = (_mapped(_place(folder, k), shape, "r") for k, shape in enumerate(shapes))
    return tuple(each[: len(read.rows)] for each in pixels), read


def _make(
    folder: Path,
    shapes: Sequence[tuple[int, ...]],
    fill: Callable[[Sequence[Tensor]], Read],
    say: Callable[[str], object],
) -> None:
    size = sum(map(math.prod, shapes))
    what = f"{shapes[0][0]:,} decoded images"
    try:
        shortage.check_room(folder, size, what)
    except InvalidInput as error:
        raise InvalidInput(f"{error} {INSTEAD}") from error
    say(
        f"Decoding {shapes[0][0]:,} images once, into {folder.parent}, where they take {shortage.amount(size)}; "
        "--no-cache decodes them when they are needed instead, zoo cache rm --all removes them."
    )
    with making(folder) as temporary, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k, shape in enumerate(shapes):
            _reserve(_place(temporary, k), math.prod(shape))
        read = fill([_mapped(_place(temporary, k), shape, "r+") for k, shape in enumerate(shapes)])
        read.said = [str(each.message) for each in caught if issubclass(each.category, LeftOut)]
        (temporary / ABOUT).write_text(json.dumps(asdict(read)), encoding="utf-8")


def _place(folder: Path, number: int) -> Path:
    return folder / f"pixels.{number}"


def _reserve(path: Path, size: int) -> None:
    """Make a file of `size` bytes that the disk has room for: where it has none for what is written to a mapped file,
    the process ends by a signal. Raises OSError."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # by a file system that cannot
                    raise
        file.truncate(size)


def _mapped(path: Path, shape: tuple[int, ...], mode: Any) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch's, that it cannot be written to
        return torch.from_numpy(np.memmap(path, np.uint8, mode, shape=shape))


def _digest(made_of: Sequence[Any], files: Sequence[str | Path | Member], shapes: Iterable[tuple[int, ...]]) -> str:
    """A name that other pixels do not have."""
    from PIL import __version__

    # What is bad may be good by another limit, or once a package for its format is there.
    facts = [FORMAT, __version__, decoding.most_pixels(), decoding.suffixes(), list(made_of), list(shapes)]
    found = hashlib.blake2b(json.dumps(facts).encode(), digest_size=16)
    here = os.path.join(os.getcwd(), "")
    for file in files:
        if isinstance(file, Member):
            known = file.identity()
        else:
            try:
                stat = os.stat(file)
                known = f"{os.path.join(here, file)} {stat.st_size} {stat.st_mtime_ns} {stat.st_mode}"
            except (OSError, ValueError):  # which reading will tell
                known = f"{file} is not there"
        found.update(f"{known}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


class Undecoded:
    """Rows of images that are decoded anew whenever they are asked for."""

    def __init__(self, decode: Callable[[Sequence[int]], Tensor], count: int, shape: Sequence[int]) -> None:
        """decode: makes of places among all `count` images uint8 (m, *shape)."""
        self.decode = decode
        self.shape = (count, *shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Tensor | slice, /) -> Tensor:
        return self.decode(torch.arange(len(self), device="cpu")[rows].tolist())


def part(rows: Any, chosen: slice) -> Any:
    """Some of `rows`, a tensor or `Undecoded`, as what they are: none is decoded."""
    if not isinstance(rows, Undecoded):
        return rows[chosen]
    places = range(len(rows))[chosen]
    return Undecoded(lambda wanted: rows.decode([places[k] for k in wanted]), len(places), rows.shape[1:])

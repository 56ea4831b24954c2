"""Samples at hand, once they are understood."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo import images
from zoo.data.finding import channels
from zoo.files.decoding import Member, has_colour
from zoo.images import Reader

NAME = "in-memory"  # of the data set, in recipes


@dataclass(frozen=True)
class Samples:
    """What is at hand, understood: `values` is uint8 images (n, channels, height, width), or the rows of a table
    (n, features), or a sequence of PIL images, of paths or of `Member`s."""

    values: Any
    name: str = NAME
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    test: Samples | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_table(self) -> bool:
        """Whether these are the rows of a table, and not images."""
        return isinstance(self.values, Tensor) and self.values.ndim == 2

    @functools.cached_property
    def digests(self) -> list[str]:
        """Of each sample a few digits that others do not have: of its pixels, or of the file it is in."""
        return [hashlib.blake2b(_content(each), digest_size=16).hexdigest() for each in self.values]

    def shape(self) -> tuple[Any, ...]:
        """Of images: channels, 1 if none has colours, and height and width, None where there are several, or files."""
        if isinstance(self.values, Tensor):
            return tuple(self.values.shape[1:])
        if isinstance(self.values[0], (Path, Member)):
            return channels(self.values), None, None
        sizes = {(picture.height, picture.width) for picture in self.values}
        return (3 if any(map(has_colour, self.values)) else 1, *(sizes.pop() if len(sizes) == 1 else (None, None)))

    def read(self, rows: Sequence[int], shape: tuple[int, ...], reader: Reader) -> tuple[Tensor, list[int]]:
        """The images at `rows` as uint8 (m, *shape), and those of the `rows` that could be read."""
        if isinstance(self.values, Tensor):
            return reader.pixels(self.values[list(rows)], shape), list(rows)
        chosen = [self.values[row] for row in rows]
        if not isinstance(chosen[0], (Path, Member)):
            return reader.pictures(chosen, shape), list(rows)
        (pixels,), kept = reader.read(chosen, shape)
        return pixels, [rows[place] for place in kept]


def _content(sample: Any) -> bytes:
    """What tells a sample from others: of what is within another file its key. What cannot be read is told of where it
    is to be read."""
    if isinstance(sample, Member):
        return sample.key().encode(errors="surrogateescape")
    if isinstance(sample, Path):
        with contextlib.suppress(OSError):
            return sample.read_bytes()
        return os.fsencode(sample)
    pixels = sample if isinstance(sample, Tensor) else images.whole(sample, 3 if has_colour(sample) else 1)
    return f"{tuple(pixels.shape)}".encode() + pixels.numpy().tobytes()

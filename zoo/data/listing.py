"""The images that a split is made of, as they are in their files, or, of data without image files, as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo import images, registry
from zoo._util.paths import user_path
from zoo.data import loading
from zoo.data.copies import Pictures
from zoo.data.dataset import Dataset
from zoo.data.folders import image_files
from zoo.data.windows import SIDE, Views
from zoo.errors import DataError, InvalidInput
from zoo.files.decoding import Member
from zoo.files.reading import Reader
from zoo.registry.names import pick

SHAPE = (3, 32, 32)  # of images that are not read from files
NOTHING = (3, 8, 8)  # of what stands for images whose files are listed


@dataclass(frozen=True)
class Files:
    """Image files `paths`, each called as it is from `root`; None of them is read before it is looked at."""

    root: Path
    paths: Sequence[str | Path | Member]

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, place: int) -> str:
        return Path(str(self.paths[place])).relative_to(self.root).as_posix()

    def read(self, places: Sequence[int]) -> Views:
        squeezed = torch.empty(len(places), 3, SIDE, SIDE, dtype=torch.uint8, device="cpu")
        sizes = torch.empty(len(places), 2, dtype=torch.float32, device="cpu")

        def keep(row: int, picture: Any) -> None:
            pixels = images.whole(picture, 3)
            squeezed[row] = images.resize_bytes(pixels.unsqueeze(0), squeezed.shape[1:])[0]
            sizes[row] = torch.tensor(pixels.shape[1:], device="cpu")

        Reader().each([self.paths[place] for place in places], keep)
        return Views(squeezed, sizes)


@dataclass(frozen=True, eq=False)
class Held:
    """The images of a data set that is in memory, called by their names or numbers."""

    data: Dataset

    def __len__(self) -> int:
        return len(self.data)

    def name(self, place: int) -> str:
        return self.data.names[place] if self.data.names else f"{self.data.split} {place}"

    def read(self, places: Sequence[int]) -> Views:
        pixels = self.data.stored[torch.tensor(places, device="cpu")]
        sizes = torch.tensor(pixels.shape[2:], dtype=torch.float32, device="cpu").expand(len(pixels), 2)
        return Views(images.resize_bytes(pixels, (3, SIDE, SIDE)), sizes)


def folder(root: Path) -> Files:
    """The images in a folder and its subfolders. Raises DataError when there are none."""
    return Files(root, image_files(root, "Name a folder of images."))


def of_split(name: str, root: Path | None, split: str, *, exclude: tuple[str, ...] = (), **holding: Any) -> Pictures:
    """The images of the `split` of data set `name`; exclude and `holding`, what else `zoo.data.loading.load` takes.

    Raises InvalidInput for a set of vectors, and as `load` does.
    """
    entry = pick(name, registry.list_entries("data sets"), "data set")
    lists = _Lists(fit="squeeze", exclude=exclude)
    if entry.source == "folder" and "reader" in loading.parameters(entry):
        loading.load(name, root, split, shape=NOTHING, reader=lists, **holding)
    if lists.listed:
        assert root is not None
        return Files(user_path(root), lists.listed)
    if entry.source == "file":
        raise InvalidInput(f"{name} holds vectors; near-copies are sought among images.")
    try:
        data = loading.load(name, root, split, shape=SHAPE, reader=Reader(exclude=exclude), **holding)
    except DataError as error:
        if entry.source != "none" or root is not None:
            raise
        raise InvalidInput(
            f"{name} holds vectors, or images without colours; near-copies are sought among images in colours."
        ) from error
    return Held(data)


@dataclass
class _Lists(Reader):
    """Reads nothing, and lists the files that were to be read."""

    listed: list[str | Path | Member] = field(default_factory=list)

    def read(
        self, paths: Sequence[str | Path | Member], shape: Sequence[int], *crops: Any
    ) -> tuple[tuple[Tensor, ...], list[int]]:
        rows = [place for place, path in enumerate(paths) if self.takes(path)]
        self.listed += [paths[row] for row in rows]
        return tuple(torch.zeros(len(rows), *shape, dtype=torch.uint8, device="cpu") for _ in crops or "1"), rows

    def whole(self, paths: Sequence[Path], channels: int) -> dict[int, Tensor]:
        (pixels,), rows = self.read(paths, (channels, *NOTHING[1:]))
        return dict(zip(rows, pixels, strict=True))

"""Images within other files: tar archives as WebDataset writes them, and tables of Hugging Face's `datasets`, in Arrow
or Parquet files or on the Hub. None is decoded before it is looked at, so that there may be more than memory holds.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo._util.paths import user_path
from zoo.data.layouts import ROLES
from zoo.data.samples import Samples
from zoo.errors import DataError, MissingExtra, ZooError
from zoo.files.decoding import Member, is_named
from zoo.hub.address import PREFIX, Address

TABLES, TAR = (".parquet", ".arrow"), ".tar"
SAVED = ("state.json", "dataset_dict.json")  # in a folder of Dataset.save_to_disk
CLASS = "cls"  # the ending of the members of an archive that hold a class
# In the name of an archive, what its samples are for: train-000.tar, imagenet_val_01.tar.
_ROLE = re.compile(rf"(?<![a-z])({'|'.join(ROLES)})(?![a-z])")


class InTar(Member):
    """A member of a tar archive."""

    __slots__ = ("name", "offset", "path", "size", "time")

    def __init__(self, path: Path, time: int, name: str, offset: int, size: int) -> None:
        self.path, self.time, self.name, self.offset, self.size = path, time, name, offset, size

    def __str__(self) -> str:
        return f"{self.name} in {self.path}"

    def content(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def key(self) -> str:
        return f"{self.path.name} {self.name} {self.size}"

    def identity(self) -> str:
        return f"{os.path.abspath(self.path)} {self.time} {self.key()}"


class InTable(Member):
    """An image in a row of a table of `datasets`, whose column gives bytes or a path."""

    __slots__ = ("column", "row", "table")

    def __init__(self, table: Any, column: str, row: int) -> None:
        self.table, self.column, self.row = table, column, row

    def __str__(self) -> str:
        return f"row {self.row} of the data set"

    def content(self) -> bytes:
        cell = self.table[self.row][self.column]
        if not cell or not (cell.get("bytes") or cell.get("path")):
            raise DataError(f"{self} has no image. Leave it out.")
        return cell["bytes"] if cell.get("bytes") else Path(cell["path"]).read_bytes()

    def key(self) -> str:
        return str(self.row)

    def identity(self) -> str:
        return f"{self.table._fingerprint} {self.column} {self.row}"


class Rows(Sequence[InTable]):
    """The images in a column of a table."""

    def __init__(self, table: Any, column: str) -> None:
        self.table, self.column = table, column

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, row: Any) -> Any:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return InTable(self.table, self.column, row)


def find(data: str | os.PathLike[str]) -> Any:
    """What is at `data`, if that is an address on the Hub, a tar archive, Arrow or Parquet files, or a folder of such:
    by splits pairs of `Member`s and classes, or a data set of `datasets`, or its splits. None if it is anything else.

    Raises MissingExtra without `datasets`, and DataError for what is damaged, holds no image or cannot be had.
    """
    if str(data).startswith(PREFIX):
        address = Address.parse(str(data))
        return _loaded(str(data), lambda given: given.load_dataset(address.repo, revision=address.revision))
    path = user_path(data)
    if path.is_dir() and any((path / name).is_file() for name in SAVED):
        return _loaded(str(path), lambda given: given.load_from_disk(str(path)))
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    if tars := [each for each in inside if each.suffix.lower() == TAR and each.is_file()]:
        return _of_tars(path, tars)
    for kind in TABLES:
        files = [str(each) for each in inside if each.suffix.lower() == kind and each.is_file()]
        if files:
            parts = _by_role(files)
            return _loaded(str(path), lambda given: given.load_dataset(kind[1:], data_files=parts))  # noqa: B023
    return None


def column(data: Any) -> Samples | None:
    """The one column of images of a data set of `datasets`, none of which is read; None where they are made when they
    are read, by a transform, or there is not one column."""
    pictures = [name for name, feature in data.features.items() if type(feature).__name__ == "Image"]
    custom = getattr(data, "format", {}).get("type") == "custom"
    if len(pictures) != 1 or custom or not hasattr(data, "cast_column") or not len(data):
        return None
    name = pictures[0]
    stored = data.with_format(None).cast_column(name, dataclasses.replace(data.features[name], decode=False))
    return Samples(Rows(stored.select_columns([name]), name))


def _loaded(what: str, load: Callable[[Any], Any]) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra(
            f"{what} needs the package datasets. Install it with: pip install 'generative-zoo[data]'"
        ) from error
    try:
        return load(datasets)
    except ZooError:
        raise
    except Exception as error:  # whatever its readers and the network come upon
        raise DataError(f"{what} cannot be read by datasets: {' '.join(str(error).split())[:300]}") from error


def _by_role(files: Iterable[str]) -> dict[str, list[str]]:
    """The files by the split that their names say they are of, train if they say none."""
    parts: dict[str, list[str]] = {}
    for file in files:
        said = _ROLE.search(os.path.basename(file).casefold())
        parts.setdefault(ROLES[said[1]] if said else "train", []).append(file)
    return parts


def _of_tars(path: Path, tars: Sequence[Path]) -> dict[str, tuple[list[InTar], list[int | str]]]:
    """Of each split its images, and their classes if they have any."""
    found = {}
    for role, files in _by_role(map(str, tars)).items():
        images, classes = list[InTar](), list[int | str]()
        for file in files:
            for image, given in _samples(Path(file)):
                images.append(image)
                classes += [] if given is None else [given]
        if len(classes) not in (0, len(images)):
            raise DataError(
                f"{path}: {len(classes)} of {len(images)} {role} images have a class (.{CLASS}). Give one to each."
            )
        if images:
            found[role] = images, classes
    if not found:
        raise DataError(f"{path} holds no images in its archives. Expected members such as 000001.png, 000001.{CLASS}.")
    return found


def _samples(path: Path) -> Iterable[tuple[InTar, int | str | None]]:
    """The samples of an archive, whose members share a name up to the first point: the image and its class."""
    time, before = path.stat().st_mtime_ns, ""
    image: InTar | None = None
    given: int | str | None = None
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.members.clear()  # type: ignore[attr-defined]  # which keeps them all
                folder, _, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                if not member.isfile() or not stem:
                    continue
                if (key := f"{folder}/{stem}") != before:
                    if image is not None:
                        yield image, given
                    before, image, given = key, None, None
                if ending == CLASS:
                    given = _class(archive.extractfile(member))
                elif is_named(f"_.{ending}"):
                    image = InTar(path, time, member.name, member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path} is no readable tar archive: {error}. Write it anew, without compression.") from error
    if image is not None:
        yield image, given


def _class(file: Any) -> int | str:
    text = file.read().decode(errors="replace").strip()
    return int(text) if text.isdecimal() else str(text)

"""Images within other files: tar archives as WebDataset writes them, and tables of Hugging Face's `datasets`, in Arrow
or Parquet files or on the Hub. None is decoded before it is looked at, so that there may be more than memory holds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import hashlib
import itertools
import os
import re
import tarfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo._util.paths import user_path
from zoo._util.switches import ON
from zoo.data.layouts import ROLES
from zoo.data.samples import Samples
from zoo.errors import DataError, LeftOut, MissingExtra, Offline, ZooError, outside
from zoo.files.decoding import Member, suffixes
from zoo.hub.address import PREFIX, Address, is_offline

TABLES, TAR = (".parquet", ".arrow"), ".tar"
SAVED = ("state.json", "dataset_dict.json")  # in a folder of Dataset.save_to_disk
CLASS = "cls"  # the ending of the members of an archive that hold a class
MIDDLE = 1024  # bytes of a member that are looked at
BESIDE = ("txt", "json")  # of those that say something of a sample besides
# In the name of an archive, what its samples are for: train-000.tar, imagenet_val_01.tar.
_ROLE = re.compile(rf"(?<![a-z])({'|'.join(ROLES)})(?![a-z])")


class InTar(Member):
    """A member of a tar archive. middle: the bytes in its middle, which tell it from others of its name and size, as
    its first need not, and which cost far less to read than all of them."""

    __slots__ = ("middle", "name", "offset", "path", "size", "time")

    def __init__(self, path: Path, time: int, name: str, offset: int, size: int, middle: bytes) -> None:
        self.path, self.time, self.name, self.offset, self.size = path, time, name, offset, size
        self.middle = hashlib.blake2b(middle, digest_size=8).hexdigest()

    def __str__(self) -> str:
        return f"{self.name} in {self.path}"

    def content(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def key(self) -> str:
        return f"{self.path.name} {self.name} {self.size} {self.middle}"

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
        with contextlib.suppress(DataError, OSError):  # which reading will tell
            return hashlib.blake2b(self.content(), digest_size=16).hexdigest()
        return f"{self.row} without an image"

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
        if is_offline(None) and os.environ.get("HF_HUB_OFFLINE", "").lower() not in ON:
            raise Offline(
                f"{data} was not looked for: offline mode is on. Unset ZOO_OFFLINE, or set HF_HUB_OFFLINE=1 to take "
                "what the package datasets has in its cache."
            )
        return _loaded(str(data), lambda given: given.load_dataset(address.repo, revision=address.revision))
    path = user_path(data)
    if path.is_dir() and any((path / name).is_file() for name in SAVED):
        return _loaded(str(path), lambda given: given.load_from_disk(str(path)))
    # By name first: of a million images none becomes a Path.
    inside = [path / name for name in os.listdir(path) if _kind(name)] if path.is_dir() else [path]
    files = sorted(each for each in inside if _kind(each.name) and each.is_file())
    if not files:
        return None
    _check_alone(path, files)
    kind = _kind(files[0].name)
    if kind == TAR:
        return _of_tars(path, files)
    parts = _by_role(path, (glob.escape(str(each)) for each in files))  # which datasets takes for patterns
    return _loaded(str(path), lambda given: given.load_dataset(kind[1:], data_files=parts))


def _kind(name: str) -> str:
    """The suffix of an archive's name, "" of any other."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix if suffix in (TAR, *TABLES) else ""


def _check_alone(path: Path, files: Sequence[Path]) -> None:
    """Raise DataError where a folder holds archives of several kinds, or images beside them, at any depth."""
    places = (Path(folder, name).relative_to(path) for folder, _, names in os.walk(path) for name in names)
    images = (
        each for each in places if each.suffix.lower() in suffixes() and not any(part[0] == "." for part in each.parts)
    )
    strange = (Path(each.name) for each in files if each.suffix.lower() != files[0].suffix.lower())
    if other := next(itertools.chain(strange, images), None):
        raise DataError(
            f"{path} holds {files[0].name} beside {other}, so that either may be meant. Pass the "
            "path of the archive itself, or take it out of the folder."
        )


def column(data: Any) -> Samples | None:
    """The one column of images of a data set of `datasets`, none of which is read; None where they are made when they
    are read, by a transform, or there is not one column."""
    if data.features is None or not hasattr(data, "__len__"):  # which streams
        return None
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


def _by_role(path: Path, files: Iterable[str]) -> dict[str, list[str]]:
    """The files by the split that their names say they are of, train if they say none. Raises DataError where none is
    for training."""
    parts: dict[str, list[str]] = {}
    for file in files:
        said = _ROLE.search(os.path.basename(file).casefold())
        parts.setdefault(ROLES[said[1]] if said else "train", []).append(file)
    if "train" not in parts:
        named = os.path.basename(next(iter(parts.values()))[0])
        raise DataError(
            f"{path}: {named} is held out by its name, and nothing is there to train on. Put files called train beside "
            "it and pass the folder, or give it a name without a split's."
        )
    return parts


def _of_tars(path: Path, tars: Sequence[Path]) -> dict[str, tuple[list[InTar], list[int | str]]]:
    """Of each split its images, and their classes if they have any. Warns (LeftOut) of other members."""
    found, others = {}, list[str]()
    for role, files in _by_role(path, map(str, tars)).items():
        images, classes = list[InTar](), list[int | str]()
        for file in files:
            inner, given = _samples(Path(file), role, others)
            images += inner.values()
            classes += [given[key] for key in inner if key in given]
        if len(classes) not in (0, len(images)):
            raise DataError(
                f"{path}: {len(classes)} of {len(images)} {role} images have a class (.{CLASS}). Give one to each."
            )
        if images:
            found[role] = images, classes
    if not found:
        raise DataError(f"{path} holds no images in its archives. Expected members such as 000001.png, 000001.{CLASS}.")
    if others:
        text = f"{len(others)} members of the archives of {path} are no images and left out, such as {others[0]}."
        warnings.warn(text, LeftOut, stacklevel=outside())
    return found


def _samples(path: Path, role: str, others: list[str]) -> tuple[dict[str, InTar], dict[str, int | str]]:
    """Of an archive for `role` the images and the classes, by the names that members of a sample share, which go up to
    the first point; `others` are added to, by what is neither nor said of a sample.

    Raises DataError for two images of a name, classes without an image, and folders of other splits.
    """
    time, images, classes = path.stat().st_mtime_ns, dict[str, InTar](), dict[str, int | str]()
    try:
        with tarfile.open(path, "r:") as archive, path.open("rb", buffering=0) as file:
            for member in archive:
                archive.members.clear()  # type: ignore[attr-defined]  # which keeps them all
                folder, _, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                if not member.isfile() or not stem:
                    continue
                key = f"{folder}/{stem}"
                _check_role(path, role, member.name)
                if ending == CLASS:
                    classes[key] = _class(archive.extractfile(member))
                elif f".{ending.rpartition('.')[2].lower()}" in suffixes():
                    if key in images:
                        raise DataError(
                            f"{path} holds {images[key].name} and {member.name}, which are one sample, as their names "
                            "are alike up to the first point. Leave one out, or write - for the other points."
                        )
                    file.seek(member.offset_data + max(0, member.size - MIDDLE) // 2)
                    middle = file.read(min(MIDDLE, member.size))
                    images[key] = InTar(path, time, member.name, member.offset_data, member.size, middle)
                elif ending not in BESIDE:
                    others.append(member.name)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path} is no readable tar archive: {error}. Write it anew, without compression.") from error
    if alone := [key for key in classes if key not in images]:
        raise DataError(
            f"{path} holds {alone[0].lstrip('/')}.{CLASS}, a class without an image. Add it, or take it out."
        )
    return images, classes


def _check_role(path: Path, role: str, member: str) -> None:
    """Raise DataError for a member in a folder that is called as another split is."""
    for part in member.split("/")[:-1]:
        if ROLES.get(part.casefold(), role) != role:
            raise DataError(
                f"{path} holds {member}, which {part}/ says is not for {role} as the archive is. Write an archive for "
                f"each split, such as train.tar and val.tar, or rename {part}/."
            )


def _class(file: Any) -> int | str:
    text = file.read().decode(errors="replace").strip()
    return int(text) if text.isdecimal() else str(text)

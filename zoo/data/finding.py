"""Files in folders: which are samples, and how many are left out and why."""

from __future__ import annotations

import difflib
import os
import stat
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import methodcaller
from pathlib import Path
from typing import Any

from zoo import registry
from zoo._util.paths import absent, user_path
from zoo.errors import DataError, LeftOut, outside
from zoo.files.decoding import HEIF_SUFFIXES, Member, has_colour, is_named, opened
from zoo.hub.address import PREFIX

SHOWN = 3  # files or folders that are named of many
KINDS = {"folder": "folder", "file": "file", "path": "file or folder"}  # what data sets of these sources are read from
# Of a path as a string what a Path is sorted by, its parts: a separator comes before all that a name may hold.
_in_parts = methodcaller("replace", os.sep, "\0")


def find(
    folder: Path,
    takes: Callable[[str], bool],
    noun: str = "image",
    hint: str = "Name the files.",
    *,
    without: Path | None = None,
    table: Path | None = None,
) -> list[Path]:
    """The files in `folder` and its subfolders that `takes` takes, in order of their paths. Links are followed once,
    and a file counts once beside links to it, unless these are all that their folder holds.

    Hidden files and folders are left out, and the folder `without`. Warns (LeftOut) of how many files are left out and
    why. table: what names those that are taken, if one does. Raises DataError for a folder that cannot be read, and,
    with what there is and a `hint`, for one where nothing is taken of what `noun` calls a sample.
    """
    taken, reasons = look(folder, takes, noun, hint, without=without, table=table)
    tell(folder, len(taken), reasons)
    return [Path(file) for file in taken]


def look(
    folder: Path,
    takes: Callable[[str], bool],
    noun: str,
    hint: str,
    *,
    without: Path | None = None,
    table: Path | None = None,
) -> tuple[list[str], Counter[str]]:
    """As `find`, but nothing is told of what is left out: how many files there are each reason comes as well. The files
    are strings, of which a million take a tenth of the memory."""
    taken, reasons, beside = list[str](), Counter[str](), "" if table is None else str(table)
    links = set[str]()
    for path, plain in _walk(folder, without, reasons):
        if basename(path).startswith("."):
            reasons["hidden"] += 1
        elif not plain and _is_no_file(path):
            reasons["a pipe or device"] += 1
        elif path == beside:
            continue
        elif takes(path):
            taken.append(path)
            if not plain:
                links.add(path)
        else:
            reasons[_reason(path, table)] += 1
    if not taken and table is None:
        but = f", but {_listed(reasons)}" if reasons else ""
        raise DataError(f"the folder {folder} holds no {noun}s{but}. {hint}")
    taken.sort(key=_in_parts)
    return _once(taken, links, reasons), reasons


def check_there(data: Any, dataset: str = "", *, download: bool = False) -> None:
    """Raise DataError where nothing is at the path `data`, or no path came and `dataset` is read from one: what can be
    told before torch is imported to read it. download: whether what is missing is fetched."""
    if data is None:
        entry = next((each for each in registry.list_entries("data sets") if each.qualified == dataset), None)
        if entry is not None and entry.source in KINDS:
            raise DataError(
                f"the data set {dataset} is read from a {KINDS[entry.source]}. Pass --data that {entry.source}."
            )
    elif isinstance(data, (str, os.PathLike)) and not download and not str(data).startswith(PREFIX):
        path = user_path(data)
        if not os.path.exists(path):
            raise DataError(f"{absent(path)}. {_named(str(data)) or 'Pass --data the folder or file of the data.'}")
        if path.is_dir() and not holds(path, lambda file: True):
            raise DataError(f"the folder {path} holds no files. Pass --data the folder of the data.")


def _named(word: str) -> str:
    """What is to be done where no path is meant but a data set, by its name or nearly."""
    names = [each.qualified for each in registry.list_entries("data sets")]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.8)
    return f"If the data set {close[0]} is meant, pass --set dataset={close[0]}." if close else ""


def holds(folder: Path, takes: Callable[[str], bool]) -> bool:
    """Whether there is any file in `folder` and its subfolders that `look` would take. Raises DataError."""
    return any(
        takes(path)
        for path, plain in _walk(folder, None, Counter())
        if not basename(path).startswith(".") and (plain or not _is_no_file(path))
    )


def parent(file: str) -> str:
    """The folder that a file lies in, as `os.path.dirname` tells it in a multiple of the time."""
    return file.rpartition(os.sep)[0] or file[: file.startswith(os.sep)]


def basename(file: str) -> str:
    """The last part of its path."""
    return file.rpartition(os.sep)[2]


def inside(file: str, folder: str) -> str:
    """What a file that was found in a folder is called from there."""
    return file if folder == os.curdir else file[len(folder) + (not folder.endswith(os.sep)) :]


def channels(files: Iterable[str | Path | Member]) -> int:
    """3 if a picture in the files has colours, or none can be opened, else 1."""
    grey = False
    for file in files:
        try:
            with opened(file) as picture:
                if has_colour(picture):
                    return 3
                grey = True
        except DataError:  # it will be named among all that are bad
            continue
    return 1 if grey else 3


def tell(folder: Path, taken: int, reasons: Counter[str]) -> None:
    """Warn (LeftOut) of how many files of `folder` were left out beside those `taken`, and why."""
    if count := reasons.total():
        were = "was" if count == 1 else "were"
        text = f"{count} of {count + taken} files in {folder} {were} left out: {_listed(reasons)}."
        warnings.warn(text, LeftOut, stacklevel=outside())


def some(names: Sequence[str]) -> str:
    """The first few of `names`, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _listed(reasons: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))


def _is_no_file(path: str) -> bool:
    """Whether there is something, and it is neither a file nor a link to one."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _walk(folder: Path, without: Path | None, reasons: Counter[str]) -> Iterator[tuple[str, bool]]:
    """Every file in `folder` and below, and, after those, in each folder that links lead to and that is new; and
    whether it is a file indeed, and not a link or a device, so far as its folder tells, which takes no time."""

    def fail(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}. Change its permissions.") from error

    seen, barred = set[str](), os.path.realpath(without) if without is not None else ""
    places = [str(folder)]  # to start from: the folder, and what links lead to
    while places:
        for place, folders, files in os.walk(places.pop(0), onerror=fail):
            if (real := os.path.realpath(place)) in seen:
                reasons["a link to a folder that is read already"] += 1
                folders.clear()
                continue
            seen.add(real)
            named = [(name, os.path.join(place, name)) for name in sorted(folders)]
            reasons.update("hidden" for name, _ in named if name.startswith("."))
            named = [(n, path) for n, path in named if not n.startswith(".") and os.path.realpath(path) != barred]
            places += [path for _, path in named if os.path.islink(path)]
            folders[:] = [name for name, path in named if not os.path.islink(path)]
            within = os.path.join(place, "").removeprefix(os.path.join(os.curdir, ""))  # as a Path is written
            with os.scandir(place) as entries:
                plain = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
            yield from ((within + name, name in plain) for name in files)


def _once(files: list[str], links: set[str], reasons: Counter[str]) -> list[str]:
    """The files without `links` to others of them; of several links to one file elsewhere the first stays. Links stay
    where a folder holds nothing else, since they say then of which class or split a picture is."""
    if not links:
        return files
    real = {path: os.path.realpath(path) for path in files}
    first = {real[path]: path for path in reversed(files)} | {real[path]: path for path in files if path not in links}
    again = {path for path in links if first[real[path]] != path}
    shared = {parent(path) for path in files if path not in again}  # folders of which something stays
    kept = [path for path in files if path not in again or parent(path) not in shared]
    reasons.update(["a link to a file that is read already"] * (len(files) - len(kept)))
    return kept


def _reason(path: str, table: Path | None) -> str:
    if not os.path.exists(path):
        return "a link that leads nowhere"
    if table is not None and is_named(path):
        return f"not in {table.name}"
    suffix = Path(path).suffix.lower()
    if suffix in HEIF_SUFFIXES:
        return f"{suffix} (pip install pillow-heif to read them)"
    return suffix or "without a suffix and no image"

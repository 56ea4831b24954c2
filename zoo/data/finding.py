"""Files in folders: which are samples, and how many are left out and why."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from zoo.decoding import HEIF_SUFFIXES, is_named
from zoo.errors import DataError, LeftOut, outside


def find(
    folder: Path,
    takes: Callable[[Path], bool],
    noun: str = "image",
    hint: str = "Name the files.",
    *,
    without: Path | None = None,
    table: Path | None = None,
) -> list[Path]:
    """The files in `folder` and its subfolders that `takes` takes, in order of their paths; links are followed once.

    Hidden files and folders are left out, and the folder `without`. Warns (LeftOut) of how many files are left out and
    why. table: what names those that are taken, if one does. Raises DataError for a folder that cannot be read, and,
    with what there is and a `hint`, for one where nothing is taken of what `noun` calls a sample.
    """
    taken, reasons = list[Path](), Counter[str]()
    for path in _walk(folder, without, reasons):
        if path.name.startswith("."):
            reasons["hidden"] += 1
        elif path.exists() and not path.is_file():
            reasons["a pipe or device"] += 1
        elif path == table:
            continue
        elif takes(path):
            taken.append(path)
        else:
            reasons[_reason(path, table)] += 1
    count, why = sum(reasons.values()), ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    if not taken and table is None:
        raise DataError(f"the folder {folder} holds no {noun}s{f', but {why}' if why else ''}. {hint}")
    if count:
        were = "was" if count == 1 else "were"
        told = f"{count} of {count + len(taken)} files in {folder} {were} left out: {why}."
        warnings.warn(told, LeftOut, stacklevel=outside())
    return sorted(taken)


def _walk(folder: Path, without: Path | None, reasons: Counter[str]) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}. Change its permissions.") from error

    seen = {os.path.realpath(folder)}
    if without is not None:
        seen.add(os.path.realpath(without))
    for place, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        followed = []
        for name in sorted(folders):
            real = os.path.realpath(os.path.join(place, name))
            if name.startswith("."):
                reasons["hidden"] += 1
            elif real not in seen:
                seen.add(real)
                followed.append(name)
        folders[:] = followed
        yield from (Path(place, name) for name in files)


def _reason(path: Path, table: Path | None) -> str:
    if table is not None and is_named(path):
        return f"not in {table.name}"
    suffix = path.suffix.lower()
    if suffix in HEIF_SUFFIXES:
        return f"{suffix} (pip install pillow-heif to read them)"
    return suffix or "without a suffix and no image"

"""Files and folders that appear whole or not at all. Everything that zoo writes is written through here."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ATTEMPTS = 100  # at a name that nobody has


@contextmanager
def replacing(path: Path, *, within: Path | None = None, durable: bool = False) -> Iterator[Path]:
    """An empty temporary file to write to, which becomes `path` in one step when the block ends without an error.

    Until then, and after an error, `path` is as it was and nothing else is left. The name is random and the file made
    by this call alone, so that threads, and processes on whatever machines share the folder, never write to one.
    within: the folder of the temporary file, on the same file system; default that of `path`. durable: whether the
    content is on the disk, and not only on its way there, before it takes the place of what was. Raises OSError, whose
    `filename` is `path`.
    """
    with _named(path):
        temporary = _new(within or path.parent, path, _create)
    try:
        with _named(path, temporary):
            yield temporary
            if durable:
                _flush(temporary)
            temporary.replace(path)
            if durable and os.name == "posix":
                _flush(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """A temporary folder to fill, which becomes `folder` in one step when the block ends without an error.

    Until then, and after an error, there is no `folder`, and nothing else is left. Raises OSError, whose `filename` is
    `folder`, also when `folder` holds anything.
    """
    with _named(folder):
        temporary = _new(folder.parent, folder, Path.mkdir)
    try:
        with _named(folder, temporary):
            yield temporary
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _new(folder: Path, path: Path, make: Callable[[Path], None]) -> Path:
    """What `make` makes in `folder` under a random name, no longer than a file's name may be, 255 bytes."""
    for attempt in range(ATTEMPTS):
        temporary = folder / f".{path.name[:40]}.{secrets.token_hex(8)}"
        try:
            make(temporary)
        except FileExistsError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return temporary
    raise AssertionError("unreachable")


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Have an OSError that names no file, or the temporary one or what is in it, name `path`, which is what was asked
    for."""
    try:
        yield
    except OSError as error:
        # Of two names, as of a copy's source and of what it is copied to, the second is what is written.
        name = error.filename2 or error.filename
        ours = temporary is None or name is None or Path(os.fsdecode(name)).is_relative_to(temporary)
        if error.errno is None or not ours:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # of the subclass that the number means

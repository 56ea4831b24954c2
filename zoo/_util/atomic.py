"""Files and folders that appear whole or not at all. Everything that zoo writes is written through here."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from zoo._util import signals

ATTEMPTS = 100  # at a name that nobody has
MOVING = ".moving"  # in a folder whose files are being renewed: those that are still to be moved, and
FORMER, NONE = "former", ".none"  # in it, copies of all that were there, and the ending of what was not
PATIENCE = 5.0  # seconds after which whoever moves files, which takes no time, must have been killed
LENGTH = 237  # bytes of a name that a temporary one begins with: with the rest of it 255, the most that there may be
TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}", re.DOTALL)
BEGUN = time.time()  # this process, about


@contextmanager
def replacing(path: Path, *, within: Path | None = None, durable: bool = False) -> Iterator[Path]:
    """An empty temporary file to write to, which becomes `path` in one step when the block ends without an error.

    Until then, and after an error, `path` is as it was and nothing else is left. The name is random and the file made
    by this call alone, so that threads, and processes on whatever machines share the folder, never write to one.
    within: the folder of the temporary file, on the same file system; default that of `path`. durable: whether the
    content is on the disk, and not only on its way there, before it takes the place of what was. Raises OSError, whose
    `filename` is `path`.
    """
    with named(path):
        temporary = _new(within or path.parent, path, _create)
    try:
        with named(path, temporary):
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
    with named(folder):
        temporary = _new(folder.parent, folder, Path.mkdir)
    try:
        with named(folder, temporary):
            yield temporary
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def renewing(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """A temporary folder to fill with files called by some of `names`, which become those of `folder` when the block
    ends without an error, in the order of `names`; of the others of `names` none is left there.

    Until then, and after an error, the files are as they were, and nothing else is left. They are moved one after
    another, which a signal that asks the process to end does not interrupt: it comes after the last. What ends it
    without asking within that moment leaves `MOVING` in the folder, by which `restore` puts the former files back.
    Raises OSError, whose `filename` is the file's in `folder`.
    """
    with named(folder):
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        restore(folder, names)
        temporary = _new(folder, folder, Path.mkdir)
    try:
        with named(folder, temporary, inside=True):
            yield temporary
            (temporary / FORMER).mkdir()
            with signals.postponed():
                for name in names:
                    if (folder / name).is_file():
                        shutil.copy2(folder / name, temporary / FORMER / name)
                    else:
                        (temporary / FORMER / f"{name}{NONE}").touch()
                moving = temporary.rename(folder / MOVING)
                try:
                    for name in names:
                        if (moving / name).exists():
                            (moving / name).replace(folder / name)
                        else:
                            (folder / name).unlink(missing_ok=True)
                except BaseException:
                    _put_back(folder, names)  # where that fails too, the former files stay for `restore`
                    moving.rename(temporary)
                    raise
                moving.rename(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # of what was filled
            for each in made:
                each.rmdir()


def restore(folder: Path, names: Sequence[str]) -> None:
    """Put the files of `folder` back as they were, where a process that moved new ones there was killed at that; one
    that is at it is waited for. Raises OSError."""
    moving, end = folder / MOVING, time.monotonic() + PATIENCE
    while moving.is_dir():
        with contextlib.suppress(FileNotFoundError):  # which has ended meanwhile
            # On a shared disk the clocks may differ by little; what is of a time to come says nothing.
            if abs(time.time() - moving.stat().st_mtime) < PATIENCE and time.monotonic() < end:
                time.sleep(0.05)
                continue
            _put_back(folder, names)
            shutil.rmtree(moving.rename(_free(folder, folder)))


def sweep(folder: Path, names: Container[str] | None, *, before: float = BEGUN) -> None:
    """Remove what processes that were killed left in `folder` of files and folders that they wrote: those called by
    `names`, or, for None, all.

    before: what was written to later, in seconds since the epoch, is left, since it may be of one that lives; default
    the time when this process began. Raises OSError."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as there:
        for each in there:
            named_by = TEMPORARY.fullmatch(each.name)
            if named_by and (names is None or named_by[1] in names):
                with contextlib.suppress(FileNotFoundError):  # whose process ended by itself
                    if each.stat(follow_symlinks=False).st_mtime >= before:
                        continue
                    if each.is_dir(follow_symlinks=False):
                        shutil.rmtree(each.path, ignore_errors=True)
                    else:
                        os.unlink(each.path)


def _put_back(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        former = folder / MOVING / FORMER
        if (former / name).exists():  # and was not put back before this was killed as well
            (former / name).replace(folder / name)
        elif (former / f"{name}{NONE}").exists():
            (folder / name).unlink(missing_ok=True)


def _new(folder: Path, path: Path, make: Callable[[Path], None]) -> Path:
    """What `make` makes in `folder` under a random name, no longer than a file's name may be, 255 bytes."""
    for attempt in range(ATTEMPTS):
        temporary = _free(folder, path)
        try:
            make(temporary)
        except FileExistsError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return temporary
    raise AssertionError("unreachable")


def _free(folder: Path, path: Path) -> Path:
    return folder / f".{os.fsencode(path.name)[:LENGTH].decode(errors='ignore')}.{secrets.token_hex(8)}"


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
def named(path: Path, temporary: Path | None = None, *, inside: bool = False) -> Iterator[None]:
    """Have an OSError that names no file, or the temporary one or what is in it, name `path`, which is what was asked
    for. inside: what is in the temporary one is named as it will be in `path`."""
    try:
        yield
    except OSError as error:
        # Of two names, as of a copy's source and of what it is copied to, the second is what is written.
        name = error.filename2 or error.filename
        at = temporary if name is None else Path(os.fsdecode(name))
        if error.errno is None or (temporary and at and not at.is_relative_to(temporary)):
            raise
        meant = path / at.relative_to(temporary) if inside and temporary and at else path
        raise OSError(error.errno, error.strerror, str(meant)) from error  # of the subclass that the number means

"""One process at a time trains into a folder; others are told which it is."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo._util.atomic import named
from zoo.errors import TrainingError

if sys.platform != "win32":  # where two processes are not kept apart
    import fcntl

NAME = "lock"  # of the file in the run's folder, which goes when the run ends


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Keep other processes, and other threads of this one, from training into `folder`, which is made if need be.

    The system gives the lock up when the process ends, however it ends, so that none is left behind. Raises
    TrainingError that names the process that holds it.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    handle = _taken(folder)
    try:
        with named(folder / NAME):
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        if sys.platform == "win32":  # which removes no open file
            os.close(handle)
        with contextlib.suppress(OSError):
            (folder / NAME).unlink()
            for each in made:  # what nothing was written into
                each.rmdir()
        if sys.platform != "win32":  # not before the file is gone, so that nobody finds it free
            os.close(handle)


def check(folder: Path) -> None:
    """Raise TrainingError that names the process that trains into `folder`, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(folder / NAME, os.O_RDWR)
        try:
            _lock(handle, folder)
        finally:
            os.close(handle)


def _taken(folder: Path) -> int:
    """A handle of the folder's lock, held."""
    while True:
        handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle, folder)
            # Whoever held it may have removed the file since it was opened here; then the lock is of no file.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(folder / NAME)):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(handle, 200, 0).decode(errors="replace") or "another process"
        raise TrainingError(
            f"{holder} is training into {folder}. Wait until it ends, or choose another folder (--out)."
        ) from error
    except OSError:  # a file system that has no locks
        return

"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, within: Path | None = None) -> Iterator[Path]:
    """A temporary path to write to, which becomes `path` in one step when the block ends without an error.

    Until then, and after an error, `path` is as it was and nothing else is left. within: the folder of the temporary
    file, on the same file system; default that of `path`. Raises OSError.
    """
    temporary = (within or path.parent) / _hidden(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """A temporary folder to fill, which becomes `folder` in one step when the block ends without an error.

    Until then, and after an error, there is no `folder`, and nothing else is left. Raises OSError, also when `folder`
    holds anything.
    """
    temporary = folder.parent / _hidden(folder)
    temporary.mkdir()
    try:
        yield temporary
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _hidden(path: Path) -> str:
    """A name of this process's own for `path`, no longer than a file's name may be, 255 bytes."""
    return f".{path.name[:40]}.{zlib.crc32(os.fsencode(path.name)):08x}.{os.getpid()}"

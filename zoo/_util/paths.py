"""Where a path leads."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import InvalidInput


def user_path(path: str | os.PathLike[str]) -> Path:
    """`path` with a home folder in place of ~ or ~name. Without such a user it stays as it is, as in a shell, where
    pathlib raises a RuntimeError. Raises InvalidInput for what is no path."""
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidInput(f"{type(path).__name__} came where a path was expected, such as 'folder/name'.")
    return Path(os.path.expanduser(path))


def absent(*paths: str | os.PathLike[str]) -> str:
    """That `paths` are not there, in words: of a link that leads nowhere with where that is."""
    named = [f"{path} (a link to {os.readlink(path)})" if os.path.islink(path) else str(path) for path in paths]
    return f"{', '.join(named)} {'is' if len(paths) == 1 else 'are'} not there"


def no_folder(path: Path, what: str = "is not a folder") -> str:
    """That `path` is no folder, in words."""
    return absent(path) if path.is_symlink() and not path.exists() else f"{path} {what}"


def real_path(path: Path) -> Path:
    """`path` from the root on, with links followed as far as they lead: one that leads in a circle stays as it is, of
    which `Path.resolve` makes a RuntimeError until Python 3.12."""
    return Path(os.path.realpath(path))

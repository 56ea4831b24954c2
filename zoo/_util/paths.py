"""Where a path leads."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(path: str | os.PathLike[str]) -> Path:
    """`path` with a home folder in place of ~ or ~name. Without such a user it stays as it is, as in a shell, where
    pathlib raises a RuntimeError."""
    return Path(os.path.expanduser(path))


def real_path(path: Path) -> Path:
    """`path` from the root on, with links followed as far as they lead: one that leads in a circle stays as it is, of
    which `Path.resolve` makes a RuntimeError until Python 3.12."""
    return Path(os.path.realpath(path))

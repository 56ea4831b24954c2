"""Where a path leads."""

from __future__ import annotations

import os
from pathlib import Path


def real_path(path: Path) -> Path:
    """`path` from the root on, with links followed as far as they lead: one that leads in a circle stays as it is, of
    which `Path.resolve` makes a RuntimeError until Python 3.12."""
    return Path(os.path.realpath(path))

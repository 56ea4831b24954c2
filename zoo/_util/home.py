"""Where zoo keeps what it notes for itself: in the folder ZOO_HOME, or in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

DECODED = "decoded"  # a folder there, of images
GRAPHS, RUNTIME = "gallery", "onnxruntime-web"  # what galleries keep there: a folder, and the beginning of some names


def state_folder() -> Path:
    """The folder, which may not be there yet. What lies in it may be removed at any time."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("ZOO_HOME") or os.path.join(cache, "zoo"))

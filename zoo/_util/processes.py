"""Of several processes, which torchrun starts, the one that speaks and writes."""

import os


def is_first() -> bool:
    """Whether this is that one, as a single process is."""
    return os.environ.get("RANK", "0") == "0"

"""Of several processes, which torchrun starts, the one that speaks and writes."""

import os
import sys


def is_first() -> bool:
    """Whether this is that one, as a single process is."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Write a line to stderr, if this is that one."""
    if is_first():
        print(text, file=sys.stderr, flush=True)

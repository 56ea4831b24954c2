"""Of several processes, which torchrun starts, the one that speaks and writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def is_first() -> bool:
    """Whether this is that one, as a single process is."""
    return os.environ.get("RANK", "0") == "0"


def is_shared() -> bool:
    """Whether there are others."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def mine(work: Sequence[T]) -> Sequence[T]:
    """This process's share of what there is to be done: every item is one process's."""
    return work[int(os.environ.get("RANK", "0")) :: int(os.environ.get("WORLD_SIZE", "1"))]


def is_restarted() -> bool:
    """Whether torchrun started this process in place of one that ended too early."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def say(text: str) -> None:
    """Write a line to stderr, if this is that one."""
    if is_first():
        print(text, file=sys.stderr, flush=True)

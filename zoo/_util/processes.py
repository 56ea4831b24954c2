"""Of several processes, which torchrun starts, the one that speaks and writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def is_first() -> bool:
    """Whether this is that one, as a single process is."""
    return rank() == 0


def rank() -> int:
    """Which of the processes this is, counted from 0."""
    return int(os.environ.get("RANK", "0"))


def rank_here() -> int:
    """Which of the processes on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def processes() -> int:
    """How many there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_shared() -> bool:
    """Whether there are others."""
    return processes() > 1


def mine(work: Sequence[T]) -> Sequence[T]:
    """This process's share of what there is to be done: every item is one process's."""
    return work[rank() :: processes()]


def is_restarted() -> bool:
    """Whether torchrun started this process in place of one that ended too early."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def is_of_this_launch(path: Path) -> bool:
    """Whether what lies at `path` was written since torchrun began, not by what ran here before; where the system does
    not tell when that was, whether anything lies there."""
    try:
        written = path.stat().st_mtime
    except OSError:
        return False
    return written >= _launched() - 1  # the system counts whole seconds


def _launched() -> float:
    """When the process began that started this one, in seconds since the epoch; 0 where the system does not tell."""
    try:
        ticks = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19])
        since = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        return int(since.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return 0.0


def say(text: str) -> None:
    """Write a line to stderr, if this is that one."""
    if is_first():
        print(text, file=sys.stderr, flush=True)

"""What a machine has too little of, said as what it is: room on the disk, or memory."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

from zoo._util.paths import real_path
from zoo.errors import InvalidInput

UNTOLD = 2**36  # bytes of memory that are taken to be there where the system does not say: 64 GiB
# How much memory a container may take, by either kind of control groups. What it has taken counts its caches in.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}
# What torch says in a RuntimeError, on the CPU and on the devices that have no error of their own for it.
_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


ADVICE = (
    "Compute fewer at once, by --batch-size or, in training, --set batch_size=N; make fewer; or close other programs."
)


def is_full(error: BaseException) -> bool:
    """Whether an error means that a disk is full."""
    return isinstance(error, OSError) and error.errno in FULL


def explain(error: BaseException, advice: str = ADVICE) -> str | None:
    """A sentence for an error that means too little room or memory, with `advice` about memory; None for any other."""
    if isinstance(error, OSError) and is_full(error):
        # What is written to a file is written by `zoo._util.atomic`, which names it and leaves what was there.
        what, kept = (error.filename, " What was there before is as it was.") if error.filename else ("the output", "")
        return (
            f"{what} could not be written: the disk is full, or no more is allowed there ({error.strerror}). Free some "
            f"room, or choose another place.{kept}"
        )
    lacking = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError):  # torch.OutOfMemoryError is one
        lacking = any(sign in " ".join(str(error).split()).lower() for sign in _MEMORY)
    if lacking or isinstance(error, MemoryError):
        return f"there is not enough memory for this. {advice}"
    return None


def check_room(folder: Path, count: int, what: str, *, files: int = 0) -> None:
    """Raise InvalidInput when `count` bytes, about what is to be written into `folder`, or so many `files`, are more
    than the disk has room for. A folder that is not there yet is where it would be made."""
    folder = existing(folder)
    free = shutil.disk_usage(folder).free
    if count > free:
        raise InvalidInput(
            f"{what} would take about {amount(count)}, and there are {amount(free)} free in {real_path(folder)}. "
            "Make fewer, free some room, or choose another place."
        )
    most = os.statvfs(folder).f_favail if hasattr(os, "statvfs") else 0  # 0 where a file system has no such limit
    if 0 < most < files:
        raise InvalidInput(
            f"{what} are more than the {most:,} that the disk still takes in {real_path(folder)}. Make fewer, write an "
            "array (.npy), or choose another place."
        )


def existing(folder: Path) -> Path:
    """The folder, or the first above it that is there, whatever that is."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)


def check_memory(count: int, what: str, advice: str) -> None:
    """Raise InvalidInput, with `advice`, when `count` bytes are more than there is memory for."""
    if count > (free := memory()):
        raise InvalidInput(f"{what} would take {amount(count)} of memory, and there are {amount(free)}. {advice}")


def memory() -> int:
    """Bytes of memory that the process may still take: what the system says is available, or is there at all, and no
    more than a container's limit; `UNTOLD` where neither is known."""
    amounts = []
    with contextlib.suppress(OSError, ValueError, AttributeError):
        amounts.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        known = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        amounts = [known["MemAvailable"] + known["SwapFree"]] if "MemAvailable" in known else amounts
    for limit in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # such as "max"
            amounts.append(int(Path(limit).read_text(encoding="ascii")))
    return min(amounts, default=UNTOLD)


def many(count: int, noun: str) -> str:
    """`1,000,000 images`; of numbers that no word could be written out for, their size."""
    return f"{count:,} {noun}s" if count < 10**18 else f"more than 10^18 {noun}s"


def amount(count: int) -> str:
    """Bytes for people: `49.2 TB`."""
    if count < 10**6:
        return f"{count / 1e3:.0f} kB"
    for unit, size in (("MB", 10**6), ("GB", 10**9)):
        if count < 1000 * size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 10**12:,.1f} TB" if count < 10**21 else "more than 10^21 bytes"

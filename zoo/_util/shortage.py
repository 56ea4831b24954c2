"""What a machine has too little of, said as what it is: room on the disk, or memory."""

from __future__ import annotations

import errno

FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}
# What torch says in a RuntimeError, on the CPU and on the devices that have no error of their own for it.
_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def explain(error: BaseException) -> str | None:
    """A sentence for an error that means too little room or memory; None for any other."""
    if isinstance(error, OSError) and error.errno in FULL:
        where = f"{error.filename} could not be written" if error.filename else "a file could not be written"
        return (
            f"{where}: the disk is full, or no more is allowed there ({error.strerror}). Free some room, or choose "
            "another place. What was there before is as it was."
        )
    lacking = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError):  # torch.OutOfMemoryError is one
        lacking = any(sign in str(error).lower() for sign in _MEMORY)
    if lacking or isinstance(error, MemoryError):
        return (
            "there is not enough memory for this. Compute fewer at once, by --batch-size or, in training, --set "
            "batch_size=N; make fewer; or close other programs."
        )
    return None

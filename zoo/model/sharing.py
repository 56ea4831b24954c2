"""Work that several processes share: each computes a part of the chunks, and all of them get all.

Of several processes that torchrun started and that call the same, `shared` is around what they are to share. A chunk
is the same whoever computes it, so that results are those of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from zoo._util.processes import is_shared, processes, rank
from zoo.errors import ZooError
from zoo.model.meeting import meet

T = TypeVar("T")
_SHARES: ContextVar[bool] = ContextVar("shares", default=False)


@contextmanager
def shared() -> Iterator[None]:
    """Within the block, in this thread, the processes share the chunks of every call of a model that wants no
    gradients, and of `computed`. All must make the same calls in the same order. Of a single process nothing
    changes."""
    if not is_shared():
        yield
        return
    meet("gloo")
    before = _SHARES.set(True)
    try:
        yield
    finally:
        _SHARES.reset(before)


@contextmanager
def alone() -> Iterator[None]:
    """Within the block this process computes all by itself, as do the others."""
    before = _SHARES.set(False)
    try:
        yield
    finally:
        _SHARES.reset(before)


def computed(compute: Callable[[T], Tensor], work: Sequence[T], device: torch.device | str = "cpu") -> Iterator[Tensor]:
    """`compute` of each item of `work`, in order, when it is asked for; where processes share it, each computes one of
    as many at a time as there are processes. device: where this process has what is not on the CPU. Raises in all what
    any of them met, if that is a ZooError."""
    if not _SHARES.get():
        yield from map(compute, work)
        return
    for start in range(0, len(work), processes()):
        turn = work[start : start + processes()]
        found: list[Any] = [None] * processes()
        dist.all_gather_object(found, _one(compute, turn[rank()]) if rank() < len(turn) else None)
        for made in found[: len(turn)]:
            if isinstance(made, ZooError):
                raise made
            tensor, kind = made
            yield tensor.to("cpu" if kind == "cpu" else device)


def _one(compute: Callable[[T], Tensor], item: T) -> Any:
    """What the others get of an item: the result, on the CPU, and the kind of device it was on; or the error."""
    try:
        with alone():  # what the others compute is something else
            made = compute(item)
    except ZooError as error:
        return error
    return made.cpu(), made.device.type

"""Work in chunks, which several processes share: each computes a part, and all of them get all. It may be kept on disk.

Of several processes that torchrun started and that call the same, `shared` is around what they are to share. A chunk
is the same whoever computes it, so that results are those of one process.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch import distributed as dist

from zoo._util.atomic import replacing, sweep
from zoo._util.processes import is_shared, processes, rank
from zoo.errors import ZooError
from zoo.model.meeting import meet

T = TypeVar("T")
_SHARES: ContextVar[bool] = ContextVar("shares", default=False)
_KEPT: ContextVar[tuple[Path, Iterator[int]] | None] = ContextVar("kept", default=None)  # where, and which call is next


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
    """Within the block this process computes all by itself, as do the others, and keeps nothing."""
    before, kept_before = _SHARES.set(False), _KEPT.set(None)
    try:
        yield
    finally:
        _SHARES.reset(before)
        _KEPT.reset(kept_before)


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Within the block, in this thread, what `computed` computes of each item is written into `folder`, and read from
    there instead when it is there: who was interrupted, and makes the same calls in the same order, goes on where that
    was, with any number of processes that share the folder."""
    sweep(folder, None)
    before = _KEPT.set((folder, itertools.count()))
    try:
        yield
    finally:
        _KEPT.reset(before)


def computed(compute: Callable[[T], Tensor], work: Sequence[T], device: torch.device | str = "cpu") -> Iterator[Tensor]:
    """`compute` of each item of `work`, in order, when it is asked for; where processes share it, each computes one of
    as many at a time as there are processes. device: where this process has what is not on the CPU. Raises in all what
    any of them met, if that is a ZooError."""
    keeps, shares = _KEPT.get(), _SHARES.get()
    if keeps is None and not shares:
        yield from map(compute, work)
        return
    call = None if keeps is None else keeps[0] / f"{next(keeps[1]):06d}"
    step, mine = (processes(), rank()) if shares else (1, 0)
    for start in range(0, len(work), step):
        turn = work[start : start + step]
        path = call and call.with_name(f"{call.name}-{start + mine:09d}.safetensors")
        own = _one(compute, turn[mine], path) if mine < len(turn) else None
        found: list[Any] = [own] * step
        if shares:
            dist.all_gather_object(found, own)
        for made in found[: len(turn)]:
            if isinstance(made, ZooError):
                raise made
            tensor, kind = made
            yield tensor.to("cpu" if kind == "cpu" else device)


def _one(compute: Callable[[T], Tensor], item: T, path: Path | None) -> Any:
    """What all get of an item: the result, on the CPU, and the kind of device it was on; or the error. Kept at `path`,
    if there is one."""
    if path and (there := _read(path)):
        return there
    try:
        with alone():  # what the others compute is something else
            made = compute(item)
    except ZooError as error:
        return error
    tensor, kind = made.cpu(), made.device.type
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)  # which another run of the same may have removed
        with replacing(path) as temporary:
            temporary.write_bytes(save({kind: tensor.contiguous()}))
    return tensor, kind


def _read(path: Path) -> tuple[Tensor, str] | None:
    """What was kept at `path`; None if nothing was, or a disk spoilt it."""
    try:
        ((kind, tensor),) = load(path.read_bytes()).items()
    except (OSError, SafetensorError, ValueError):
        return None
    return tensor, kind

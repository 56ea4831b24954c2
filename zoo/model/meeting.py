"""Where the processes that torchrun started meet, and how they part."""

from __future__ import annotations

import atexit
import time
import uuid
from typing import Any

from torch import distributed as dist
from torch.distributed.rendezvous import rendezvous

from zoo.errors import ZooError

PLACE = "zoo/meeting"
WAIT = 0.02  # seconds between two looks at what the others wrote


def meet(backend: str) -> None:
    """Make a group of all processes, once, with a backend of torch.distributed: those that met cannot meet anew. This
    process leaves it before it ends."""
    if dist.is_initialized():
        return
    store, rank, size = next(rendezvous("env://", timeout=dist.default_pg_timeout))
    place = dist.PrefixStore(agreed(store, rank, size), store)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=place, rank=rank, world_size=size)
    atexit.register(leave)


def agreed(store: Any, rank: int, size: int) -> str:
    """The name of this meeting, by which its keys in `store`, torch.distributed's, are told from others'.

    torchrun keeps one store for all restarts (torch 2.14), and the addresses of those that were killed stay in it: who
    takes one for that of a living process waits for it, up to half an hour. So the first calls all others by a name
    that was never used, and they take for theirs the call that their own name is read out in.
    """
    mine, until = uuid.uuid4().hex, time.monotonic() + dist.default_pg_timeout.total_seconds()
    if rank == 0:
        store.set(PLACE, mine)
        present = [store.get(f"{PLACE}/{mine}/{other}").decode() for other in range(1, size)]
        store.set(f"{PLACE}/{mine}", " ".join(present))
        return mine
    while time.monotonic() < until:
        call: str = store.get(PLACE).decode()
        store.set(f"{PLACE}/{call}/{rank}", mine)
        if store.check([f"{PLACE}/{call}"]) and mine in store.get(f"{PLACE}/{call}").decode():
            return call
        time.sleep(WAIT)
    raise ZooError(f"process {rank} was not called by the first one. See what became of that, and launch all again.")


def leave() -> None:
    """Leave the group, as a process is to do before it ends: threads of a group that is left standing may abort it."""
    if dist.is_initialized():
        dist.destroy_process_group()

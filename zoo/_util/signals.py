"""Signals that ask a process to end: raised as an exception that says which came, or noted for a good moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from zoo.errors import Interrupted

STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Asked:
    """Which signal, if any, asked the process to end."""

    number: int | None = None


@contextmanager
def raising(asked: Asked) -> Iterator[None]:
    """Within the block, each signal that asks the process to end is noted in `asked` and raises Interrupted."""

    def handle(number: int, frame: FrameType | None) -> None:
        asked.number = number
        raise Interrupted(number=number)

    with _handled(handle):
        yield


@contextmanager
def noting() -> Iterator[Asked]:
    """Within the block, the first signal that asks the process to end is noted alone; a second raises Interrupted."""
    asked = Asked()

    def handle(number: int, frame: FrameType | None) -> None:
        if asked.number is not None:
            raise Interrupted(number=number)
        asked.number = number

    with _handled(handle):
        yield asked


@contextmanager
def postponed() -> Iterator[None]:
    """Within the block, no signal that asks the process to end interrupts; after it, however it ends, the first comes
    to whoever handles it outside."""
    asked = Asked()

    def handle(number: int, frame: FrameType | None) -> None:
        asked.number = asked.number or number

    try:
        with _handled(handle):
            yield
    finally:
        if asked.number is not None:
            signal.raise_signal(asked.number)


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {}
    if threading.current_thread() is threading.main_thread():  # others can set no handlers, and get no signals
        for number in STOPPING:
            # What is ignored was meant to be, as by nohup; None is a handler that Python did not set.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

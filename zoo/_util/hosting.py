"""Running code of plugins: what it does to the process, by mistake or not, stays its own affair."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from zoo._util.printable import printable

PATIENCE = 5.0  # seconds that a plugin may take before somebody is told who is waited for


@contextlib.contextmanager
def hosted(who: str) -> Iterator[None]:
    """Run code of the plugin `who`.

    What it prints goes to stderr, also what compiled code writes past Python: the output of a command may be JSON. So
    does what other threads print meanwhile. When it takes longer than `PATIENCE`, stderr says who is waited for. Raises
    RuntimeError in place of a KeyboardInterrupt that nobody at the keyboard made, which would pass for one of the user.
    """
    with _to_stderr(), _waiting(who), _interrupts() as interrupted:
        try:
            yield
        except KeyboardInterrupt as error:
            if interrupted:
                raise
            raise RuntimeError("it raises KeyboardInterrupt, though nobody interrupted it") from error


@contextlib.contextmanager
def _to_stderr() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # one of them is closed
            kept = os.dup(1)
            stack.callback(os.close, kept)
            os.dup2(2, 1)
            stack.callback(os.dup2, kept, 1)
            stack.callback(_flush)
        yield


def _flush() -> None:
    """Write out what compiled code printed: a pipe or a file gets it late, when stdout is the command's again."""
    with contextlib.suppress(Exception):  # an interpreter without ctypes, a system without the name
        import ctypes

        ctypes.CDLL(None).fflush(None)


@contextlib.contextmanager
def _waiting(who: str) -> Iterator[None]:
    timer = threading.Timer(
        PATIENCE, print, (printable(f"zoo: waiting for the plugin {who} …"),), {"file": sys.stderr, "flush": True}
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _interrupts() -> Iterator[list[Any]]:
    """A list that has an entry once somebody interrupted. Where that cannot be told, it has one from the start."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield [] if usual == signal.SIG_IGN else [usual]
        return
    seen: list[Any] = []

    def note(number: int, frame: Any) -> None:
        seen.append(number)
        usual(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, usual)

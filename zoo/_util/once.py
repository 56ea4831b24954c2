"""What a process has one of, made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from zoo.errors import PluginError

Thing = TypeVar("Thing")


class Once(Generic[Thing]):
    """Calls `make` once, in one thread while others wait; afterwards always gives what it made.

    Unlike functools.cache it refuses to be asked again while `make` runs: a plugin that lists models when it is
    imported would otherwise get, and leave behind, what was made without the plugins that come after it.
    """

    def __init__(self, make: Callable[[], Thing]) -> None:
        self._make = make
        self._made: list[Thing] = []
        self._lock = threading.RLock()
        self._busy = False
        self.__doc__ = make.__doc__

    def __call__(self) -> Thing:
        with self._lock:
            if not self._made:
                if self._busy:
                    raise PluginError(
                        "zoo is asked for models or plugins while it is loading plugins. Ask inside a function that is "
                        "called later, not when a module is imported, nor in a hook."
                    )
                self._busy = True
                try:
                    self._made.append(self._make())
                finally:
                    self._busy = False
            return self._made[0]

    def cache_clear(self) -> None:
        """Forget what was made, so that the next call makes it anew."""
        self._made.clear()

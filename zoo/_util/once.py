"""What a process has one of, made when it is first asked for."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from zoo.errors import PluginError

Thing = TypeVar("Thing")


class Once(Generic[Thing]):
    """Calls `make` once, in one thread while others wait; afterwards, until `cache_clear`, gives what it made.

    Unlike functools.cache alone it refuses to be asked again while `make` runs: a plugin that lists models when it is
    imported would otherwise get, and leave behind, what was made without the plugins that come after it.
    """

    def __init__(self, make: Callable[[], Thing]) -> None:
        self._made, self._lock, self._busy = functools.cache(make), threading.RLock(), False
        self.cache_clear = self._made.cache_clear
        self.__doc__ = make.__doc__

    def __call__(self) -> Thing:
        with self._lock:
            if self._busy:
                raise PluginError(
                    "zoo is asked for models or plugins while it is loading plugins. Ask inside a function that is "
                    "called later, not when a module is imported, nor in a hook."
                )
            self._busy = True
            try:
                return self._made()
            finally:
                self._busy = False

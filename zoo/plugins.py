"""The pluggy manager: built-ins first, then every entry point in group `zoo`, each on its own.

pluggy's own loader stops at the first plugin that fails to import, calls hooks last-in-first-out and lets a misspelt
hook pass until somebody asks. Here each plugin is loaded, checked and called separately, in the order of its name; one
that fails is set aside with its traceback, its half-made registrations are dropped, and all others work.

`ZOO_PLUGINS` limits what is loaded: unset, all; `""`, none; `a,b`, only these. Built-ins always load.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import os
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pluggy

from zoo import hookspecs
from zoo.errors import PluginError, nearest

BUILT_IN = "zoo"
SHELVES = ("zoo.models", "zoo.training", "zoo.metrics", "zoo.cli")

hookimpl = pluggy.HookimplMarker("zoo")


@dataclass
class Plugin:
    """A plugin as `zoo plugins` shows it. `error` is a one-line reason and `details` its traceback, when it is broken."""

    name: str
    distribution: str = ""
    version: str = ""
    module: Any = None
    adds: dict[str, list[str]] = field(default_factory=dict)
    error: str | None = None
    details: str = ""

    def quarantine(self, error: BaseException) -> None:
        self.error = f"{type(error).__name__}: {error}" if not isinstance(error, PluginError) else str(error)
        self.details = "".join(traceback.format_exception(error))
        self.adds = {}


class Manager:
    """Loads plugins and calls their hooks one plugin at a time."""

    def __init__(self) -> None:
        self._pm = pluggy.PluginManager("zoo")
        self._pm.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        for shelf in SHELVES:
            plugin = Plugin(BUILT_IN, "generative-zoo", module=importlib.import_module(shelf))
            self.plugins.append(plugin)
            # Not guarded: a built-in that fails is a defect of zoo itself and must not be hidden.
            self._register(plugin)
        for plugin, entry_point in _installed():
            self.plugins.append(plugin)
            try:
                plugin.module = entry_point.load()
                self._register(plugin)
            except (Exception, SystemExit) as error:
                plugin.quarantine(error)

    def _register(self, plugin: Plugin) -> None:
        hooks = {name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("zoo_")}
        marked = [name for name, value in inspect.getmembers(plugin.module) if hasattr(value, "zoo_impl")]
        for name in marked:
            if name not in hooks:
                raise PluginError(f"{plugin.name} implements {name!r}, which is no hook of zoo. {nearest(name, hooks)}")
        for name in hooks & {name for name, _ in inspect.getmembers(plugin.module, inspect.isfunction)} - set(marked):
            raise PluginError(f"{plugin.name} defines {name} without @zoo.hookimpl. Decorate it, or rename it.")
        self._pm.register(plugin.module, name=f"{plugin.name}:{id(plugin)}")

    def collect(self, hook: str, make: Callable[..., Any]) -> list[Any]:
        """Everything the plugins register through `hook`, each made by `make(plugin, *args, **kwargs)`, in plugin order.

        A plugin whose hook raises, or registers what `make` refuses, is quarantined and contributes nothing.
        """
        collected: list[Any] = []
        for plugin, call in self._calls(hook):
            mine: list[Any] = []

            def register(*args: Any, _plugin: Plugin = plugin, _mine: list[Any] = mine, **kwargs: Any) -> None:
                _mine.append(make(_plugin, *args, **kwargs))

            try:
                call(register=register)
            except (Exception, SystemExit) as error:
                if plugin.name == BUILT_IN:
                    raise
                plugin.quarantine(error)
                continue
            collected += mine
        return collected

    def each(self, hook: str, use: Callable[[Plugin, Callable[..., Any]], None]) -> None:
        """Hand every plugin's `hook` to `use(plugin, hook)`; a plugin whose turn raises is quarantined."""
        for plugin, call in self._calls(hook):
            try:
                use(plugin, call)
            except (Exception, SystemExit) as error:
                if plugin.name == BUILT_IN:
                    raise
                plugin.quarantine(error)

    def _calls(self, hook: str) -> Iterable[tuple[Plugin, Callable[..., Any]]]:
        implementations = {impl.plugin: impl for impl in getattr(self._pm.hook, hook).get_hookimpls()}
        for plugin in self.plugins:
            implementation = implementations.get(plugin.module)
            if plugin.error is None and implementation is not None:
                yield plugin, functools.partial(_call, implementation)


def _call(implementation: pluggy.HookImpl, **arguments: Any) -> None:
    """Call with the arguments the implementation asks for, so hooks may gain arguments without breaking old plugins."""
    implementation.function(*(arguments[name] for name in implementation.argnames))


def _installed() -> list[tuple[Plugin, importlib.metadata.EntryPoint]]:
    wanted = os.environ.get("ZOO_PLUGINS")
    names = None if wanted is None else {name.strip() for name in wanted.split(",") if name.strip()}
    if names is not None and not names:
        return []
    found = []
    for entry_point in importlib.metadata.entry_points(group="zoo"):
        if names is None or entry_point.name in names:
            distribution = entry_point.dist
            name, version = (distribution.name, distribution.version) if distribution else ("", "")
            found.append((Plugin(entry_point.name, name, version), entry_point))
    return sorted(found, key=lambda pair: (pair[0].distribution, pair[0].name))


def resolve(target: str) -> Any:
    """What the string "module:name" points at. Raises PluginError when it is not there."""
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"the target {target!r} of a plugin fails: {error}. See zoo plugins.") from error


@functools.cache
def manager() -> Manager:
    """The one manager of this process, made at first use."""
    return Manager()

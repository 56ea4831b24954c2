"""Plugins, their hooks, and what sets one aside: built-ins first, then every entry point in group `zoo`, each alone.

pluggy marks hooks; its manager stops at the first plugin that fails to import, calls hooks last-in-first-out and lets a
misspelt hook pass until somebody asks. Here each plugin is loaded, checked and called separately, in the order of
package and name; one that fails is set aside with its traceback, what it had registered is dropped, all others work.

`ZOO_PLUGINS` limits what is loaded: unset, all; `""`, none; `a,b`, only these. Built-ins always load. With
`ZOO_STRICT_PLUGINS=1` what would set a plugin aside is raised instead.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import os
import traceback
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pluggy

from zoo._util.switches import is_on
from zoo.errors import NameTaken, Outdated, PluginError, ZooError, nearest
from zoo.registry import hookspecs
from zoo.registry.names import BUILT_IN, NAME
from zoo.registry.packages import DISTRIBUTION, Package, cure, entry_points, package_of

BUILT_INS = ("zoo.models.interface", "zoo.models", "zoo.data", "zoo.metrics", "zoo.training", "zoo.cli")
RESERVED = ("hf", "timm")  # hf:org/repo is on the Hub, timm:model a feature network

_LAZY = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR  # functions that a call does not run
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # which a call may leave empty
COMMANDS = "zoo_register_commands"  # the one hook that is not handed `register`, and waits for the command line

# What may be there under a plugin's name: an entry point, a damaged one, or nothing.
Found = importlib.metadata.EntryPoint | Exception | None

hookimpl = pluggy.HookimplMarker("zoo")


@dataclass(eq=False)
class Plugin:
    """A plugin as `zoo plugins` shows it. When it is broken, `error` is the reason, `details` its traceback and `cure`
    the pip line that would help. `faults` are releases that cannot be loaded while all else of the plugin works."""

    name: str
    package: Package = field(default_factory=Package)
    module: Any = None
    hooks: dict[str, Callable[..., None]] = field(default_factory=dict)
    adds: dict[str, list[str]] = field(default_factory=dict)  # "architectures", "releases" … -> names
    faults: dict[str, str] = field(default_factory=dict)  # release -> what is wrong and what to do
    error: str | None = None
    details: str = ""
    cure: str = ""

    def __str__(self) -> str:
        package = f"{self.package.name} {self.package.version}".strip()
        return f"{self.name} (package {package})" if package else self.name

    @property
    def built_in(self) -> bool:
        """Whether this is a part of zoo itself."""
        return self.package.name == DISTRIBUTION

    def quarantine(self, error: BaseException) -> None:
        """Set the plugin aside because of `error`; a built-in that fails is a defect of zoo and must not be hidden, and
        whoever interrupts means zoo."""
        if self.built_in or isinstance(error, KeyboardInterrupt):
            raise error
        reason = text_of(error)
        self.error = reason if isinstance(error, PluginError) else f"{type(error).__name__}: {reason}"
        self.details = "".join(traceback.format_exception(error))
        self.cure = cure(self.package, error)
        self.adds, self.faults = {}, {}
        said = f"the plugin {self} is broken: {self.error}{f' This may help: {self.cure}.' if self.cure else ''}"
        raise_if_strict(said, error, otherwise="the plugin is set aside and all else works")

    def find_fault(self, release: str, error: Exception) -> None:
        """Note why one of its releases cannot be loaded, or with ZOO_STRICT_PLUGINS raise it."""
        reason = " ".join(text_of(error).split())
        if not self.built_in and self.package.name:
            reason += f" The package may have mended it: pip install --upgrade {self.package.name}"
        self.faults[release] = reason
        said = f"the release {release} of the plugin {self} cannot be loaded: {reason}."
        raise_if_strict(said, error, otherwise="the release is passed over")


def hooks_of(plugin: Plugin) -> dict[str, Callable[..., None]]:
    """The plugin's hooks by name, each of which takes what it asks for out of the arguments it is called with, so that
    hooks may gain some without breaking old plugins. Raises PluginError, or Outdated for what may be of a later zoo."""
    known = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("zoo_")}
    hooks: dict[str, Callable[..., None]] = {}
    for name, function in sorted(_functions(plugin.module).items()):
        marks = getattr(function, "zoo_impl", None)
        if marks is None and name in known:
            raise PluginError(f"{plugin.name} defines {name} without @zoo.hookimpl. Decorate it, or rename it.")
        if marks is None or (name not in known and marks["optionalhook"]):
            continue
        if name not in known:
            raise Outdated(f"{plugin.name} implements {name!r}, no hook of zoo. {nearest(name, known)}")
        if function.__code__.co_flags & _LAZY:
            wrong = f"{plugin.name}: {name} is a generator or a coroutine, which nobody runs."
            raise PluginError(f"{wrong} Leave out yield and async.")
        hook, given = getattr(plugin.module, name), list(inspect.signature(known[name]).parameters)
        parameters = inspect.signature(hook).parameters.values()
        asked = [each.name for each in parameters if each.default is each.empty and each.kind not in _REST]
        if unknown := ", ".join(each for each in asked if each not in given):
            raise Outdated(f"{plugin.name}: {name} asks for {unknown}; it is given {', '.join(given)}.")
        hooks[name] = functools.partial(_call, hook, asked)
    return hooks


def _call(hook: Callable[..., None], asked: Sequence[str], **arguments: Any) -> None:
    hook(**{name: arguments[name] for name in asked})


def _functions(module: Any) -> dict[str, types.FunctionType]:
    """The functions and methods of a module or object by name. Runs nothing of it: a property may fail, and a module
    may import its models, and torch with them, when one is asked for by name."""
    found = {}
    # The second would do for both, but takes ten times as long.
    members = vars(module).items() if type(module) is types.ModuleType else inspect.getmembers_static(module)
    for name, member in members:
        # By type: even to ask for its class may load what is lazy.
        function = member.__func__ if type(member) in (classmethod, staticmethod, types.MethodType) else member
        if type(function) is types.FunctionType:
            found[name] = function
    return found


def raise_if_strict(said: str, error: BaseException, *, otherwise: str) -> None:
    """Raise PluginError where ZOO_STRICT_PLUGINS asks for it: what was said, and what happens otherwise."""
    if is_on("ZOO_STRICT_PLUGINS"):
        raise PluginError(f"{said} ZOO_STRICT_PLUGINS is set; without it {otherwise}.") from error


def text_of(error: BaseException) -> str:
    """The error's own words, of which it may have none or be unable to say them."""
    try:
        return str(error)
    except Exception:
        return "its message cannot be shown"


def imported(plugin: Plugin, entry_point: Found, others: Sequence[Plugin]) -> Any:
    """The module or object that the entry point names. Raises PluginError before anything is imported when the name is
    not installed at all, is taken or is no name, or when the package is damaged."""
    if entry_point is None:
        known = {installed.name for _, installed in entry_points() if not isinstance(installed, Exception)}
        raise PluginError(f"ZOO_PLUGINS names {plugin.name!r}, which is not installed. {nearest(plugin.name, known)}")
    if isinstance(entry_point, Exception):
        raise PluginError(f"the package {plugin.package.name} has damaged entry points.") from entry_point
    if (same := next((other for other in others if other.name == plugin.name), None)) is not None:
        raise NameTaken(
            f"the packages {same.package.name} and {plugin.package.name} both have a plugin called {plugin.name!r}; "
            f"the one of {plugin.package.name} is not used. Uninstall one of them, or have its entry point renamed."
        )
    if plugin.name in RESERVED:
        raise NameTaken(f"the plugin name {plugin.name!r} means something else to zoo. Have its entry point renamed.")
    if not NAME.fullmatch(plugin.name):
        raise PluginError(f"{plugin.name!r} is no plugin's name. Use letters, digits, dots and hyphens.")
    module = entry_point.load()
    if (same := next((other for other in others if other.module is module), None)) is not None:
        wrong = f"{plugin.name} is what is already registered as the plugin {same.name}."
        raise PluginError(f"{wrong} Remove one of the two entry points.")
    return module


def installed() -> list[tuple[Plugin, Found]]:
    """Every entry point that ZOO_PLUGINS lets through, and a name in it that is not installed with None; sorted by
    package, name and target, whatever the order on sys.path."""
    wanted = os.environ.get("ZOO_PLUGINS")
    names = None if wanted is None else {name.strip() for name in wanted.split(",")} - {"", BUILT_IN}
    if names is not None and not names:
        return []
    found: list[tuple[Plugin, Found]] = []
    for dist, entry_point in entry_points():
        name = None if isinstance(entry_point, Exception) else entry_point.name
        if names is None or name in names:
            package = package_of(dist)
            found.append((Plugin(name or package.name, package), entry_point))
    found += [(Plugin(name), None) for name in (names or set()) - {plugin.name for plugin, _ in found}]
    return sorted(found, key=lambda pair: (pair[0].package.key, pair[0].name, getattr(pair[1], "value", "")))


def resolve(target: str) -> Any:
    """What the string "module:name" points at. Raises PluginError when it cannot be imported or is not there."""
    module, _, name = target.partition(":")
    try:
        return functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except (ZooError, KeyboardInterrupt):
        raise
    except BaseException as error:
        kind = type(error).__name__
        raise PluginError(f"the target {target!r} fails with {kind}: {text_of(error)}. See zoo plugins.") from error

"""The pluggy manager: built-ins first, then every entry point in group `zoo`, each on its own.

pluggy's own loader stops at the first plugin that fails to import, calls hooks last-in-first-out and lets a misspelt
hook pass until somebody asks. Here each plugin is loaded, checked and called separately, in the order of package and
name; one that fails is set aside with its traceback, whatever it had registered is dropped, and all others work.

`ZOO_PLUGINS` limits what is loaded: unset, all; `""`, none; `a,b`, only these. Built-ins always load. With
`ZOO_STRICT_PLUGINS=1` what would set a plugin aside is raised instead.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import inspect
import os
import sys
import traceback
import types
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pluggy

from zoo._util.once import Once
from zoo.errors import PluginError, ZooError, nearest
from zoo.registry import hookspecs
from zoo.registry.names import BUILT_IN, NAME
from zoo.registry.packages import (
    DISTRIBUTION,
    NameTaken,
    Outdated,
    Package,
    check_needs,
    cure,
    entry_points,
    package_of,
)

SHELVES = ("zoo.models", "zoo.data", "zoo.metrics", "zoo.cli")
RESERVED = ("hf", "timm")  # hf:org/repo is on the Hub, timm:model a feature network

_LAZY = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR  # functions that a call does not run
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
    adds: dict[str, list[str]] = field(default_factory=dict)  # "architectures", "releases" … -> names
    faults: dict[str, str] = field(default_factory=dict)  # release -> what is wrong and what to do
    error: str | None = None
    details: str = ""
    cure: str = ""

    @property
    def distribution(self) -> str:
        """Name of the package."""
        return self.package.name

    @property
    def version(self) -> str:
        """Version of the package."""
        return self.package.version

    @property
    def built_in(self) -> bool:
        """Whether this is a part of zoo itself."""
        return self.distribution == DISTRIBUTION

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
        if is_strict():
            package = f" (package {self.distribution} {self.version})" if self.distribution else ""
            raise PluginError(
                f"the plugin {self.name}{package} is broken: {self.error} "
                + (f"This may help: {self.cure}. " if self.cure else "")
                + "ZOO_STRICT_PLUGINS is set; without it the plugin is set aside and all else works."
            ) from error

    def find_fault(self, release: str, error: Exception) -> None:
        """Note why one of its releases cannot be loaded, or with ZOO_STRICT_PLUGINS raise it."""
        reason = " ".join(text_of(error).split())
        if not self.built_in and self.distribution:
            reason += f" The package may have mended it: pip install --upgrade {self.distribution}"
        self.faults[release] = reason
        if is_strict():
            raise PluginError(
                f"the release {release} of the plugin {self.name} (package {self.distribution} {self.version}) cannot "
                f"be loaded: {reason}. ZOO_STRICT_PLUGINS is set; without it the release is passed over."
            ) from error


class _PluginManager(pluggy.PluginManager):
    """Touches nothing but hooks; by itself it asks, before pluggy 1.7, a plugin for whatever `dir` names."""

    hooks: Collection[str] = ()  # names of those of the plugin that is being registered

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        return super().parse_hookimpl_opts(plugin, name) if name in self.hooks else None


@dataclass(frozen=True)
class Registration:
    """One call of a hook's `register`, kept until somebody asks for what the hook adds."""

    plugin: Plugin
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


class Manager:
    """Loads plugins and calls their hooks one plugin at a time."""

    def __init__(self) -> None:
        self._pm = _PluginManager("zoo")
        self._pm.add_hookspecs(hookspecs)
        self._hooks = {name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("zoo_")}
        self._registrations: dict[str, list[Registration]] = {name: [] for name in self._hooks}
        zoo = Package(DISTRIBUTION)
        self.plugins = [Plugin(BUILT_IN, zoo, module=importlib.import_module(shelf)) for shelf in SHELVES]
        for plugin in self.plugins:
            self._load(plugin)
        for plugin, found in _installed():
            twin = next((p for p in self.plugins if p.name == plugin.name), None)
            self.plugins.append(plugin)
            try:
                # What one prints is no part of the output of a command, which may be JSON.
                with contextlib.redirect_stdout(sys.stderr):
                    plugin.module = _import(plugin, found, twin)
                    self._load(plugin)
            except BaseException as error:  # the panics of some compiled modules are no Exception
                plugin.quarantine(error)

    def _load(self, plugin: Plugin) -> None:
        """Check the plugin's hooks and call those that register, all of them, so that one that fails adds nothing."""
        functions = _functions(plugin.module)
        marked = [name for name, function in functions.items() if hasattr(function, "zoo_impl")]
        for name in [name for name in marked if name not in self._hooks]:
            if functions[name].zoo_impl["optionalhook"]:  # type: ignore[attr-defined] # what pluggy marks it with
                marked.remove(name)
            else:
                # Misspelt, or a hook of a later zoo.
                raise Outdated(f"{plugin.name} implements {name!r}, no hook of zoo. {nearest(name, self._hooks)}")
        for name in self._hooks & functions.keys() - set(marked):
            raise PluginError(f"{plugin.name} defines {name} without @zoo.hookimpl. Decorate it, or rename it.")
        for name in marked:
            if functions[name].__code__.co_flags & _LAZY:
                raise PluginError(
                    f"{plugin.name}: {name} is a generator or a coroutine, which nobody runs. Leave out "
                    "yield and async."
                )
        for other in self.plugins:
            if other is not plugin and other.module is plugin.module:
                raise PluginError(
                    f"{plugin.name} is what is already registered as the plugin {other.name}. Remove one of the two "
                    "entry points."
                )
        self._pm.hooks = marked
        try:
            self._pm.register(plugin.module, name=f"{plugin.name}:{id(plugin)}")
        except pluggy.PluginValidationError as error:  # for one, an argument that only a later zoo's hook has
            raise Outdated(str(error)) from error
        mine: list[tuple[str, Registration]] = []
        for name in marked:
            hook = self._hook(name, plugin)
            if name != COMMANDS and hook is not None:

                def register(*arguments: Any, _hook: str = name, **keywords: Any) -> None:
                    mine.append((_hook, Registration(plugin, arguments, keywords)))

                hook(register=register)
        for name, registration in mine:
            self._registrations[name].append(registration)

    def collect(self, hook: str, make: Callable[..., Any]) -> list[Any]:
        """Everything the plugins register through `hook`, in plugin order, made by `make(plugin, *args, **kwargs)`.

        A plugin that registers what `make` refuses is quarantined and contributes nothing.
        """
        made: list[tuple[Plugin, Any]] = []
        for registration in self._registrations[hook]:
            plugin = registration.plugin
            if plugin.error is None:
                try:
                    made.append((plugin, make(plugin, *registration.arguments, **registration.keywords)))
                except BaseException as error:
                    plugin.quarantine(_of_call(hook, make, registration, error))
        return [thing for plugin, thing in made if plugin.error is None]

    def each(self, hook: str, use: Callable[[Plugin, Callable[..., Any]], None]) -> None:
        """Hand every plugin's `hook` to `use(plugin, hook)`; a plugin whose turn raises is quarantined."""
        for plugin in self.plugins:
            call = self._hook(hook, plugin) if plugin.error is None else None
            if call is not None:
                try:
                    use(plugin, call)
                except BaseException as error:
                    plugin.quarantine(error)

    def _hook(self, hook: str, plugin: Plugin) -> Callable[..., Any] | None:
        """The plugin's own function for `hook`, if it has one."""
        for implementation in getattr(self._pm.hook, hook).get_hookimpls():
            # By identity: a plugin may be an object that has no hash or an equality of its own.
            if implementation.plugin is plugin.module:
                return functools.partial(_call, implementation)
        return None


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


def is_strict() -> bool:
    """Whether ZOO_STRICT_PLUGINS asks for errors where plugins would be set aside."""
    return os.environ.get("ZOO_STRICT_PLUGINS", "").lower() not in ("", "0", "false", "no", "off")


def text_of(error: BaseException) -> str:
    """The error's own words, of which it may have none or be unable to say them."""
    try:
        return str(error)
    except Exception:
        return "its message cannot be shown"


def _of_call(hook: str, make: Callable[..., Any], registration: Registration, error: BaseException) -> BaseException:
    """A better error where `register` was called with arguments that it does not take; else `error` itself."""
    try:
        inspect.signature(make).bind(registration.plugin, *registration.arguments, **registration.keywords)
    except TypeError as mismatch:
        # An unexpected keyword may be one that a later zoo knows.
        kind = Outdated if "unexpected keyword" in str(mismatch) else PluginError
        wrong = kind(f"{registration.plugin.name} calls register of {hook} wrongly: {mismatch}.")
        wrong.__cause__ = error
        return wrong
    return error


def _import(plugin: Plugin, entry_point: Found, twin: Plugin | None) -> Any:
    """The module or object that the entry point names. Raises PluginError before anything is imported when the name is
    not installed at all, is taken by `twin` or is no name, or when the package needs another zoo or is damaged."""
    if entry_point is None:
        known = {installed.name for _, installed in entry_points() if not isinstance(installed, Exception)}
        raise PluginError(f"ZOO_PLUGINS names {plugin.name!r}, which is not installed. {nearest(plugin.name, known)}")
    if isinstance(entry_point, Exception):
        raise PluginError(f"the package {plugin.distribution} has damaged entry points.") from entry_point
    if twin is not None:
        raise NameTaken(
            f"the packages {twin.distribution} and {plugin.distribution} both have a plugin called {plugin.name!r}; "
            f"the one of {plugin.distribution} is not used. Uninstall one of them, or have its entry point renamed."
        )
    if plugin.name in RESERVED:
        raise NameTaken(f"the plugin name {plugin.name!r} means something else to zoo. Have its entry point renamed.")
    if not NAME.fullmatch(plugin.name):
        raise PluginError(f"{plugin.name!r} is no plugin's name. Use letters, digits, dots and hyphens.")
    check_needs(plugin.package)
    return entry_point.load()


def _call(implementation: pluggy.HookImpl, **arguments: Any) -> None:
    """Call with the arguments the implementation asks for, so hooks may gain arguments without breaking old plugins."""
    implementation.function(*(arguments[name] for name in implementation.argnames))


def _installed() -> list[tuple[Plugin, Found]]:
    """Every entry point that ZOO_PLUGINS lets through, and a name in it that is not installed with None.

    Sorted by package, name and target, whatever the order on sys.path.
    """
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
    missing = (names or set()) - {plugin.name for plugin, _ in found}
    found += [(Plugin(name), None) for name in missing]
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


@Once
def manager() -> Manager:
    """The one manager of this process, made at first use."""
    return Manager()

"""Names: which architectures, release folders and other things plugins brought, and what an architecture's name means.

Nothing here imports torch, nor a model: entries carry string targets, releases are folders, which nobody looks into.
An alias, or the former name of something, never hides a real name: it counts only where nothing is called so.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator, Set
from contextlib import nullcontext
from typing import Any

from zoo._util.hosting import hosted
from zoo._util.once import Once
from zoo.errors import InvalidInput, NameTaken, PluginError, Renamed, UnknownArchitecture, UnknownName, nearest, outside
from zoo.registry import plugins
from zoo.registry.entries import KINDS, Alias, Architecture, Folder, Registered, made
from zoo.registry.names import BUILT_IN, Named, by_name, candidates, choose, fits
from zoo.registry.packages import DISTRIBUTION, Package
from zoo.registry.plugins import BUILT_INS, COMMANDS, Plugin

# Fields that name things of other kinds.
REFERENCES = (
    ("metrics", "needs", ("capabilities", "spaces")),
    ("architectures", "capabilities", ("capabilities",)),
    ("architectures", "condition", ("conditions",)),
    ("architectures", "space", ("spaces",)),
)
# Kinds whose names stand alone wherever they are spoken of; those of one row may be spoken of together.
UNQUALIFIED = (("spaces", "capabilities"), ("conditions",))


class Registry:
    """All that plugins registered. `architectures` and `folders`, those of releases, are tables by bare name, with what
    is zoo's own first. One that registers anything malformed is set aside whole."""

    architectures: dict[str, list[Architecture]]
    folders: dict[str, list[Folder]]
    aliases: dict[str, list[Alias]]

    def __init__(self) -> None:
        self._told: set[str] = set()  # former names that somebody used and was told of
        self._things: dict[str, list[Any]] = {what: [] for what, _ in KINDS.values()}
        self.plugins = [Plugin(BUILT_IN, Package(DISTRIBUTION), module=importlib.import_module(s)) for s in BUILT_INS]
        for plugin in self.plugins:
            self._load(plugin)
        for plugin, found in plugins.installed():
            try:
                with hosted(str(plugin)):
                    plugin.module = plugins.imported(plugin, found, self.plugins)
                    self._load(plugin)
            except BaseException as error:  # the panics of some compiled modules are no Exception
                plugin.quarantine(error)
            self.plugins.append(plugin)
        self._tabulate()
        while (fault := next(self._faults(), None)) is not None:
            self.set_aside(*fault)

    def of(self, what: str) -> list[Any]:
        """Everything of a kind, as `zoo plugins` calls it, in the order of the plugins: what is zoo's own first."""
        return self._things[what]

    def each(self, hook: str, use: Callable[[Plugin, Callable[..., None]], None]) -> None:
        """Hand every plugin's `hook` to `use(plugin, hook)`; a plugin whose turn raises is set aside."""
        for plugin in self.plugins:
            if plugin.error is None and hook in plugin.hooks:
                try:
                    with nullcontext() if plugin.built_in else hosted(str(plugin)):
                        use(plugin, plugin.hooks[hook])
                except BaseException as error:
                    self.set_aside(plugin, error)

    def set_aside(self, plugin: Plugin, error: BaseException) -> None:
        """Drop a plugin and all that it registered because of `error`."""
        plugin.quarantine(error)
        for what, things in self._things.items():
            self._things[what] = [thing for thing in things if thing.plugin != plugin.name]
        self._tabulate()

    def owner(self, thing: Registered) -> Plugin:
        """The plugin that registered `thing`."""
        return next(plugin for plugin in self.plugins if plugin.name == thing.plugin and not plugin.error)

    def missing(self, name: object, *kinds: str) -> str:
        """What helps with a bare name that nothing of these kinds has; empty where something has it."""
        known = [thing.name for what in kinds for thing in self.of(what)]
        if name in known:
            return ""
        plugin, _, bare = str(name).rpartition(":")
        return nearest(bare, known) + (f" Names of {' and '.join(kinds)} have no plugin before them." if plugin else "")

    def meaning(self, name: str, *, quiet: bool = True) -> str:
        """The real name that `name` stands for; `name` itself when it is real or nothing is called so.

        Unless `quiet`, a former name is said to be one, once. Raises DuplicateName for an alias of two plugins.
        """
        if self._real(name) or not (found := candidates(name, self.aliases)):
            return name
        alias = choose(name, found, "alias")
        meaning = self._stands_for(alias)
        if alias.renamed and not quiet and name not in self._told:
            self._told.add(name)
            short = meaning.rpartition(":")[2]
            shown = short if self._real(short)[:1] == self._real(meaning)[:1] else meaning
            warnings.warn(f"{name!r} is now called {shown!r}. Use that name.", Renamed, stacklevel=outside())
        return meaning

    def _stands_for(self, alias: Alias) -> str:
        own = f"{alias.plugin}:{alias.target}"
        return own if self._real(own) else alias.target

    def _real(self, name: str) -> list[Named]:
        return [*candidates(name, self.folders), *candidates(name, self.architectures)]

    def _load(self, plugin: Plugin) -> None:
        """Take all that the plugin's hooks register, or, when any of it fails, nothing."""
        plugin.hooks = plugins.hooks_of(plugin)
        calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        for hook, call in plugin.hooks.items():
            if hook != COMMANDS:
                call(register=lambda *args, _hook=hook, **kwargs: calls.append((_hook, args, kwargs)))
        mine: dict[str, list[Any]] = {}
        for hook, args, kwargs in calls:
            mine.setdefault(KINDS[hook][0], []).extend(made(plugin, hook, *args, **kwargs))
        adds = {what: [thing.name for thing in things] for what, things in mine.items()}
        for what, names in adds.items():
            if twice := ", ".join(sorted({name for name in names if names.count(name) > 1})):
                raise PluginError(f"{plugin.name} has {what} of one name: {twice}.")
        plugin.adds = adds
        for what, things in mine.items():
            self._things[what] += things

    def _tabulate(self) -> None:
        self.architectures = by_name(self.of("architectures"))
        self.folders = by_name(self.of("releases"))
        self.aliases = by_name(self.of("aliases"))

    def _faults(self) -> Iterator[tuple[Plugin, PluginError]]:
        """Plugins that speak of what nobody registered, and then those that took a name which an earlier one has."""
        spoken = ((thing, field, kinds) for what, field, kinds in REFERENCES for thing in self.of(what))
        for thing, field, kinds in spoken:
            said = getattr(thing, field)
            for name in said if isinstance(said, Set) else {said} - {None}:
                if hint := self.missing(name, *kinds):
                    wrong = f"{thing.plugin}: {field} of {thing.name!r}: nobody registered {name!r}. {hint}"
                    yield self.owner(thing), PluginError(wrong)
        yield from self._alias_faults()
        yield from self._clashes()

    def _alias_faults(self) -> Iterator[tuple[Plugin, PluginError]]:
        for alias in (alias for each in self.aliases.values() for alias in each):
            wrong = f"{alias.plugin}: the alias {alias.name!r}"
            if self._real(f"{alias.plugin}:{alias.name}"):
                yield self.owner(alias), PluginError(f"{wrong} is the name of something of its own.")
            elif not self._real(self._stands_for(alias)):
                hint = nearest(alias.target, [*self.folders, *self.architectures])
                wrong += f" stands for {alias.target!r}, but no release or architecture is called so. {hint}"
                yield self.owner(alias), PluginError(wrong)

    def _clashes(self) -> Iterator[tuple[Plugin, PluginError]]:
        order = [plugin.name for plugin in self.plugins]
        for row in UNQUALIFIED:
            owners: dict[str, tuple[str, Any]] = {}
            pairs = [(what, thing) for what in row for thing in self.of(what)]
            for what, thing in sorted(pairs, key=lambda pair: order.index(pair[1].plugin)):
                first, owner = owners.setdefault(thing.name, (what, thing))
                if owner is not thing:
                    mine, theirs = (f"{each.plugin} (package {each.distribution})" for each in (thing, owner))
                    wrong = f"{mine} has {thing.name!r} among its {what}, a name that {theirs} has among its {first}."
                    yield self.owner(thing), NameTaken(f"{wrong} Have it renamed, or uninstall one of the packages.")


@Once
def registry() -> Registry:
    """The one registry of this process, made at first use."""
    return Registry()


def find_architecture(name: str, *, quiet: bool = False) -> Architecture:
    """The architecture called `name`. quiet: say nothing about a former name, which a file may well hold. Raises
    UnknownName or DuplicateName."""
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no architecture's name. Pass a string such as 'dcgan'.")
    known = registry()
    found = candidates(known.meaning(name, quiet=quiet), known.architectures)
    if not found:
        hint = nearest(name, known.architectures)
        if candidates(name, known.folders):
            hint = f"It is a release: zoo.load({name!r}) gives its model."
        raise UnknownName(f"no architecture is called {name!r}. {hint}{broken()}")
    return choose(name, found, "architecture")


def architecture_of(cls: type) -> Architecture:
    """The registered architecture whose target is `cls`. Raises UnknownArchitecture."""
    for entry in registry().of("architectures"):
        # A class may be registered by a module that only re-exports it. Nothing is imported to find out: the class is
        # at hand, and so is every module it could be registered by in earnest.
        module, _, name = entry.target.partition(":")
        if getattr(sys.modules.get(module), name, None) is cls:
            return entry  # type: ignore[no-any-return]
    wrong = f"{cls.__module__}:{cls.__qualname__} is not registered, so a file naming it could not be loaded."
    raise UnknownArchitecture(f"{wrong} Register it with zoo_register_architectures.")


def list_entries(what: str, pattern: str | None = None) -> list[Any]:
    """Everything that is registered of a kind, as `zoo plugins` calls it: "data sets", "metrics" …; zoo's own first.
    pattern: a glob for those whose names fit it alone."""
    return [each for each in registry().of(what) if fits(each.qualified, pattern)]


def broken() -> str:
    """A hint for when a name is not found: perhaps a plugin that failed would have brought it."""
    names = sorted({plugin.name for plugin in registry().plugins if plugin.error})
    return f" Plugins that failed to load: {', '.join(names)}; see zoo plugins." if names else ""

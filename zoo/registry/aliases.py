"""Other names for releases and architectures: aliases, and the names that something had before it was renamed.

A real name is never hidden: an alias counts only where nothing is called so. What an alias stands for is looked for in
its own plugin first, and may itself be an alias.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zoo.errors import DuplicateName, PluginError, nearest, outside
from zoo.registry import plugins
from zoo.registry.names import BUILT_IN, NAME, Named, by_name, candidates, choose


class Renamed(FutureWarning):
    """A name was used that something had before it was renamed."""


@dataclass(frozen=True)
class Alias:
    """Another name for what is called `target`; the one it had before if `renamed`."""

    name: str
    target: str
    renamed: bool = False
    plugin: str = BUILT_IN
    distribution: str = ""


def checked(plugin: plugins.Plugin, /, alias: str, name: str, *, renamed: bool = False) -> Alias:
    """The alias that `plugin` registers. Raises PluginError for whatever is malformed."""
    if not isinstance(alias, str) or not NAME.fullmatch(alias):
        raise PluginError(f"{plugin.name}: {alias!r} is no name for an alias. Use letters, digits, dots and hyphens.")
    if not isinstance(name, str) or not NAME.fullmatch(name.rpartition(":")[2]):
        raise PluginError(f"{plugin.name}: the alias {alias!r} stands for {name!r}; expected 'name' or 'plugin:name'.")
    if not isinstance(renamed, bool):
        raise PluginError(f"{plugin.name}: renamed of the alias {alias!r} is {renamed!r}; expected True or False.")
    return Alias(alias, name, renamed, plugin.name, plugin.distribution)


class Aliases:
    """The aliases beside the tables of real names."""

    def __init__(self, aliases: Iterable[Alias], tables: Sequence[Mapping[str, Sequence[Named]]]) -> None:
        self._aliases = by_name(aliases)
        self._tables = tables
        self._told: set[str] = set()

    def meaning(self, name: str, *, quiet: bool = True) -> str:
        """The real name that `name` stands for; `name` itself when it is real or nothing is called so.

        Unless `quiet`, a former name is said to be one, once. Raises DuplicateName for an alias of two plugins.
        """
        meaning, renamed = self._follow(name)
        if renamed and not quiet and name not in self._told:
            self._told.add(name)
            short = meaning.rpartition(":")[2]
            shown = short if self._real(short)[:1] == self._real(meaning)[:1] else meaning
            warnings.warn(f"{name!r} is now called {shown!r}. Use that name.", Renamed, stacklevel=outside())
        return meaning

    def faults(self) -> dict[str, PluginError]:
        """What is wrong with aliases, by the plugin that registered them: each must stand for something real."""
        found: dict[str, PluginError] = {}
        for alias in (alias for each in self._aliases.values() for alias in each):
            name = f"{alias.plugin}:{alias.name}"
            try:
                if self._real(name):
                    raise PluginError(f"{alias.plugin}: the alias {alias.name!r} is the name of something of its own.")
                if not self._real(self._follow(name)[0]):
                    hint = nearest(alias.target, (known for table in self._tables for known in table))
                    raise PluginError(
                        f"{alias.plugin}: the alias {alias.name!r} stands for {alias.target!r}, but no release or "
                        f"architecture is called so. {hint}"
                    )
            except PluginError as error:
                found.setdefault(alias.plugin, error)
            except DuplicateName:  # other plugins are to blame; whoever asks for it is told
                continue
        return found

    def _follow(self, name: str) -> tuple[str, bool]:
        """The real name at the end of a chain of aliases, and whether one of them is a former name."""
        seen: list[Alias] = []
        while not self._real(name) and (found := candidates(name, self._aliases)):
            alias = choose(name, found, "alias")
            if alias in seen:
                names = " → ".join(each.name for each in [*seen, alias])
                raise PluginError(f"{alias.plugin}: the aliases {names} stand for each other.")
            seen.append(alias)
            own = f"{alias.plugin}:{alias.target}"
            name = own if self._real(own) or candidates(own, self._aliases) else alias.target
        return name, any(alias.renamed for alias in seen)

    def _real(self, name: str) -> list[Named]:
        return [thing for table in self._tables for thing in candidates(name, table)]

"""Other names for releases and architectures: aliases, and the names that something had before it was renamed.

A real name is never hidden: an alias counts only where nothing is called so. What an alias stands for is a real name,
looked for in its own plugin first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zoo.errors import PluginError, Renamed, nearest, outside
from zoo.registry.entries import Alias
from zoo.registry.names import Named, by_name, candidates, choose


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
        if self._real(name) or not (found := candidates(name, self._aliases)):
            return name
        alias = choose(name, found, "alias")
        meaning = self._stands_for(alias)
        if alias.renamed and not quiet and name not in self._told:
            self._told.add(name)
            short = meaning.rpartition(":")[2]
            shown = short if self._real(short)[:1] == self._real(meaning)[:1] else meaning
            warnings.warn(f"{name!r} is now called {shown!r}. Use that name.", Renamed, stacklevel=outside())
        return meaning

    def faults(self) -> Iterator[tuple[Alias, PluginError]]:
        """Aliases that stand for nothing real, and what is wrong with them."""
        for alias in (alias for each in self._aliases.values() for alias in each):
            said = f"{alias.plugin}: the alias {alias.name!r}"
            if self._real(f"{alias.plugin}:{alias.name}"):
                yield alias, PluginError(f"{said} is the name of something of its own.")
            elif not self._real(self._stands_for(alias)):
                hint = nearest(alias.target, (known for table in self._tables for known in table))
                wrong = f"{said} stands for {alias.target!r}, but no release or architecture is called so. {hint}"
                yield alias, PluginError(wrong)

    def _stands_for(self, alias: Alias) -> str:
        own = f"{alias.plugin}:{alias.target}"
        return own if self._real(own) else alias.target

    def _real(self, name: str) -> list[Named]:
        return [thing for table in self._tables for thing in candidates(name, table)]

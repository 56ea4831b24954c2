"""What a name means among things of which several plugins may have one of that name.

`plugin:name` is the one of that plugin, and `zoo:name` zoo's own. A bare name is zoo's own where zoo has it, which
nothing can shadow, and else that of the only plugin that has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from zoo.errors import DuplicateName, UnknownName, nearest

BUILT_IN = "zoo"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TARGET = re.compile(r"[\w.]+:[\w.]+")


class Named(Protocol):
    """Something that a plugin of a package brought under a name."""

    @property
    def name(self) -> str: ...
    @property
    def plugin(self) -> str: ...
    @property
    def distribution(self) -> str: ...


Thing = TypeVar("Thing", bound=Named)


def qualified(thing: Named) -> str:
    """The name that reaches `thing` whatever else is installed."""
    return thing.name if thing.plugin == BUILT_IN else f"{thing.plugin}:{thing.name}"


def by_name(things: Iterable[Thing]) -> dict[str, list[Thing]]:
    """Things by bare name, in their order, which is that of the plugins: a built-in one comes first."""
    table: dict[str, list[Thing]] = {}
    for thing in things:
        table.setdefault(thing.name, []).append(thing)
    return table


def candidates(name: str, table: Mapping[str, Sequence[Thing]]) -> list[Thing]:
    """All that `name`, bare or `plugin:name`, may mean."""
    plugin, colon, bare = name.rpartition(":")
    return [thing for thing in table.get(bare, ()) if not colon or thing.plugin == plugin]


def choose(name: str, found: Sequence[Thing], what: str) -> Thing:
    """The one of `found`, of which there is at least one, that `name` means. Raises DuplicateName."""
    own = [thing for thing in found if thing.plugin == BUILT_IN]
    if len(found) > 1 and not own:
        owners = " and ".join(f"{thing.plugin} (package {thing.distribution})" for thing in found)
        spellings = " or ".join(f"'{qualified(thing)}'" for thing in found)
        raise DuplicateName(f"{what} {name!r} is registered by {owners}. Say which: {spellings}.")
    return (own or found)[0]


def pick(name: str, things: Iterable[Thing], what: str) -> Thing:
    """The one of `things` that `name` means. Raises UnknownName with the nearest names, or DuplicateName."""
    table = by_name(things)
    if found := candidates(name, table):
        return choose(name, found, what)
    known = [qualified(thing) for each in table.values() for thing in each]
    raise UnknownName(f"no {what} is called {name!r}. {nearest(name, known)}")

"""What a name means among things of which several plugins may have one of that name.

`plugin:name` is the one of that plugin, and `zoo:name` zoo's own. A bare name is zoo's own where zoo has it, which
nothing can shadow, and else that of the only plugin that has it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TypeVar

from zoo._util import kinds
from zoo._util.printable import brief
from zoo.errors import DuplicateName, UnknownName, nearest

BUILT_IN = "zoo"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TARGET = re.compile(r"[\w.]+:[\w.]+")
Name = str


@dataclass(frozen=True)
class Named:
    """Something that a plugin of a package brought under a name."""

    name: Name
    _: KW_ONLY
    plugin: str = BUILT_IN
    distribution: str = ""

    @property
    def qualified(self) -> str:
        """The name that reaches it whatever else is installed."""
        return self.name if self.plugin == BUILT_IN else f"{self.plugin}:{self.name}"


Thing = TypeVar("Thing", bound=Named)


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


def fits(name: str, pattern: str | None) -> bool:
    """Whether the glob `pattern` lets a name through, as None does any. Raises InvalidInput."""
    kinds.check((str, "a glob such as '*-celeba'"), pattern=pattern)
    return pattern is None or fnmatch.fnmatchcase(name, pattern)


def choose(name: str, found: Sequence[Thing], what: str) -> Thing:
    """The one of `found`, of which there is at least one, that `name` means. Raises DuplicateName."""
    own = [thing for thing in found if thing.plugin == BUILT_IN]
    if len(found) > 1 and not own:
        owners = " and ".join(f"{thing.plugin} (package {thing.distribution})" for thing in found)
        spellings = " or ".join(f"'{thing.qualified}'" for thing in found)
        raise DuplicateName(f"{what} {name!r} is registered by {owners}. Say which: {spellings}.")
    return (own or found)[0]


def pick(name: str, things: Iterable[Thing], what: str) -> Thing:
    """The one of `things` that `name` means. Raises UnknownName with the nearest names, or DuplicateName."""
    table = by_name(things)
    if found := candidates(name, table):
        return choose(name, found, what)
    known = [thing.qualified for each in table.values() for thing in each]
    raise UnknownName(f"no {what} is called {brief(name)}. {nearest(name, known)}")

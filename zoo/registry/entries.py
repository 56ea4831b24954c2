"""What plugins register: names with string targets, which are imported when used, folders of releases, and aliases.

What is malformed raises PluginError here; `Registry` looks whether names that are spoken of are there at all.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from zoo.errors import PluginError
from zoo.registry import names
from zoo.registry.names import BUILT_IN, NAME, TARGET
from zoo.registry.plugins import Plugin, resolve

CARD = "README.md"  # of a release folder
LIKELIHOODS = ("exact", "lower-bound", "estimate")
SOURCES = ("folder", "file", "none")

Name = str
Target = str
Checks = str
Meaning = str
Source = str
References = Mapping[str, str]


@dataclass(frozen=True)
class Column:
    """How the numbers of one `type` that a metric gives are shown.

    header: over their column in `zoo compare`; without one they have none. place: where it stands, the smallest first.
    lower_is_better: and not the highest. leading: whether releases are ranked by it, where they have it. headline:
    whether it stands in the table of `zoo list --markdown`. short: what `zoo list` calls it. space: the only one in
    which all this is so.
    """

    type: str
    header: str = ""
    place: int = 100
    lower_is_better: bool = False
    leading: bool = False
    headline: bool = False
    short: str = ""
    space: str | None = None


@dataclass(frozen=True)
class Entry:
    """A name and its target. checks: the target of a function of a model that gives what the contract suite checks of
    it, of a space, condition or capability. task: the Hub's name for what models of a space or with a condition do.
    source: what a data set reads, one of `SOURCES`. needs: the capabilities that a model must have for a metric, and
    its space; default: whether the metric is measured without being asked for; columns: how its numbers are shown;
    protocol, machine: names of the args without which two of them may not be compared, and of those that say on what
    machine a speed was measured; references: names of the args that hold the number of something else, and what that
    is."""

    name: Name
    target: Target
    checks: Checks = ""
    task: str | None = None
    source: Source = "folder"
    needs: frozenset[str] = frozenset()
    default: bool = True
    columns: tuple[Column, ...] = ()
    protocol: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    references: References = dataclasses.field(default_factory=dict, hash=False)
    summary: str = ""
    plugin: str = BUILT_IN
    distribution: str = ""

    @property
    def qualified(self) -> str:
        """The name that reaches this entry whatever else is installed."""
        return names.qualified(self)

    def resolve(self) -> Any:
        """Import the target. Raises PluginError when it is not there."""
        return resolve(self.target)


@dataclass(frozen=True)
class Architecture:
    """A builder under a name. `target` is "module:Class"; the rest says what a listing needs without importing it."""

    name: Name
    target: Target
    family: str
    capabilities: frozenset[str]
    condition: str | None = None
    space: str = "images"
    log_prob: str | None = None
    summary: str = ""
    paper: str = ""
    default: str | None = None
    plugin: str = BUILT_IN
    distribution: str = ""

    @property
    def qualified(self) -> str:
        """The name that reaches this architecture whatever else is installed."""
        return names.qualified(self)


@dataclass(frozen=True)
class Folder:
    """A release folder of a plugin, called as the release is."""

    name: str
    path: Path
    plugin: str = BUILT_IN
    distribution: str = ""


@dataclass(frozen=True)
class Alias:
    """Another name for what is called `target`; the one it had before if `renamed`."""

    name: Name
    target: Meaning
    renamed: bool = False
    plugin: str = BUILT_IN
    distribution: str = ""


Thing = TypeVar("Thing")


class Expected(NamedTuple):
    """What a field must be: in words, as a type, and what else must be true of it; and as what it is kept."""

    words: str
    kind: type | tuple[type, ...]
    fits: Callable[[Any], object] | None = None
    keep: Callable[[Any], Any] | None = None


def _names(values: Collection[Any]) -> bool:
    return not isinstance(values, str) and all(isinstance(value, str) for value in values)


def _columns(values: Collection[Any]) -> bool:
    return all(isinstance(value, Column) for value in values)


# What fields may be, by their annotations. Collections are no iterators, which could be read once only.
EXPECTED = {
    "str": Expected("a string", str),
    "str | None": Expected("a string or None", (str, type(None))),
    "bool": Expected("True or False", bool),
    "Name": Expected("letters, digits, dots and hyphens", str, NAME.fullmatch),
    "Target": Expected("the string 'module:Class' or 'module:function'", str, TARGET.fullmatch),
    "Checks": Expected("the string 'module:function'", str, lambda target: not target or TARGET.fullmatch(target)),
    "Meaning": Expected("'name' or 'plugin:name'", str, lambda name: NAME.fullmatch(name.rpartition(":")[2])),
    "Source": Expected(f"one of {', '.join(SOURCES)}", str, SOURCES.__contains__),
    "frozenset[str]": Expected("a list of names", Collection, _names, frozenset),
    "tuple[str, ...]": Expected("a list of names", Collection, _names, tuple),
    "tuple[Column, ...]": Expected("a list of zoo.plugin.Column", Collection, _columns, tuple),
    "References": Expected(
        "what each is, by its name",
        dict,
        lambda given: _names(given) and _names(given.values()),
        dict,
    ),
}


def _made(kind: Callable[..., Thing], plugin: Plugin, /, **fields: Any) -> Thing:
    """A thing of the plugin whose fields are what they must be. Raises PluginError."""
    for field, value in fields.items():
        words, types, fits, keep = EXPECTED[kind.__annotations__[field]]
        if not isinstance(value, types) or (fits and not fits(value)):
            raise PluginError(f"{plugin.name}: {field} of {fields['name']!r} is {value!r}; expected {words}.")
        if keep:
            fields[field] = keep(value)
    return kind(**fields, plugin=plugin.name, distribution=plugin.distribution)


def _row(plugin: Plugin, /, name: str, target: str, *, summary: str = "") -> Entry:
    return _made(Entry, plugin, name=name, target=target, summary=summary)


def _capability(plugin: Plugin, /, name: str, target: str, *, checks: str = "", summary: str = "") -> Entry:
    return _made(Entry, plugin, name=name, target=target, checks=checks, summary=summary)


def _tasked(
    plugin: Plugin, /, name: str, target: str, *, task: str | None = None, checks: str = "", summary: str = ""
) -> Entry:
    return _made(Entry, plugin, name=name, target=target, task=task, checks=checks, summary=summary)


def _dataset(plugin: Plugin, /, name: str, target: str, *, source: str = "folder", summary: str = "") -> Entry:
    return _made(Entry, plugin, name=name, target=target, source=source, summary=summary)


def _metric(
    plugin: Plugin,
    /,
    name: str,
    target: str,
    *,
    needs: Collection[str],
    summary: str = "",
    default: bool = True,
    columns: Sequence[Column] = (),
    protocol: Collection[str] = (),
    machine: Collection[str] = (),
    references: Mapping[str, str] | None = None,
) -> Entry:
    shown = {"columns": columns, "protocol": protocol, "machine": machine, "references": references or {}}
    return _made(Entry, plugin, name=name, target=target, needs=needs, summary=summary, default=default, **shown)


def _architecture(
    plugin: Plugin,
    /,
    name: str,
    target: str,
    *,
    family: str,
    capabilities: Collection[str],
    condition: str | None = None,
    space: str = "images",
    log_prob: str | None = None,
    summary: str = "",
    paper: str = "",
    default: str | None = None,
) -> Architecture:
    made = _made(
        Architecture,
        plugin,
        name=name,
        target=target,
        family=family,
        capabilities=capabilities,
        condition=condition,
        space=space,
        log_prob=log_prob,
        summary=summary,
        paper=paper,
        default=default,
    )
    if not capabilities or log_prob not in (LIKELIHOODS if "log_prob" in capabilities else (None,)):
        kinds = ", ".join(LIKELIHOODS)
        raise PluginError(
            f"{plugin.name}: {name!r} must have some capabilities, and log_prob= one of {kinds} if it can log_prob."
        )
    return made


def _folders(plugin: Plugin, /, folder: str | os.PathLike[str]) -> list[Folder]:
    path = Path(folder)
    if not path.is_absolute():
        raise PluginError(
            f"{plugin.name} registers the card folder '{path}', which depends on where zoo runs. Give an absolute one: "
            "Path(__file__).parent / 'cards'."
        )
    if not path.is_dir():
        raise PluginError(f"{plugin.name} registers the card folder {path}, which is not there. Is it in the package?")
    return [
        Folder(name, path / name, plugin.name, plugin.distribution)
        for name in sorted(os.listdir(path))
        # Also where the card is a link to nowhere: then it is a broken one, and told.
        if NAME.fullmatch(name) and os.path.lexists(os.path.join(path, name, CARD))
    ]


def _alias(plugin: Plugin, /, alias: str, name: str, *, renamed: bool = False) -> Alias:
    return _made(Alias, plugin, name=alias, target=name, renamed=renamed)


# What each hook's `register` makes of its arguments, and what `zoo plugins` calls it.
KINDS: dict[str, tuple[str, Callable[..., Any]]] = {
    "zoo_register_architectures": ("architectures", _architecture),
    "zoo_register_cards": ("releases", _folders),
    "zoo_register_aliases": ("aliases", _alias),
    "zoo_register_datasets": ("data sets", _dataset),
    "zoo_register_features": ("feature networks", _row),
    "zoo_register_metrics": ("metrics", _metric),
    "zoo_register_sources": ("weight sources", _row),
    "zoo_register_spaces": ("spaces", _tasked),
    "zoo_register_conditions": ("conditions", _tasked),
    "zoo_register_capabilities": ("capabilities", _capability),
}

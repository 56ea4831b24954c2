"""What plugins register: names with string targets, which are imported when used, folders of releases, and aliases.

What is malformed raises PluginError here; `Registry` looks whether names that are spoken of are there at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import PluginError
from zoo.registry import names
from zoo.registry.names import BUILT_IN, NAME, TARGET
from zoo.registry.plugins import Plugin, resolve

CARD = "README.md"  # of a release folder
LIKELIHOODS = ("exact", "lower-bound", "estimate")
SOURCES = ("folder", "file", "none")


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

    name: str
    target: str
    checks: str = ""
    task: str | None = None
    source: str = "folder"
    needs: frozenset[str] = frozenset()
    default: bool = True
    columns: tuple[Column, ...] = ()
    protocol: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
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

    name: str
    target: str
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

    name: str
    target: str
    renamed: bool = False
    plugin: str = BUILT_IN
    distribution: str = ""


def _plain(plugin: Plugin, /, name: str, target: str, *, summary: str = "", **fields: Any) -> Entry:
    _check(plugin, isinstance(name, str) and NAME.fullmatch(name), f"{name!r} is no name. {SPELLING}")
    _check_target(plugin, name, target, "name")
    return Entry(name, target, summary=summary, plugin=plugin.name, distribution=plugin.distribution, **fields)


def _row(plugin: Plugin, /, name: str, target: str, *, summary: str = "") -> Entry:
    return _plain(plugin, name, target, summary=summary)


def _checked(plugin: Plugin, /, name: str, target: str, *, checks: str = "", **fields: Any) -> Entry:
    if checks:
        _check_target(plugin, name, checks, "function")
    return _plain(plugin, name, target, checks=checks, **fields)


def _capability(plugin: Plugin, /, name: str, target: str, *, checks: str = "", summary: str = "") -> Entry:
    return _checked(plugin, name, target, checks=checks, summary=summary)


def _tasked(
    plugin: Plugin, /, name: str, target: str, *, task: str | None = None, checks: str = "", summary: str = ""
) -> Entry:
    _check(plugin, isinstance(task, (str, type(None))), f"task of {name!r} is {task!r}; expected the Hub's, or None.")
    return _checked(plugin, name, target, checks=checks, summary=summary, task=task)


def _dataset(plugin: Plugin, /, name: str, target: str, *, source: str = "folder", summary: str = "") -> Entry:
    _check(plugin, source in SOURCES, f"data set {name!r} has source {source!r}; expected one of {SOURCES}.")
    return _plain(plugin, name, target, summary=summary, source=source)


def _metric(
    plugin: Plugin,
    /,
    name: str,
    target: str,
    *,
    needs: Any,
    summary: str = "",
    default: bool = True,
    columns: Any = (),
    protocol: Any = (),
    machine: Any = (),
    references: Any = None,
) -> Entry:
    given = references or {}
    # No iterator, which could be read once only.
    for field, values in {"needs": needs, "has protocol": protocol, "has machine": machine}.items():
        fine = not isinstance(values, (str, Iterator)) and all(isinstance(value, str) for value in values)
        _check(plugin, fine, f"metric {name!r} {field} {values!r}; expected a list of names.")
    _check(plugin, isinstance(default, bool), f"metric {name!r} has default={default!r}; expected True or False.")
    fine = isinstance(columns, (list, tuple)) and all(isinstance(column, Column) for column in columns)
    _check(plugin, fine, f"metric {name!r} has columns {columns!r}; expected a list of zoo.plugin.Column.")
    fine = isinstance(given, dict) and all(isinstance(text, str) for pair in given.items() for text in pair)
    _check(plugin, fine, f"metric {name!r} has references {references!r}; expected what each is, by its name.")
    return _plain(
        plugin,
        name,
        target,
        summary=summary,
        needs=frozenset(needs),
        default=default,
        columns=tuple(columns),
        protocol=tuple(protocol),
        machine=tuple(machine),
        references=tuple(given.items()),
    )


def _architecture(
    plugin: Plugin,
    /,
    name: str,
    target: str,
    *,
    family: str,
    capabilities: Iterable[str],
    condition: str | None = None,
    space: str = "images",
    log_prob: str | None = None,
    summary: str = "",
    paper: str = "",
    default: str | None = None,
) -> Architecture:
    fine: object = isinstance(name, str) and NAME.fullmatch(name)
    _check(plugin, fine, f"{name!r} is no architecture's name. Use letters, digits and hyphens.")
    _check_target(plugin, name, target, "Class")
    # No iterator, which could be read once only.
    able = frozenset() if isinstance(capabilities, (str, Iterator)) else frozenset(capabilities)
    _check(plugin, able, f"capabilities of {name!r} must be a list of some names, such as generate.")
    fine = ("log_prob" in able) == (log_prob in LIKELIHOODS)
    _check(plugin, fine, f"{name!r} has log_prob= one of {', '.join(LIKELIHOODS)} if it can log_prob.")
    texts = {"family": family, "space": space, "summary": summary, "paper": paper, "default": default or ""}
    for field, text in texts.items():
        _check(plugin, isinstance(text, str), f"{field} of {name!r} is {text!r}; expected a string.")
    owner = plugin.name, plugin.distribution
    return Architecture(name, target, family, able, condition, space, log_prob, summary, paper, default, *owner)


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
    fine = isinstance(alias, str) and NAME.fullmatch(alias)
    _check(plugin, fine, f"{alias!r} is no name for an alias. {SPELLING}")
    fine = isinstance(name, str) and NAME.fullmatch(name.rpartition(":")[2])
    _check(plugin, fine, f"the alias {alias!r} stands for {name!r}; expected 'name' or 'plugin:name'.")
    _check(plugin, isinstance(renamed, bool), f"renamed of the alias {alias!r} is {renamed!r}; expected True or False.")
    return Alias(alias, name, renamed, plugin.name, plugin.distribution)


SPELLING = "Use letters, digits, dots and hyphens."

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


def _check(plugin: Plugin, fine: object, wrong: str) -> None:
    if not fine:
        raise PluginError(f"{plugin.name}: {wrong}")


def _check_target(plugin: Plugin, name: str, target: Any, what: str) -> None:
    fine = isinstance(target, str) and TARGET.fullmatch(target)
    _check(plugin, fine, f"target of {name!r} is {target!r}; expected the string 'module:{what}'.")

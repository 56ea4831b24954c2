"""What plugins add beside models: data sets, metrics and feature networks, as names with string targets.

Targets are imported when used. Built-ins cannot be shadowed; `plugin:name` reaches one of several.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from zoo.errors import PluginError
from zoo.registry import names
from zoo.registry.architectures import CAPABILITIES
from zoo.registry.names import BUILT_IN, NAME, TARGET, pick
from zoo.registry.plugins import Plugin, manager, resolve

SOURCES = ("folder", "file", "none")
KINDS = ("images", "vectors")  # what a model may be a model of

__all__ = ["Entry", "datasets", "feature_networks", "metrics", "pick", "weight_sources"]


@dataclass(frozen=True)
class Entry:
    """A name and its target. needs: the capabilities a model must have, or what it must be a model of; default: whether
    it is measured without being asked for (both of metrics only). source: what is read, one of `SOURCES` (data sets
    only)."""

    name: str
    target: str
    needs: frozenset[str] = frozenset()
    default: bool = True
    source: str = "folder"
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


def datasets() -> list[Entry]:
    """Every registered data set, built-ins first."""
    return manager().collect("zoo_register_datasets", _dataset)


def metrics() -> list[Entry]:
    """Every registered metric, built-ins first."""
    return manager().collect("zoo_register_metrics", _metric)


def feature_networks() -> list[Entry]:
    """Every registered feature network, built-ins first; timm's are not among them."""
    return manager().collect("zoo_register_features", _plain)


def weight_sources() -> list[Entry]:
    """Every registered weight source, in the order in which they are asked."""
    return manager().collect("zoo_register_sources", _plain)


def _dataset(plugin: Plugin, /, name: str, target: str, *, source: str = "folder", summary: str = "") -> Entry:
    if source not in SOURCES:
        raise PluginError(f"{plugin.name}: data set {name!r} has source {source!r}; expected one of {SOURCES}.")
    return replace(_plain(plugin, name, target, summary=summary), source=source)


def _metric(plugin: Plugin, /, name: str, target: str, *, needs: Any, summary: str = "", default: bool = True) -> Entry:
    entry, known = _plain(plugin, name, target, summary=summary), (*CAPABILITIES, *KINDS)
    # No iterator, which could be read once only.
    if isinstance(needs, (str, Iterator)) or not set(needs) <= set(known):
        raise PluginError(f"{plugin.name}: metric {name!r} needs {needs!r}; expected some of {known}.")
    if not isinstance(default, bool):
        raise PluginError(f"{plugin.name}: metric {name!r} has default={default!r}; expected True or False.")
    return replace(entry, needs=frozenset(needs), default=default)


def _plain(plugin: Plugin, /, name: str, target: str, *, summary: str = "") -> Entry:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PluginError(f"{plugin.name}: {name!r} is no name. Use letters, digits, dots and hyphens.")
    if not isinstance(target, str) or not TARGET.fullmatch(target):
        raise PluginError(f"{plugin.name}: target of {name!r} is {target!r}; expected the string 'module:name'.")
    return Entry(name, target, summary=summary, plugin=plugin.name, distribution=plugin.distribution)

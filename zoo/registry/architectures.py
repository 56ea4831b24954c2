"""Architectures: builders under names, as plugins register them. Nothing here imports a model, nor torch, by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from zoo.errors import PluginError
from zoo.registry import names, plugins
from zoo.registry.names import BUILT_IN, NAME, TARGET

CAPABILITIES = ("generate", "encode", "decode", "log_prob", "translate", "classify")
CONDITIONS = ("label", "text", "image")
LIKELIHOODS = ("exact", "lower-bound", "estimate")


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A builder under a name. `target` is "module:Class"; the rest says what a listing needs without importing it."""

    name: str
    target: str
    family: str
    capabilities: frozenset[str]
    condition: str | None = None
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


def checked(
    plugin: plugins.Plugin,
    /,
    name: str,
    target: str,
    *,
    family: str,
    capabilities: Iterable[str],
    condition: str | None = None,
    log_prob: str | None = None,
    summary: str = "",
    paper: str = "",
    default: str | None = None,
) -> Architecture:
    """The architecture that `plugin` registers. Raises PluginError for whatever is malformed."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PluginError(f"{plugin.name}: {name!r} is no architecture's name. Use letters, digits and hyphens.")
    if not isinstance(target, str) or not TARGET.fullmatch(target):
        raise PluginError(f"{plugin.name}: target of {name!r} is {target!r}; expected the string 'module:Class'.")
    # No iterator, which could be read once only.
    able = frozenset() if isinstance(capabilities, (str, Iterator)) else frozenset(capabilities)
    if not able or not able <= set(CAPABILITIES):
        raise PluginError(f"{plugin.name}: capabilities of {name!r} must be some of {', '.join(CAPABILITIES)}.")
    if condition not in (None, *CONDITIONS):
        raise PluginError(f"{plugin.name}: condition of {name!r} must be None or one of {', '.join(CONDITIONS)}.")
    if ("log_prob" in able) != (log_prob in LIKELIHOODS):
        raise PluginError(f"{plugin.name}: {name!r} has log_prob= one of {', '.join(LIKELIHOODS)} if it can log_prob.")
    texts = {"family": family, "summary": summary, "paper": paper, "default": default or ""}
    for field, text in texts.items():
        if not isinstance(text, str):
            raise PluginError(f"{plugin.name}: {field} of {name!r} is {text!r}; expected a string.")
    owner = plugin.name, plugin.distribution
    return Architecture(name, target, family, able, condition, log_prob, summary, paper, default, *owner)

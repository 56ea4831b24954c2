"""What plugins register: names with string targets, which are imported when used, folders of releases, and aliases.

How a class is made is how `register` of its hook is called, and what its fields mean is told there (`hookspecs`). What
is malformed raises PluginError; `Registry` looks whether names that are spoken of are there at all.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import Outdated, PluginError
from zoo.registry.names import NAME, TARGET, Named
from zoo.registry.plugins import Plugin, resolve

CARD = "README.md"  # of a release folder
LIKELIHOODS = ("exact", "lower-bound", "estimate")
SOURCES = ("folder", "file", "path", "none", "memory")

Target = str
Checks = str
Meaning = str
Source = str
References = Mapping[str, str]


@dataclass(frozen=True)
class Column:
    """How the numbers of one `type` that a metric gives are shown."""

    type: str
    header: str = ""  # over their column in `zoo compare`; without one they have none
    place: int = 100  # where it stands, the smallest first
    lower_is_better: bool = False  # and not the highest
    leading: bool = False  # whether releases are ranked by it, where they have it
    headline: bool = False  # whether it stands in the table of `zoo list --markdown`
    short: str = ""  # what `zoo list` calls it
    space: str | None = None  # the only one in which all this is so
    by: str = ""  # the type by which releases must be ranked for it to be shown; without one it always is
    arg: str = ""  # of the record, which is shown in place of its value

    @property
    def key(self) -> str:
        """What no other column of a table has."""
        return f"{self.type} {self.arg}" if self.arg else self.type


@dataclass(frozen=True)
class Registered(Named):
    """Something under a name, and whose it is. Raises PluginError where a field is not what it must be."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, (words, types, fits, keep) = getattr(self, field.name), EXPECTED[field.type]
            if not isinstance(value, types) or (fits and not fits(value)):
                raise PluginError(f"{self.plugin}: {field.name} of {self.name!r} is {value!r}; expected {words}.")
            if keep:
                vars(self)[field.name] = keep(value)


@dataclass(frozen=True)
class Entry(Registered):
    """A name and its target: a weight source or a feature network, and what the others begin with."""

    target: Target
    _: KW_ONLY
    summary: str = ""

    def resolve(self) -> Any:
        """Import the target. Raises PluginError when it is not there."""
        return resolve(self.target)


@dataclass(frozen=True)
class Checked(Entry):
    """A capability, or anything else that has checks in the contract suite."""

    _: KW_ONLY
    checks: Checks = ""


@dataclass(frozen=True)
class Tasked(Checked):
    """A space or a condition."""

    _: KW_ONLY
    task: str | None = None


@dataclass(frozen=True)
class DataSet(Entry):
    """A data set, and patterns of files by which a folder is known to be one of it, and not of images of one's own;
    what counts the samples, of which then a tenth is held out."""

    _: KW_ONLY
    source: Source = "folder"
    files: tuple[str, ...] = ()
    count: Checks = ""


@dataclass(frozen=True)
class Metric(Entry):
    """A metric, how its numbers are shown and by what they may be compared."""

    _: KW_ONLY
    needs: frozenset[str]
    default: bool = True
    columns: tuple[Column, ...] = ()
    protocol: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    references: References | None = dataclasses.field(default=None, hash=False)


@dataclass(frozen=True)
class Architecture(Entry):
    """A builder, "module:Class"; the rest says what a listing needs without importing it."""

    _: KW_ONLY
    family: str
    capabilities: frozenset[str]
    condition: str | None = None
    space: str = "images"
    log_prob: str | None = None
    paper: str = ""
    default: str | None = None
    presets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.capabilities or self.log_prob not in (LIKELIHOODS if "log_prob" in self.capabilities else (None,)):
            wrong = f"{self.plugin}: {self.name!r} must have some capabilities"
            raise PluginError(f"{wrong}, and log_prob= one of {', '.join(LIKELIHOODS)} if it can log_prob.")


@dataclass(frozen=True)
class Alias(Registered):
    """Another name for what is called `target`."""

    target: Meaning
    _: KW_ONLY
    renamed: bool = False


@dataclass(frozen=True)
class Folder(Registered):
    """A release folder, called as the release is."""

    path: Path


class Expected(NamedTuple):
    """What a field must be: in words, as a type, and what else must be true of it; and as what it is kept."""

    words: str
    kind: type | tuple[type, ...]
    fits: Callable[[Any], object] | None = None
    keep: Callable[[Any], Any] | None = None


def _each(kind: type) -> Callable[[Collection[Any]], bool]:
    return lambda values: not isinstance(values, str) and all(isinstance(value, kind) for value in values)


# What fields may be, by their annotations. Collections are no iterators, which could be read once only.
EXPECTED: dict[Any, Expected] = {
    "str": Expected("a string", str),
    "str | None": Expected("a string or None", (str, type(None))),
    "bool": Expected("True or False", bool),
    "Path": Expected("a path", Path),
    "Name": Expected("letters, digits, dots and hyphens", str, NAME.fullmatch),
    "Target": Expected("the string 'module:Class' or 'module:function'", str, TARGET.fullmatch),
    "Checks": Expected("the string 'module:function'", str, lambda target: not target or TARGET.fullmatch(target)),
    "Meaning": Expected("'name' or 'plugin:name'", str, lambda name: NAME.fullmatch(name.rpartition(":")[2])),
    "Source": Expected(f"one of {', '.join(SOURCES)}", str, SOURCES.__contains__),
    "frozenset[str]": Expected("a list of names", Collection, _each(str), frozenset),
    "tuple[str, ...]": Expected("a list of names", Collection, _each(str), tuple),
    "tuple[Column, ...]": Expected("a list of zoo.plugin.Column", Collection, _each(Column), tuple),
    "References | None": Expected(
        "what each is, by name", (dict, type(None)), lambda given: not given or _each(str)([*given, *given.values()])
    ),
}


def _folders(folder: str | os.PathLike[str], **owner: str) -> list[Folder]:
    path, who = Path(folder), owner["plugin"]
    if not path.is_absolute():
        wrong = f"{who} registers the card folder '{path}', which depends on where zoo runs."
        raise PluginError(f"{wrong} Give an absolute one: Path(__file__).parent / 'cards'.")
    if not path.is_dir():
        raise PluginError(f"{who} registers the card folder {path}, which is not there. Is it in the package?")
    # Also where the card is a link to nowhere: then it is a broken one, and told.
    found = (name for name in sorted(os.listdir(path)) if os.path.lexists(os.path.join(path, name, CARD)))
    return [Folder(name, path / name, **owner) for name in found if NAME.fullmatch(name)]


# What each hook's `register` makes of its arguments, and what `zoo plugins` calls it.
KINDS: dict[str, tuple[str, Callable[..., Any]]] = {
    "zoo_register_architectures": ("architectures", Architecture),
    "zoo_register_cards": ("releases", _folders),
    "zoo_register_aliases": ("aliases", Alias),
    "zoo_register_datasets": ("data sets", DataSet),
    "zoo_register_features": ("feature networks", Entry),
    "zoo_register_loggers": ("loggers", Entry),
    "zoo_register_metrics": ("metrics", Metric),
    "zoo_register_sources": ("weight sources", Entry),
    "zoo_register_spaces": ("spaces", Tasked),
    "zoo_register_conditions": ("conditions", Tasked),
    "zoo_register_capabilities": ("capabilities", Checked),
    "zoo_register_widgets": ("widgets", Entry),
}


@functools.cache
def signature(make: Callable[..., Any]) -> inspect.Signature:
    """How `register` is called for what `make` makes: as `make` is, which is told besides whose it is."""
    declared = inspect.signature(make).parameters.values()
    parameters = sorted(declared, key=lambda each: (each.kind, each.default is not each.empty))  # what is needed first
    return inspect.Signature([each for each in parameters if each.name not in ("plugin", "distribution", "owner")])


def made(plugin: Plugin, hook: str, /, *args: Any, **kwargs: Any) -> list[Any]:
    """The plugin's things that `register` of a hook makes of its arguments. Raises PluginError."""
    make = KINDS[hook][1]
    try:
        signature(make).bind(*args, **kwargs)
    except TypeError as mismatch:
        # An unexpected keyword may be one that a later zoo knows.
        kind = Outdated if "unexpected keyword" in str(mismatch) else PluginError
        raise kind(f"{plugin.name} calls register of {hook} wrongly: {mismatch}.") from mismatch
    things = make(*args, **kwargs, plugin=plugin.name, distribution=plugin.package.name)
    return things if isinstance(things, list) else [things]

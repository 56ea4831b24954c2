"""Names: which architectures and releases exist, and what a name given to `zoo.load` means.

    "dcgan-celeba"          a release                    "plugin:name"   the one that this plugin brings
    "realnvp"               an architecture's default    "./folder"      a release folder
    "hf:org/repo@revision"  a release folder on the Hub

Nothing here imports torch: architectures carry string targets, releases are folders.
"""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import functools
import itertools
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo._util.once import Once
from zoo.errors import (
    CardError,
    DuplicateName,
    InvalidInput,
    PluginError,
    UnknownArchitecture,
    UnknownName,
    WeightsNotFound,
    nearest,
)
from zoo.hub import download as hub
from zoo.registry import aliases, architectures, plugins
from zoo.registry import entries as registered
from zoo.registry.architectures import CAPABILITIES, CONDITIONS
from zoo.registry.architectures import Architecture as Architecture  # what `find_architecture` returns belongs here too
from zoo.registry.names import BUILT_IN, NAME, Named, by_name, candidates, choose, qualified
from zoo.releases.cards import CARD, WEIGHTS, Card
from zoo.releases.index import Index, Outline

_PASTED = re.compile(r"^(hf:|https?://[^/]+/)", re.IGNORECASE)  # what people write before org/repo


@dataclasses.dataclass(frozen=True)
class Release:
    """An architecture with weights: a folder whose README.md is the card. `origin` is where on the Hub the folder
    came from, for one that did, with a commit for revision."""

    name: str
    folder: Path
    plugin: str = BUILT_IN
    distribution: str = ""
    origin: hub.Address | None = None

    @functools.cached_property
    def card(self) -> Card:
        """The card, read and validated at first use. Raises CardError."""
        return Card.read(self.folder)

    @functools.cached_property
    def outline(self) -> Outline:
        """What listings show of the card, which need not be read for it each time. Raises CardError."""
        return Outline.of(self.card) if "card" in vars(self) else registry().cards.read(self.folder)

    @functools.cached_property
    def architecture(self) -> Architecture:
        """The architecture that the card names. Raises UnknownArchitecture when it is not registered."""
        name = self._outline.architecture
        try:
            return find_architecture(name, quiet=True)
        except UnknownName as error:
            raise UnknownArchitecture(f"{self.folder / CARD}: {error}") from error
        except DuplicateName:
            # Whoever wrote the card meant their own.
            if not candidates(own := f"{self.plugin}:{name}", registry().architectures):
                raise
            return find_architecture(own)

    @property
    def address(self) -> hub.Address | None:
        """Where its files are on the Hub: its origin, or what its card pins; None when neither is there."""
        repo, revision = self._outline.repo, self._outline.revision
        if self.origin is not None or repo is None or revision is None:
            return self.origin
        return hub.Address(repo, revision)

    @property
    def _outline(self) -> Outline:
        """The outline, for which no index is opened unless many were looked at."""
        return self.outline if "outline" in vars(self) else Outline.of(self.card)


class Registry:
    """All that plugins registered: architectures and releases of this process by name, and their aliases."""

    def __init__(self, manager: plugins.Manager) -> None:
        self.manager = manager
        # All that plugins register is looked at here, so that one with anything malformed is set aside whole.
        found: dict[str, list[Any]] = {
            "architectures": manager.collect("zoo_register_architectures", architectures.checked),
            "releases": list(itertools.chain.from_iterable(manager.collect("zoo_register_cards", _releases))),
            "aliases": manager.collect("zoo_register_aliases", aliases.checked),
            "data sets": registered.datasets(),
            "feature networks": registered.feature_networks(),
            "metrics": registered.metrics(),
            "weight sources": registered.weight_sources(),
        }
        self._refuse_twice(found)
        while True:
            # Whatever a plugin registered before it failed goes with it.
            self._owners = {plugin.name: plugin for plugin in reversed(manager.plugins) if not plugin.error}
            for what, things in found.items():
                found[what] = [thing for thing in things if thing.plugin in self._owners]
            self.architectures: dict[str, list[Architecture]] = by_name(found["architectures"])
            self.releases: dict[str, list[Release]] = by_name(found["releases"])
            self.aliases = aliases.Aliases(found["aliases"], (self.releases, self.architectures))
            faults = self.aliases.faults()
            if not faults:
                break
            for owner, error in faults.items():
                self._owners[owner].quarantine(error)
        for plugin in manager.plugins:
            plugin.adds = {what: names for what, names in plugin.adds.items() if what == "commands"}
        for what, things in found.items():
            for thing in things:
                self._owners[thing.plugin].adds.setdefault(what, []).append(thing.name)

    def _refuse_twice(self, found: Mapping[str, Sequence[Named]]) -> None:
        """Set aside the plugins that registered two things of one kind under one name."""
        owners = {plugin.name: plugin for plugin in reversed(self.manager.plugins) if not plugin.error}
        for what, things in found.items():
            count = collections.Counter((thing.plugin, thing.name) for thing in things if thing.plugin in owners)
            twice = sorted(key for key, number in count.items() if number > 1)
            for owner, pairs in itertools.groupby(twice, key=lambda key: key[0]):
                if not owners[owner].error:
                    names = ", ".join(name for _, name in pairs)
                    owners[owner].quarantine(PluginError(f"{owner} has {what} of one name: {names}."))

    @functools.cached_property
    def cards(self) -> Index:
        """What was noted of cards on this machine."""
        return Index()

    def find_fault(self, release: Release, error: Exception) -> None:
        """Note why a release cannot be loaded, where `zoo plugins` shows it."""
        self._owners[release.plugin].find_fault(release.name, error)


@Once
def registry() -> Registry:
    """The one registry of this process, made at first use."""
    return Registry(plugins.manager())


def find(name: str | os.PathLike[str], *, offline: bool | None = None) -> Release:
    """The release that `name` means. For an address on the Hub its card is downloaded, unless it is cached.

    Raises UnknownName with the nearest names, DuplicateName when two plugins have it, InvalidInput when it is neither
    a name nor a path, WeightsNotFound for a folder that is not there, and what `sources.fetch` raises for an address.
    """
    if isinstance(name, os.PathLike) or (isinstance(name, str) and name.startswith((".", "/", "~"))):
        return _release_folder(Path(os.path.expanduser(name)))
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no name. Pass a string such as 'dcgan-celeba', or a path such as './folder'.")
    if name.startswith(hub.PREFIX):
        return _hub_release(hub.Address.parse(name), hub.is_offline(offline))
    if "/" in name or "\\" in name:
        repo = _PASTED.sub("", name)
        meant = [f"the folder './{name}'"] if repo == name else []
        meant += [f"the Hub's '{hub.PREFIX}{repo}'"] if hub.REPOSITORY.fullmatch(repo) else []
        raise UnknownName(
            f"{name!r} is no release. "
            + (f"Did you mean {' or '.join(meant)}?" if meant else "On the Hub, it is hf:org/repo@revision.")
        )
    known = registry()
    name = known.aliases.meaning(name, quiet=False)
    if releases := candidates(name, known.releases):
        return choose(name, releases, "release")
    if builders := candidates(name, known.architectures):
        return _default_release(name, choose(name, builders, "architecture"))
    hint = nearest(name, [*list_releases(), *known.architectures])
    raise UnknownName(f"no release or architecture is called {name!r}. {hint}{_broken()}")


def spelling(release: Release) -> str | None:
    """What `find` takes for the release on any machine with the same plugins: its name; None when it is not registered,
    but was found by its path or on the Hub."""
    known = registry().releases
    for name in (release.name, f"{release.plugin}:{release.name}"):
        if release.origin is None and candidates(name, known)[:1] == [release]:
            return name
    return None


def find_architecture(name: str, *, quiet: bool = False) -> Architecture:
    """The architecture called `name`. quiet: say nothing about a former name, which a file may well hold. Raises
    UnknownName or DuplicateName."""
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no architecture's name. Pass a string such as 'dcgan'.")
    known = registry()
    found = candidates(known.aliases.meaning(name, quiet=quiet), known.architectures)
    if not found:
        raise UnknownName(f"no architecture is called {name!r}. {nearest(name, known.architectures)}{_broken()}")
    return choose(name, found, "architecture")


def architecture_of(cls: type) -> Architecture:
    """The registered architecture whose target is `cls`. Raises UnknownArchitecture."""
    for entries in registry().architectures.values():
        for entry in entries:
            # A class may be registered by a module that only re-exports it. Nothing is imported to find out: the class
            # is at hand, and so is every module it could be registered by in earnest.
            module, _, name = entry.target.partition(":")
            if getattr(sys.modules.get(module), name, None) is cls:
                return entry
    raise UnknownArchitecture(
        f"{cls.__module__}:{cls.__qualname__} is not registered, so a file naming it could not be loaded. "
        "Register it with zoo_register_architectures."
    )


def describe(name: str | os.PathLike[str]) -> Release | Architecture:
    """What `name` means without loading it: a release, or an architecture whose default release is not there."""
    known = registry()
    if isinstance(name, str):
        name = known.aliases.meaning(name, quiet=False)
        builders = candidates(name, known.architectures)
        if builders and not candidates(name, known.releases):
            architecture = choose(name, builders, "architecture")
            if _default(architecture) is None:
                return architecture
    return find(name)


def list_architectures() -> list[Architecture]:
    """All architectures, sorted by name."""
    return sorted((a for entries in registry().architectures.values() for a in entries), key=lambda a: a.qualified)


def list_releases(
    pattern: str | None = None,
    *,
    family: str | None = None,
    capability: str | None = None,
    dataset: str | None = None,
    license: str | None = None,
    condition: str | None = None,
) -> list[str]:
    """Names of releases, sorted; see `zoo.list_models`. Releases whose card is broken are left out; they and those
    without weights are reported by `zoo plugins`."""
    if capability is not None and capability not in CAPABILITIES:
        raise InvalidInput(f"capability={capability!r} is unknown. {nearest(str(capability), CAPABILITIES)}")
    if condition is not None and condition not in CONDITIONS:
        raise InvalidInput(f"condition={condition!r} is unknown. {nearest(str(condition), CONDITIONS)}")
    if pattern is not None and not isinstance(pattern, str):
        raise InvalidInput(f"pattern={pattern!r}; expected a glob such as '*-celeba'.")
    names = []
    for name, entries in registry().releases.items():
        for release in entries:
            alone = len(entries) == 1 or (release is entries[0] and release.plugin == BUILT_IN)
            shown = name if alone else f"{release.plugin}:{name}"
            spellings = (name, f"{release.plugin}:{name}")
            if pattern is not None and not any(fnmatch.fnmatchcase(spelling, pattern) for spelling in spellings):
                continue
            try:
                outline, architecture = release.outline, release.architecture
            except (CardError, UnknownArchitecture, DuplicateName) as error:
                registry().find_fault(release, error)
                continue
            if release.address is None and not os.path.isfile(os.path.join(release.folder, WEIGHTS)):
                registry().find_fault(release, _weightless(release))
            if (
                (family is None or architecture.family == family)
                and (capability is None or capability in architecture.capabilities)
                and (condition is None or architecture.condition == condition)
                and (dataset is None or outline.dataset == dataset)
                and (license is None or license in (outline.license, outline.license_name))
            ):
                names.append(shown)
    registry().cards.save()
    return sorted(names)


def releases_with(capability: str) -> list[str]:
    """Names of releases that have `capability`."""
    return list_releases(capability=capability)


def _releases(plugin: plugins.Plugin, /, folder: str | os.PathLike[str]) -> list[Release]:
    path = Path(folder)
    if not path.is_absolute():
        raise PluginError(
            f"{plugin.name} registers the card folder '{path}', which depends on where zoo runs. Give an absolute one: "
            "Path(__file__).parent / 'cards'."
        )
    if not path.is_dir():
        raise PluginError(f"{plugin.name} registers the card folder {path}, which is not there. Is it in the package?")
    return [
        Release(name, path / name, plugin.name, plugin.distribution)
        for name in sorted(os.listdir(path))
        # Also where the card is a link to nowhere: then it is a broken one, and told.
        if NAME.fullmatch(name) and os.path.lexists(os.path.join(path, name, CARD))
    ]


def _weightless(release: Release) -> WeightsNotFound:
    return WeightsNotFound(
        f"there is no {WEIGHTS} in {release.folder}, and the card names no repository and revision to fetch it from. "
        f"zoo train {qualified(release)} --data DIR makes it."
    )


def _default(architecture: Architecture) -> Release | None:
    """The default release of an architecture, if it is installed; its own plugin's before others of that name."""
    known = registry()
    for default in (f"{architecture.plugin}:{architecture.default}", architecture.default):
        if default and (found := candidates(name := known.aliases.meaning(default), known.releases)):
            return choose(name, found, "release")
    return None


def _default_release(name: str, architecture: Architecture) -> Release:
    """The release that the bare name of an architecture loads. Raises UnknownName when there is none."""
    if (release := _default(architecture)) is not None:
        return release
    lacks = f"its default release {architecture.default!r} is not installed"
    raise UnknownName(
        f"{name!r} is an architecture{f', but {lacks}' if architecture.default else ' without a default release'}. "
        f"zoo.create({name!r}) builds it untrained; zoo.list_models() names the releases."
    )


def _broken() -> str:
    """A hint for when a name is not found: perhaps a plugin that failed would have brought it."""
    names = sorted({plugin.name for plugin in registry().manager.plugins if plugin.error})
    return f" Plugins that failed to load: {', '.join(names)}; see zoo plugins." if names else ""


def _release_folder(folder: Path) -> Release:
    if not (folder / CARD).is_file():
        what = "has no README.md" if folder.is_dir() else "is not a folder"
        raise WeightsNotFound(
            f"{folder} {what}; expected a release folder with README.md and model.safetensors, as zoo train writes it."
        )
    return Release(folder.resolve().name, folder)


def _hub_release(address: hub.Address, offline: bool) -> Release:
    from zoo.hub import sources  # which imports this module

    address = hub.resolve(address, offline=offline)
    name = str(address)
    found = sources.fetch(name, address, CARD, offline=offline)
    release = Release(name, found.path.parent, origin=address)
    try:
        release.card  # noqa: B018 - read here, where the repository can be named
    except CardError as error:
        raise CardError(
            f"{name} holds no release of zoo: {error} "
            + (
                found.cure
                or "Name another repository; if this one was damaged on the way, remove it: zoo cache rm " + name
            )
        ) from error
    return release

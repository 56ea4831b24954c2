"""Names: which architectures and releases exist, and what a name given to `zoo.load` means.

    "dcgan-celeba"          a release                    "plugin:name"   the one that this plugin brings
    "realnvp"               an architecture's default    "./folder"      a release folder
    "hf:org/repo@revision"  a release folder on the Hub

Nothing here imports torch: architectures carry string targets, releases are folders.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zoo import hub, plugins
from zoo.cards import CARD, Card
from zoo.config import configured
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

if TYPE_CHECKING:
    from zoo.model import Model

CAPABILITIES = ("generate", "encode", "decode", "log_prob")
CONDITIONS = ("label", "text", "image")
LIKELIHOODS = ("exact", "lower-bound", "estimate")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TARGET = re.compile(r"[\w.]+:[\w.]+")
_PASTED = re.compile(r"^(hf:|https?://[^/]+/)", re.IGNORECASE)  # what people write before org/repo


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
    plugin: str = plugins.BUILT_IN
    distribution: str = ""

    @property
    def qualified(self) -> str:
        """The name that reaches this architecture whatever else is installed."""
        return self.name if self.plugin == plugins.BUILT_IN else f"{self.plugin}:{self.name}"

    def resolve(self) -> type[Model]:
        """Import the class. Raises PluginError when the target is not there or is no model."""
        from zoo.model import Model

        cls = plugins.resolve(self.target)
        if not isinstance(cls, type) or not issubclass(cls, Model) or not hasattr(cls, "config_class"):
            raise PluginError(
                f"the target {self.target!r} of {self.qualified} is no model; expected a subclass of zoo.Model with a "
                "config_class. Ask the plugin's author."
            )
        return cls

    def configure(self, fields: dict[str, Any]) -> Any:
        """The class's frozen Config from plain values. Raises ConfigError for an unknown field or a bad value."""
        return configured(self.resolve().config_class, fields, f"config of {self.name}")

    def create(self, fields: dict[str, Any]) -> Model:
        """A new model, randomly initialised."""
        import torch

        from zoo.model import Provenance

        config = self.configure(fields)
        # Parameters made in the caller's inference mode could never take part in autograd.
        with torch.inference_mode(False):
            model = self.resolve()(config)
        model.provenance = Provenance(self.qualified, dataclasses.asdict(config))
        return model


@dataclasses.dataclass(frozen=True)
class Release:
    """An architecture with weights: a folder whose README.md is the card. `origin` is where on the Hub the folder
    came from, for one that did, with a commit for revision."""

    name: str
    folder: Path
    plugin: str = plugins.BUILT_IN
    distribution: str = ""
    origin: hub.Address | None = None

    @functools.cached_property
    def card(self) -> Card:
        """The card, read and validated at first use. Raises CardError."""
        return Card.read(self.folder)

    @functools.cached_property
    def architecture(self) -> Architecture:
        """The architecture that the card names. Raises UnknownArchitecture when it is not registered."""
        try:
            return find_architecture(self.card.architecture)
        except UnknownName as error:
            raise UnknownArchitecture(f"{self.folder / 'README.md'}: {error}") from error

    @property
    def address(self) -> hub.Address | None:
        """Where its files are on the Hub: its origin, or what its card pins; None when neither is there."""
        repo, revision = self.card.weights.get("repo"), self.card.weights.get("revision")
        if self.origin is not None or repo is None or revision is None:
            return self.origin
        return hub.Address(repo, revision)


Named = TypeVar("Named", Architecture, Release)


class Registry:
    """All architectures and releases of this process, by name."""

    def __init__(self, manager: plugins.Manager) -> None:
        self.manager = manager
        for plugin in manager.plugins:
            plugin.adds |= {} if plugin.error else {"architectures": [], "releases": []}
        from zoo import registered  # which imports this module

        # All that plugins register is looked at here, so that one with anything malformed is set aside whole.
        for look in (
            registered.datasets,
            registered.metrics,
            registered.feature_networks,
            registered.weight_sources,
        ):
            look()
        architectures = manager.collect("zoo_register_architectures", _architecture)
        folders = manager.collect("zoo_register_cards", _folder)
        releases = [release for plugin, folder in folders for release in _releases(plugin, folder)]
        for plugin in manager.plugins:
            for what, names in plugin.adds.items():
                if twice := {name for name in names if names.count(name) > 1}:
                    plugin.quarantine(PluginError(f"{plugin.name} has {what} of one name: {', '.join(sorted(twice))}."))
        # Whatever a plugin registered before it failed goes with it.
        working = {plugin.name for plugin in manager.plugins if not plugin.error}
        self.architectures: dict[str, list[Architecture]] = _by_name(a for a in architectures if a.plugin in working)
        self.releases: dict[str, list[Release]] = _by_name(r for r in releases if r.plugin in working)


@functools.cache
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
    if _candidates(name, known.releases):
        return _pick(name, known.releases, "release")
    if _candidates(name, known.architectures):
        return _default_release(name, _pick(name, known.architectures, "architecture"))
    hint = nearest(name, [*list_releases(), *known.architectures])
    raise UnknownName(f"no release or architecture is called {name!r}. {hint}{_broken()}")


def spelling(release: Release) -> str | None:
    """What `find` takes for the release on any machine with the same plugins: its name; None when it is not registered,
    but was found by its path or on the Hub."""
    known = registry().releases
    for name in (release.name, f"{release.plugin}:{release.name}"):
        if release.origin is None and _candidates(name, known)[:1] == [release]:
            return name
    return None


def find_architecture(name: str) -> Architecture:
    """The architecture called `name`. Raises UnknownName or DuplicateName."""
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no architecture's name. Pass a string such as 'dcgan'.")
    known = registry().architectures
    if not _candidates(name, known):
        raise UnknownName(f"no architecture is called {name!r}. {nearest(name, known)}{_broken()}")
    return _pick(name, known, "architecture")


def architecture_of(cls: type[Model]) -> Architecture:
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
    if isinstance(name, str) and not _candidates(name, known.releases) and _candidates(name, known.architectures):
        architecture = _pick(name, known.architectures, "architecture")
        if architecture.default is None or not _candidates(architecture.default, known.releases):
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
    """Names of releases, sorted; see `zoo.list_models`. Releases whose card is broken are left out and reported as
    such by `zoo plugins`."""
    if capability is not None and capability not in CAPABILITIES:
        raise InvalidInput(f"capability={capability!r} is unknown. {nearest(str(capability), CAPABILITIES)}")
    if condition is not None and condition not in CONDITIONS:
        raise InvalidInput(f"condition={condition!r} is unknown. {nearest(str(condition), CONDITIONS)}")
    if pattern is not None and not isinstance(pattern, str):
        raise InvalidInput(f"pattern={pattern!r}; expected a glob such as '*-celeba'.")
    names = []
    for name, entries in registry().releases.items():
        for release in entries:
            alone = len(entries) == 1 or (release is entries[0] and release.plugin == plugins.BUILT_IN)
            shown = name if alone else f"{release.plugin}:{name}"
            if pattern is not None and not (fnmatch.fnmatchcase(shown, pattern) or fnmatch.fnmatchcase(name, pattern)):
                continue
            try:
                card, architecture = release.card, release.architecture
            except (CardError, UnknownArchitecture) as error:
                _report(release, error)
                continue
            if (
                (family is None or architecture.family == family)
                and (capability is None or capability in architecture.capabilities)
                and (condition is None or architecture.condition == condition)
                and (dataset is None or card.dataset == dataset)
                and (license is None or license in (card.license, card.front.get("license_name")))
            ):
                names.append(shown)
    return sorted(names)


def releases_with(capability: str) -> list[str]:
    """Names of releases that have `capability`."""
    return list_releases(capability=capability)


def _architecture(plugin: plugins.Plugin, /, name: str, target: str, **fields: Any) -> Architecture:
    owner = {"plugin": plugin.name, "distribution": plugin.distribution}
    unknown = fields.keys() - {field.name for field in dataclasses.fields(Architecture) if field.name not in owner}
    if unknown:
        raise PluginError(f"{plugin.name}: register({name!r}) got unknown fields: {', '.join(sorted(unknown))}.")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PluginError(f"{plugin.name}: {name!r} is no architecture's name. Use letters, digits and hyphens.")
    if not isinstance(target, str) or not TARGET.fullmatch(target):
        raise PluginError(f"{plugin.name}: target of {name!r} is {target!r}; expected the string 'module:Class'.")
    given = fields.pop("capabilities", ())
    capabilities = frozenset() if isinstance(given, str) else frozenset(given)
    if not capabilities or not capabilities <= set(CAPABILITIES):
        raise PluginError(f"{plugin.name}: capabilities of {name!r} must be some of {', '.join(CAPABILITIES)}.")
    if fields.get("condition") not in (None, *CONDITIONS):
        raise PluginError(f"{plugin.name}: condition of {name!r} must be None or one of {', '.join(CONDITIONS)}.")
    if ("log_prob" in capabilities) != (fields.get("log_prob") in LIKELIHOODS):
        raise PluginError(f"{plugin.name}: {name!r} has log_prob= one of {', '.join(LIKELIHOODS)} if it can log_prob.")
    if not isinstance(fields.get("family"), str):
        raise PluginError(f"{plugin.name}: register({name!r}) needs family=, for example 'gans'.")
    for field in ("summary", "paper", "default"):
        if not isinstance(fields.get(field, ""), str) and not (field == "default" and fields[field] is None):
            raise PluginError(f"{plugin.name}: {field} of {name!r} is {fields[field]!r}; expected a string.")
    plugin.adds["architectures"].append(name)
    return Architecture(name, target, capabilities=capabilities, **fields, **owner)


def _folder(plugin: plugins.Plugin, folder: str | os.PathLike[str]) -> tuple[plugins.Plugin, Path]:
    path = Path(folder)
    if not path.is_dir():
        raise PluginError(f"{plugin.name} registers the card folder {path}, which is not there. Is it in the package?")
    return plugin, path


def _releases(plugin: plugins.Plugin, folder: Path) -> list[Release]:
    folders = [card.parent for card in sorted(folder.glob("*/README.md")) if NAME.fullmatch(card.parent.name)]
    plugin.adds["releases"] += [folder.name for folder in folders]
    return [Release(folder.name, folder, plugin.name, plugin.distribution) for folder in folders]


def _default_release(name: str, architecture: Architecture) -> Release:
    """The release that the bare name of an architecture loads; its own plugin's comes before others of that name."""
    known = registry().releases
    if architecture.default is None:
        raise UnknownName(
            f"{name!r} is an architecture without a default release. "
            f"zoo.create({name!r}) builds it untrained; zoo.list_models() names the releases."
        )
    own = f"{architecture.plugin}:{architecture.default}"
    for default in (own, architecture.default):
        if _candidates(default, known):
            return _pick(default, known, "release")
    raise UnknownName(
        f"{name!r} is an architecture, but its default release {architecture.default!r} is not installed. "
        f"zoo.create({name!r}) builds it untrained; zoo.list_models() names the releases."
    )


def _broken() -> str:
    """A hint for when a name is not found: perhaps a plugin that failed would have brought it."""
    names = sorted({plugin.name for plugin in registry().manager.plugins if plugin.error})
    return f" Plugins that failed to load: {', '.join(names)}; see zoo plugins." if names else ""


def _release_folder(folder: Path) -> Release:
    if not (folder / "README.md").is_file():
        what = "has no README.md" if folder.is_dir() else "is not a folder"
        raise WeightsNotFound(
            f"{folder} {what}; expected a release folder with README.md and model.safetensors, as zoo train writes it."
        )
    return Release(folder.resolve().name, folder)


def _hub_release(address: hub.Address, offline: bool) -> Release:
    from zoo import sources  # which imports this module

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


def _by_name(entries: Iterable[Named]) -> dict[str, list[Named]]:
    """Entries by bare name; a built-in comes first and so cannot be shadowed."""
    table: dict[str, list[Named]] = {}
    for entry in entries:
        table.setdefault(entry.name, []).append(entry)
    return table


def _candidates(name: str, table: Mapping[str, list[Named]]) -> list[Named]:
    plugin, colon, bare = name.rpartition(":")
    return [entry for entry in table.get(bare, []) if not colon or entry.plugin == plugin]


def _pick(name: str, table: Mapping[str, list[Named]], what: str) -> Named:
    found = _candidates(name, table)
    if len(found) > 1 and found[0].plugin != plugins.BUILT_IN:
        owners = " and ".join(f"{e.plugin} (package {e.distribution})" for e in found)
        spellings = " or ".join(f"'{e.plugin}:{e.name}'" for e in found)
        raise DuplicateName(f"{what} {name!r} is registered by {owners}. Say which: {spellings}.")
    return found[0]


def _report(release: Release, error: Exception) -> None:
    for plugin in registry().manager.plugins:
        if plugin.name == release.plugin and release.name in plugin.adds.get("releases", []):
            broken = plugin.adds.setdefault("broken releases", [])
            if (line := f"{release.name}: {error}") not in broken:
                broken.append(line)

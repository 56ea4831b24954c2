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
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zoo import plugins
from zoo.cards import Card
from zoo.errors import (
    CardError,
    ConfigError,
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
        """Import the class. Raises PluginError when the target is not there."""
        return plugins.resolve(self.target)  # type: ignore[no-any-return]

    def configure(self, fields: dict[str, Any]) -> Any:
        """The class's frozen Config from plain values. Raises ConfigError for an unknown field or a bad value."""
        return configured(self.resolve().Config, fields, f"config of {self.name}")

    def create(self, fields: dict[str, Any]) -> Model:
        """A new model, randomly initialised."""
        from zoo.model import Provenance

        config = self.configure(fields)
        model = self.resolve()(config)
        model.provenance = Provenance(self.qualified, dataclasses.asdict(config))
        return model


@dataclasses.dataclass(frozen=True)
class Release:
    """An architecture with weights: a folder whose README.md is the card."""

    name: str
    folder: Path
    plugin: str = plugins.BUILT_IN
    distribution: str = ""

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


Named = TypeVar("Named", Architecture, Release)
T = TypeVar("T")


def configured(cls: type[T], fields: dict[str, Any], what: str) -> T:
    """An instance of the dataclass `cls` from plain YAML or JSON values, or ConfigError naming the unknown field."""
    known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in fields:
        if name not in known:
            raise ConfigError(f"{what} has no field {name!r}. {nearest(name, known)}")
    # YAML and JSON have lists only; configurations are frozen and hold tuples.
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    try:
        return cls(**plain)
    except TypeError as error:
        raise ConfigError(f"{what}: {error}. Compare with the fields of {cls.__qualname__}.") from error


class Registry:
    """All architectures and releases of this process, by name."""

    def __init__(self, manager: plugins.Manager) -> None:
        self.manager = manager
        architectures = manager.collect("zoo_register_architectures", _architecture)
        folders = manager.collect("zoo_register_cards", _folder)
        releases = [r for plugin, folder in folders for r in _releases(plugin, folder)]
        # Whatever a plugin registered before it failed goes with it.
        broken = {plugin.name for plugin in manager.plugins if plugin.error}
        self.architectures = _by_name(a for a in architectures if a.plugin not in broken)
        self.releases = _by_name(r for r in releases if r.plugin not in broken)
        for plugin in manager.plugins:
            if not plugin.error:
                plugin.adds["architectures"] = [a.name for a in architectures if a.plugin == plugin.name]
                plugin.adds["releases"] = [r.name for r in releases if r.plugin == plugin.name]


@functools.cache
def registry() -> Registry:
    """The one registry of this process, made at first use."""
    return Registry(plugins.manager())


def find(name: str | os.PathLike[str]) -> Release:
    """The release that `name` means.

    Raises UnknownName with the nearest names, DuplicateName when two plugins have it, InvalidInput when it is neither
    a name nor a path, and WeightsNotFound for a folder that is not there or a Hub address.
    """
    if isinstance(name, os.PathLike) or (isinstance(name, str) and name.startswith((".", "/", "~"))):
        return _release_folder(Path(name).expanduser())
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no name. Pass a string such as 'dcgan-celeba', or a path such as './folder'.")
    if name.startswith("hf:"):
        raise WeightsNotFound(
            f"{name}: this version of zoo does not download from the Hub. Download the folder yourself and load './folder'."
        )
    if "/" in name or os.sep in name:
        raise UnknownName(f"{name!r} is no release. Did you mean the folder './{name}' or the Hub's 'hf:{name}'?")
    known = registry()
    if _candidates(name, known.releases):
        return _pick(name, known.releases, "release")
    if _candidates(name, known.architectures):
        architecture = _pick(name, known.architectures, "architecture")
        if architecture.default is None:
            raise UnknownName(
                f"{name!r} is an architecture without a default release. "
                f"zoo.create({name!r}) builds it untrained; zoo.list_models() names the releases."
            )
        return find(architecture.default)
    raise UnknownName(f"no release or architecture is called {name!r}. {nearest(name, list_releases())}")


def find_architecture(name: str) -> Architecture:
    """The architecture called `name`. Raises UnknownName or DuplicateName."""
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no architecture's name. Pass a string such as 'dcgan'.")
    known = registry().architectures
    if not _candidates(name, known):
        raise UnknownName(f"no architecture is called {name!r}. {nearest(name, known)}")
    return _pick(name, known, "architecture")


def architecture_of(cls: type[Model]) -> Architecture:
    """The registered architecture whose target is `cls`. Raises UnknownArchitecture."""
    target = f"{cls.__module__}:{cls.__qualname__}"
    for entries in registry().architectures.values():
        for entry in entries:
            if entry.target == target:
                return entry
    raise UnknownArchitecture(
        f"{target} is not registered, so a file naming it could not be loaded. Register it with zoo_register_architectures."
    )


def describe(name: str | os.PathLike[str]) -> Release | Architecture:
    """What `name` means without loading it: a release, or an architecture that has no default release."""
    if isinstance(name, str) and not _candidates(name, registry().releases):
        if _candidates(name, registry().architectures):
            architecture = find_architecture(name)
            if architecture.default is None:
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
        raise InvalidInput(f"capability={capability!r} is unknown. {nearest(capability, CAPABILITIES)}")
    if condition is not None and condition not in CONDITIONS:
        raise InvalidInput(f"condition={condition!r} is unknown. {nearest(condition, CONDITIONS)}")
    names = []
    for name, entries in registry().releases.items():
        if pattern is not None and not fnmatch.fnmatchcase(name, pattern):
            continue
        for release in entries:
            try:
                fits = (
                    (family is None or release.architecture.family == family)
                    and (capability is None or capability in release.architecture.capabilities)
                    and (condition is None or release.architecture.condition == condition)
                    and (dataset is None or release.card.dataset == dataset)
                    and (license is None or license in (release.card.license, release.card.front.get("license_name")))
                )
            except (CardError, UnknownArchitecture) as error:
                _report(release, error)
                continue
            if fits:
                names.append(name if entries[0] is release else f"{release.plugin}:{name}")
    return sorted(names)


def releases_with(capability: str) -> list[str]:
    """Names of releases that have `capability`."""
    return list_releases(capability=capability)


def _architecture(plugin: plugins.Plugin, name: str, target: str, **fields: Any) -> Architecture:
    unknown = set(fields) - {field.name for field in dataclasses.fields(Architecture)} | fields.keys() & {"plugin"}
    if unknown:
        raise PluginError(f"{plugin.name}: register({name!r}) got unknown fields: {', '.join(sorted(unknown))}.")
    if not isinstance(name, str) or not name or ":" in name or "/" in name:
        raise PluginError(f"{plugin.name}: {name!r} is no architecture's name. Use letters, digits and hyphens.")
    if not isinstance(target, str) or ":" not in target:
        raise PluginError(f"{plugin.name}: target of {name!r} is {target!r}; expected the string 'module:Class'.")
    capabilities = frozenset(fields.pop("capabilities", ()))
    if not capabilities or not capabilities <= set(CAPABILITIES):
        raise PluginError(f"{plugin.name}: capabilities of {name!r} must be some of {', '.join(CAPABILITIES)}.")
    if fields.get("condition") not in (None, *CONDITIONS):
        raise PluginError(f"{plugin.name}: condition of {name!r} must be None or one of {', '.join(CONDITIONS)}.")
    if ("log_prob" in capabilities) != (fields.get("log_prob") in LIKELIHOODS):
        raise PluginError(f"{plugin.name}: {name!r} has log_prob= one of {', '.join(LIKELIHOODS)} if it can log_prob.")
    if not isinstance(fields.get("family"), str):
        raise PluginError(f"{plugin.name}: register({name!r}) needs family=, for example 'gans'.")
    owner = {"plugin": plugin.name, "distribution": plugin.distribution}
    return Architecture(name, target, capabilities=capabilities, **fields, **owner)


def _folder(plugin: plugins.Plugin, folder: str | os.PathLike[str]) -> tuple[plugins.Plugin, Path]:
    path = Path(folder)
    if not path.is_dir():
        raise PluginError(f"{plugin.name} registers the card folder {path}, which is not there. Is it in the package?")
    return plugin, path


def _releases(plugin: plugins.Plugin, folder: Path) -> list[Release]:
    cards = sorted(folder.glob("*/README.md"))
    return [Release(card.parent.name, card.parent, plugin.name, plugin.distribution) for card in cards]


def _release_folder(folder: Path) -> Release:
    if not (folder / "README.md").is_file():
        what = "has no README.md" if folder.is_dir() else "is not a folder"
        raise WeightsNotFound(
            f"{folder} {what}; expected a release folder with README.md and model.safetensors, as `zoo train` writes it."
        )
    return Release(folder.resolve().name, folder)


def _by_name(entries: Iterable[Named]) -> dict[str, list[Named]]:
    """Entries by bare name; a built-in comes first and so cannot be shadowed."""
    table: dict[str, list[Named]] = {}
    for entry in entries:
        table.setdefault(entry.name, []).append(entry)
    return table


def _candidates(name: str, table: dict[str, list[Named]]) -> list[Named]:
    plugin, colon, bare = name.rpartition(":")
    return [entry for entry in table.get(bare, []) if not colon or entry.plugin == plugin]


def _pick(name: str, table: dict[str, list[Named]], what: str) -> Named:
    found = _candidates(name, table)
    if len(found) > 1 and found[0].plugin != plugins.BUILT_IN:
        owners = " and ".join(f"{e.plugin} (package {e.distribution})" for e in found)
        spellings = " or ".join(f"'{e.plugin}:{e.name}'" for e in found)
        raise DuplicateName(f"{what} {name!r} is registered by {owners}. Say which: {spellings}.")
    return found[0]


def _report(release: Release, error: Exception) -> None:
    for plugin in registry().manager.plugins:
        if plugin.name == release.plugin:
            plugin.adds.setdefault("broken releases", [])
            if (line := f"{release.name}: {error}") not in plugin.adds["broken releases"]:
                plugin.adds["broken releases"].append(line)

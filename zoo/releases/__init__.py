"""Releases: what a name given to `zoo.load` means, and which there are.

    "dcgan-celeba"          a release                    "plugin:name"   the one that this plugin brings
    "realnvp"               an architecture's default    "./folder"      a release folder
    "hf:org/repo@revision"  a release folder on the Hub

Nothing here imports torch.
"""
# Long because what a name may mean is decided here, and nowhere else: a release, a path, an address, an architecture.

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from zoo import registry
from zoo._util.atomic import FORMER, MOVING, restore
from zoo._util.paths import no_folder, real_path, user_path
from zoo.errors import (
    CardError,
    DuplicateName,
    InvalidInput,
    UnknownArchitecture,
    UnknownName,
    WeightsError,
    WeightsNotFound,
    nearest,
    several,
)
from zoo.hub import download, sources
from zoo.hub.address import PREFIX, REPOSITORY, Address, is_offline
from zoo.hub.failures import repeated
from zoo.registry.entries import Architecture, Folder
from zoo.registry.names import BUILT_IN, Named, candidates, choose, fits
from zoo.releases.cards import CARD, FILES, RUN, WEIGHTS, Card
from zoo.releases.index import Index, Outline
from zoo.releases.provenance import Provenance

_PASTED = re.compile(r"^(hf:|https?://[^/]+/)", re.IGNORECASE)  # what people write before org/repo


@dataclasses.dataclass(frozen=True)
class Release(Named):
    """An architecture with weights: a folder whose README.md is the card. `origin` is where on the Hub the folder
    came from, for one that did, with a commit for revision."""

    folder: Path
    origin: Address | None = None

    @functools.cached_property
    def card(self) -> Card:
        """The card, read and validated at first use. Raises CardError."""
        return Card.read(self.folder)

    @functools.cached_property
    def outline(self) -> Outline:
        """What listings show of the card, for which `select` need not read it each time. Raises CardError."""
        return Outline.of(self.card)

    @functools.cached_property
    def architecture(self) -> Architecture:
        """The architecture that the card names. Raises UnknownArchitecture when it is not registered."""
        name = self.outline.architecture
        try:
            return registry.find_architecture(name, quiet=True)
        except UnknownName as error:
            raise UnknownArchitecture(f"{self.folder / CARD}: {error}") from error
        except DuplicateName:
            # Whoever wrote the card meant their own.
            if not candidates(own := f"{self.plugin}:{name}", registry.registry().architectures):
                raise
            return registry.find_architecture(own)

    @functools.cached_property
    def address(self) -> Address | None:
        """Where its files are on the Hub: its origin, or what its card pins; None when neither is there."""
        repo, revision = self.outline.repo, self.outline.revision
        if self.origin is not None or repo is None or revision is None:
            return self.origin
        return Address(repo, revision)

    def again(self) -> Release:
        """The release with its card still to be read, as it is once those who move new files into the folder are done.
        Raises WeightsError."""
        return dataclasses.replace(self, folder=_whole(self.folder))

    @property
    def portable_name(self) -> str | None:
        """What `find` takes for it on any machine with the same plugins: its name; None when it is not registered, but
        was found by its path or on the Hub."""
        for name in (self.name, f"{self.plugin}:{self.name}"):
            found = candidates(name, registry.registry().folders)[:1]
            if self.origin is None and [(each.path, each.plugin) for each in found] == [(self.folder, self.plugin)]:
                return name
        return None


@dataclasses.dataclass(frozen=True)
class Info:
    """What is known of a name without loading anything: its architecture and, where there is one, the release."""

    architecture: Architecture
    release: Release | None = None

    @property
    def name(self) -> str:
        """Of the release, or else of the architecture."""
        return self.architecture.name if self.release is None else self.release.name

    @property
    def card(self) -> Card | None:
        """The release's card; None for an architecture without a release."""
        return None if self.release is None else self.release.card

    @property
    def folder(self) -> Path | None:
        """Where the release's card lies; None for an architecture without a release."""
        return None if self.release is None else self.release.folder

    @property
    def capabilities(self) -> frozenset[str]:
        """What such a model can do."""
        return self.architecture.capabilities

    def _repr_markdown_(self) -> str:
        about = f"**{self.architecture.name}**: {self.architecture.summary} ({self.architecture.paper})"
        return about if self.card is None else self.card._repr_markdown_()


def info(name: str | os.PathLike[str]) -> Info:
    """See `zoo.info`."""
    found = describe(name)
    return Info(found) if isinstance(found, Architecture) else Info(found.architecture, found)


def find(name: str | os.PathLike[str], *, offline: bool | None = None) -> Release:
    """The release that `name` means. For an address on the Hub its card is downloaded, unless it is cached.

    Raises UnknownName with the nearest names, DuplicateName when two plugins have it, InvalidInput when it is neither
    a name nor a path, WeightsNotFound for a folder that is not there, and what `sources.fetch` raises for an address.
    """
    found = describe(name, offline=offline)
    if isinstance(found, Release):
        return found
    lacks = f"its default release {found.default!r} is not installed"
    raise UnknownName(
        f"{name!r} is an architecture{f', but {lacks}' if found.default else ' without a default release'}. "
        f"zoo.create({name!r}) builds it untrained; zoo.list_models() names the releases."
    )


def describe(name: str | os.PathLike[str], *, offline: bool | None = None) -> Release | Architecture:
    """What `name` means: a release, or an architecture whose default release is not there. Raises as `find`."""
    if isinstance(name, os.PathLike) or (isinstance(name, str) and name.startswith((".", "/", "~"))):
        return _at_path(user_path(name))
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{name!r} is no name. Pass a string such as 'dcgan-celeba', or a path such as './folder'.")
    if name.startswith(PREFIX):
        return _on_the_hub(Address.parse(name), is_offline(offline))
    if "/" in name or "\\" in name:
        repo = _PASTED.sub("", name)
        meant = [f"the folder './{name}'"] if repo == name else []
        meant += [f"the Hub's '{PREFIX}{repo}'"] if REPOSITORY.fullmatch(repo) else []
        raise UnknownName(
            f"{name!r} is no release. "
            + (f"Did you mean {' or '.join(meant)}?" if meant else "On the Hub, it is hf:org/repo@revision.")
        )
    known = registry.registry()
    name = known.meaning(name, quiet=False)
    if folders := candidates(name, known.folders):
        return _of_folder(choose(name, folders, "release"))
    if builders := candidates(name, known.architectures):
        architecture = choose(name, builders, "architecture")
        return _default(architecture) or architecture
    if os.path.exists(name):
        kind = "folder" if os.path.isdir(name) else "file"
        hint = f"A {kind} here is: a path begins with a point, './{name}', and leads to a release folder."
    else:
        hint = filter_called(name) or nearest(name, [*list_releases(), *known.architectures])
    raise UnknownName(f"no release or architecture is called {name!r}. {hint}{registry.broken()}")


def list_releases(pattern: str | None = None, **filters: str | None) -> list[str]:
    """Names of releases, sorted; see `zoo.list_models`. Releases whose card is broken are left out; they and those
    without weights are reported by `zoo plugins`."""
    return list(select(pattern, **filters))


def releases_with(capability: str, near: Provenance) -> list[str]:
    """Names of releases that have `capability`: first those of the data set that `near` is of, then those of the family
    of its architecture, then all others."""
    family = registry.find_architecture(near.architecture).family

    def far(item: tuple[str, Release]) -> tuple[bool, bool, str]:
        name, release = item
        return release.outline.dataset != near.dataset, release.architecture.family != family, name

    return [name for name, _ in sorted(select(capability=capability).items(), key=far)]


def select(
    pattern: str | None = None,
    *,
    family: str | None = None,
    capability: str | None = None,
    dataset: str | None = None,
    license: str | None = None,
    condition: str | None = None,
) -> dict[str, Release]:
    """The releases that `list_releases` names, by name. Raises InvalidInput for a capability or condition that nobody
    registered, and for a filter that nothing passes, or ever could."""
    check_known(capability=capability, condition=condition)
    found = {
        shown: release
        for shown, release in _readable(pattern)
        if (family is None or release.architecture.family == family)
        and (capability is None or capability in release.architecture.capabilities)
        and (condition is None or release.architecture.condition == condition)
        and (dataset is None or release.outline.dataset == dataset)
        and (license is None or license in (release.outline.license, release.outline.license_name))
    }
    if not found:
        check_known(family=family, dataset=dataset, license=license)
    return dict(sorted(found.items()))


def select_architectures(
    pattern: str | None = None,
    *,
    family: str | None = None,
    capability: str | None = None,
    condition: str | None = None,
) -> list[Architecture]:
    """The architectures that `zoo.list_architectures` names, sorted by name. Raises as `select`."""
    check_known(capability=capability, condition=condition)
    found = [
        architecture
        for architecture in sorted(registry.list_entries("architectures", pattern), key=lambda each: each.qualified)
        if (family is None or architecture.family == family)
        and (capability is None or capability in architecture.capabilities)
        and (condition is None or architecture.condition == condition)
    ]
    if not found:
        check_known(family=family)
    return found


def filter_called(name: str) -> str:
    """Of what is no release's name, but a family's or a data set's: how its releases are listed; of a tag on cards,
    such as "faces": which releases have it."""
    for field, known in _filters().items():
        if meant := next((each for each in known if each.casefold() == name.casefold()), ""):
            return f"It is a {field}; what belongs to it: zoo list --{field} {meant}."
    tag = name.casefold()
    named = tag in registry.registry().architectures  # which is meant, and tags its releases
    tagged = [each for each, release in select().items() if not named and tag in release.card.front["tags"]]
    return f"Releases of {tag}: {several(tagged, 'zoo list')}." if tagged else ""


def _filters() -> dict[str, set[str]]:
    """What releases may be found by, besides what the registry knows of."""
    outlines = [release.outline for _, release in _readable(None)]
    return {
        "family": {architecture.family for architecture in registry.list_entries("architectures")},
        "dataset": {outline.dataset for outline in outlines},
        "license": {name for outline in outlines for name in (outline.license, outline.license_name) if name},
    }


def check_known(**filters: str | None) -> None:
    """Raise InvalidInput for a capability or condition that nobody registered, and for a family, dataset or license
    that no release or architecture has."""
    asked = {field: value for field, value in filters.items() if value is not None}
    for field, what in (("capability", "capabilities"), ("condition", "conditions")):
        if field in asked and (hint := registry.registry().missing(asked.pop(field), what)):
            raise InvalidInput(f"no {field} is called {filters[field]!r}. {hint}")
    if not asked:
        return
    known = _filters()
    for field, value in asked.items():
        if value not in known[field]:
            raise InvalidInput(f"no {field} is called {value!r}. {nearest(value, known[field])}")


def _readable(pattern: str | None) -> Iterator[tuple[str, Release]]:
    """The releases that `pattern` lets through and whose cards can be read, with their names. What is wrong with the
    others is noted for `zoo plugins`."""
    known, index = registry.registry(), Index()
    for name, folders in known.folders.items():
        for folder in folders:
            own = f"{folder.plugin}:{name}"
            if not any(fits(spelling, pattern) for spelling in (name, own)):
                continue
            try:
                release = _of_folder(folder)
                vars(release)["outline"] = index.read(folder.path)
                release.architecture  # noqa: B018 - whether it is registered
            except (CardError, UnknownArchitecture, DuplicateName, WeightsError) as error:
                known.owner(folder).find_fault(name, error)
                continue
            if release.address is None and not os.path.isfile(os.path.join(folder.path, WEIGHTS)):
                known.owner(folder).find_fault(name, _weightless(release))
            alone = len(folders) == 1 or (folder is folders[0] and folder.plugin == BUILT_IN)
            yield name if alone else own, release
    index.save()


def _weightless(release: Release) -> WeightsNotFound:
    return WeightsNotFound(
        f"there is no {WEIGHTS} in {release.folder}, and the card names no repository and revision to fetch it from. "
        f"zoo train {release.qualified} --data DIR makes it."
    )


def _default(architecture: Architecture) -> Release | None:
    """The default release of an architecture, if it is installed; its own plugin's before others of that name."""
    known = registry.registry()
    for default in (f"{architecture.plugin}:{architecture.default}", architecture.default):
        if default and (found := candidates(name := known.meaning(default), known.folders)):
            return _of_folder(choose(name, found, "release"))
    return None


def _of_folder(folder: Folder) -> Release:
    return Release(folder.name, _whole(folder.path), plugin=folder.plugin, distribution=folder.distribution)


def _at_path(folder: Path) -> Release:
    if not (folder / CARD).is_file():
        if (folder / RUN).is_dir():
            raise WeightsNotFound(
                f"{folder} holds a training run, and no release yet. Go on with it: zoo train … --out "
                f"{shlex.quote(str(folder))} --resume"
            )
        lack = f"{folder} has no README.md" if folder.is_dir() else no_folder(folder)
        raise WeightsNotFound(
            f"{lack}; expected a release folder with README.md and model.safetensors, as zoo train writes it."
        )
    return Release(real_path(folder).name, _whole(folder))


def _whole(folder: Path) -> Path:
    """`folder`, its files put back as they were where the writing of new ones was killed. Raises WeightsError."""
    try:
        restore(folder, FILES)
    except OSError as error:
        raise WeightsError(
            f"{folder}: the writing of a release broke off in it, and the former one cannot be put back: "
            f"{error.strerror}. Copy what lies in {Path(MOVING, FORMER)} over it, and remove {MOVING}."
        ) from error
    return folder


@repeated
def _on_the_hub(address: Address, offline: bool) -> Release:
    address = download.resolve(address, offline=offline)
    name = str(address)
    found = sources.fetch(name, address, CARD, offline=offline)
    release = Release(name, found.path.parent, origin=address)
    try:
        release.card  # noqa: B018 - read here, where the repository can be named
    except CardError as error:
        if isinstance(gone := error.__cause__, FileNotFoundError):
            raise gone from None
        cure = f"Name another repository; if this one was damaged on the way, remove it: zoo cache rm {name}"
        raise CardError(f"{name} holds no release of zoo: {error} {found.cure or cure}") from error
    return release

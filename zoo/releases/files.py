"""The files of a release, brought to this machine and looked at: beside the card, or as `zoo.hub.sources` has them.

Nothing here imports torch, nor huggingface_hub for what lies beside the card.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from zoo._util.atomic import replacing
from zoo.errors import HubUnreachable, InvalidInput, Offline, WeightsError, WeightsNotFound, ZooError
from zoo.hub import sources
from zoo.hub.address import Address, is_offline
from zoo.hub.download import is_absent
from zoo.hub.failures import repeated
from zoo.releases import Release
from zoo.releases.cards import CARD, GOLDEN, WEIGHTS, Card
from zoo.releases.hub_card import LICENSE, PUBLISHED
from zoo.releases.integrity import check_layout, verify


def locate(release: Release, *, offline: bool | None = None) -> sources.Found:
    """The release's weights file and where it was found: beside the card, or, when it is not there, in the Hub's cache,
    at a plugin's source or on the Hub. Raises WeightsNotFound and what `sources.fetch` raises."""
    path, address = release.folder / WEIGHTS, release.address
    if release.origin is None and path.is_file():
        return sources.Found(path, f"beside the card: {path}")
    if address is None:
        raise WeightsNotFound(
            f"{release.name}: no {WEIGHTS} in {release.folder}, and the release is not on the Hub (its card names no "
            f"repository). Make the weights with: zoo train {release.name} --data DIR"
        )
    looked = release.folder if release.origin is None else None
    try:
        return _fetch(release, address, WEIGHTS, offline=offline, looked=looked)
    except HubUnreachable as error:
        command = f"zoo download {release.portable_name or address}"
        raise type(error)(f"{error} Once it can be had, {command} brings all of it here.") from error


@repeated
def verified_weights(release: Release, *, offline: bool | None = None, fresh: bool = False) -> tuple[Path, str, str]:
    """The release's weights file, a phrase saying where it was found, and its sha256, which is the card's.

    A file from the Hub that is not what the card says is set aside, to be downloaded again by the next call; one of a
    plugin's source is left alone, and hashed every time. fresh: hash any, whatever was noted about it. Raises what
    `locate` and `verify` raise.
    """
    found = locate(release, offline=offline)
    path = found.path
    sha256, size = release.card.weights.get("sha256"), release.card.weights.get("bytes")
    if release.origin is None and path.parent == release.folder:
        return path, found.where, verify(path, sha256=sha256, size=size, fresh=fresh)
    # Times and inodes of a share are what its server makes of them, and no reason not to hash.
    fresh = fresh or found.source is not None
    try:
        return path, found.where, verify(path, sha256=sha256, size=size, fresh=fresh, cure="")
    except WeightsError as error:
        raise found.rejected(error) from error


@repeated
def optional_file(release: Release, filename: str, *, offline: bool | None = None) -> Path | None:
    """A file of the release other than its weights, from the card's folder or, as weights are, from elsewhere; None
    when it has no such file.

    Raises what `sources.fetch` raises, but for a file that is not in the repository.
    """
    path = release.folder / filename
    # The folder of a card that came from elsewhere is not the release's own; what is there is fetched as the card was.
    if release.origin is None and path.is_file():
        return path
    if release.address is None or is_absent(release.address, filename):
        return None
    try:
        found = _fetch(release, release.address, filename, offline=offline)
    except WeightsNotFound as error:
        if type(error) is WeightsNotFound:  # the repository was asked and has none
            return None
        raise
    if filename == GOLDEN:
        try:
            check_layout(found.path)
        except WeightsError as error:
            raise found.rejected(error) from error
    return found.path


def collect(release: Release, *, offline: bool | None = None) -> dict[str, Path]:
    """All files of the release by name, the weights verified. Raises as the functions above."""
    card = _fetch(release, release.origin, CARD, offline=offline).path if release.origin else release.folder / CARD
    files = {CARD: card, WEIGHTS: verified_weights(release, offline=offline, fresh=True)[0]}
    # A folder with weights is whole as it is; what it lacks, such as a LICENSE, its repository lacks too.
    whole = release.origin is None and files[WEIGHTS].parent == release.folder
    for name in (name for name in PUBLISHED if name not in files):
        try:
            path = release.folder / name if whole else optional_file(release, name, offline=offline)
        except (Offline, HubUnreachable):
            # No source can say that there is no text of a licence, which most releases lack; the card can.
            if name != LICENSE or release.card.front.get("license_link") == LICENSE:
                raise
            continue
        if path is not None and path.is_file():
            files[name] = path
    return files


def copy_to(release: Release, folder: Path, *, offline: bool | None = None) -> bool:
    """Copy the release to `folder`, loadable by path where there is no network. Returns whether anything was copied.

    A folder that holds the release already is verified and kept; what is damaged in it or missing is replaced, and so
    is another revision of the same repository. Every file appears in one step, the card last. Raises InvalidInput for a
    folder that holds something else, such as another release.
    """
    if _holds(folder, release):
        return False
    if folder.exists() and not _may_replace(folder, release):
        raise InvalidInput(f"{folder} exists and is no copy of {release.name}. Choose another folder, or remove it.")
    _copy(release, folder, offline)
    verify(folder / WEIGHTS, sha256=release.card.weights.get("sha256"), fresh=True)
    return True


@repeated
def _copy(release: Release, folder: Path, offline: bool | None) -> None:
    files = collect(release, offline=offline)
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == CARD):
        with replacing(folder / name, within=folder.parent) as temporary:
            shutil.copyfile(files[name], temporary)


def _fetch(
    release: Release,
    address: Address,
    filename: str,
    *,
    offline: bool | None,
    looked: Path | None = None,
) -> sources.Found:
    forbidden = is_offline(offline)
    spelling = release.portable_name if forbidden else None
    pinned = {"most": release.card.weights["bytes"]} if filename == WEIGHTS and release.card.weights else {}
    return sources.fetch(release.name, address, filename, offline=forbidden, looked=looked, spelling=spelling, **pinned)


def _may_replace(folder: Path, release: Release) -> bool:
    """Whether nothing is lost when `folder` becomes a copy of the release: it holds a damaged copy, one that was broken
    off and so has no card yet, or another revision of the same repository."""
    if not folder.is_dir() or not {path.name for path in folder.iterdir()} <= set(PUBLISHED):
        return False
    if not (folder / CARD).exists():
        return True
    try:
        there = Card.read(folder)
    except ZooError:
        return False
    repo = release.card.weights.get("repo")
    return there.front == release.card.front or (repo is not None and there.weights.get("repo") == repo)


def _holds(folder: Path, release: Release) -> bool:
    """Whether `folder` is a good copy of the release."""
    try:
        same = Card.read(folder).front == release.card.front
        verify(folder / WEIGHTS, sha256=release.card.weights.get("sha256"), fresh=True)
    except (ZooError, OSError):
        return False
    return same

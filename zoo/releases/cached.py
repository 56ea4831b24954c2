"""What zoo has in the Hub's cache: list it, verify it, remove it, by huggingface_hub's own functions.

The cache is shared with everything else that uses the Hub. Only repositories that hold a release are looked at here:
those that a card of this machine pins, and those whose own card is one of zoo; and that of the feature networks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import releases
from zoo._util.home import DECODED, GRAPHS, RUNTIME, state_folder
from zoo.errors import CardError, UnknownName, WeightsError, nearest
from zoo.hub import download, repository
from zoo.hub.address import PREFIX, Address
from zoo.hub.failures import cache_folder
from zoo.releases import networks
from zoo.releases.cards import CARD, GOLDEN, WEIGHTS, Card
from zoo.releases.integrity import check_layout, verify

if TYPE_CHECKING:
    from huggingface_hub import HFCacheInfo

REMOVED = ".removed-"  # begins the names of repositories' folders that are being removed


@dataclasses.dataclass(frozen=True)
class Entry:
    """A repository at one commit. folder: its snapshot; refs: branches that meant this commit when they were asked for
    last; files: names; size: bytes on disk; releases: those of this machine whose cards pin it."""

    address: Address
    folder: Path
    refs: tuple[str, ...]
    files: tuple[str, ...]
    size: int
    releases: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Contents:
    """All entries, sorted; and beside them in the same repositories what broken-off downloads left (`incomplete`) and
    what was set aside because it was not what its card says (`rejected`)."""

    entries: list[Entry]
    incomplete: list[Path]
    rejected: list[Path]


def contents() -> Contents:
    """Look through the cache. Opens no socket."""
    scanned = _scan()
    pins, shared = _pins(), networks.page().address
    entries, incomplete, rejected = [], [], []
    for repo in scanned.repos if scanned else ():
        if repo.repo_type != "model":
            continue
        found = []
        for revision in repo.revisions:
            address, folder = Address(repo.repo_id, revision.commit_hash), revision.snapshot_path
            releases = pins.get(address, ())
            if releases or address == shared or _is_release(folder):
                files = tuple(sorted(file.file_name for file in revision.files))
                refs = tuple(sorted(revision.refs))
                found.append(Entry(address, folder, refs, files, revision.size_on_disk, tuple(sorted(releases))))
        if found:
            entries += found
            with contextlib.suppress(FileNotFoundError):  # removed a moment ago
                incomplete += sorted(repo.repo_path.glob("blobs/*.incomplete"))
                rejected += sorted(repo.repo_path.rglob(f"*{download.REJECTED}"))
    return Contents(sorted(entries, key=lambda entry: str(entry.address)), incomplete, rejected)


def named(entries: Sequence[Entry], names: Iterable[str]) -> list[Entry]:
    """The entries that are meant by names of releases or by addresses on the Hub, the revision of which may be left
    out, a branch or the beginning of a commit. Raises UnknownName for one that is not in the cache."""
    chosen: list[Entry] = []
    for name in names:
        if name.startswith(PREFIX):
            asked = Address.parse(name)
            found = [entry for entry in entries if _means(asked, entry)]
        else:
            pinned = releases.find(name).address
            found = [entry for entry in entries if entry.address == pinned]
        if not found:
            known = [str(Address(entry.address.repo)) for entry in entries]
            hint = nearest(name, known) if known else "It holds no release."
            raise UnknownName(f"{name} is not in the Hub's cache {cache_folder()}. {hint} See zoo cache ls.")
        chosen += [entry for entry in found if entry not in chosen]
    return chosen


def check(entry: Entry) -> str | None:
    """Hash the weights of an entry, whatever was noted about them, and return the sha256; None when it has no weights.

    A file that is not what its card says is set aside, to be downloaded again when it is needed. Raises CardError,
    NotSafetensors, TruncatedWeights or ChecksumMismatch.
    """
    sha256, page = None, networks.page()
    if entry.address == page.address:
        return _check_networks(entry, page)
    try:
        pinned = releases.find(entry.releases[0]).card if entry.releases else Card.read(entry.folder)
    except CardError:
        if (entry.folder / CARD).exists():
            raise
        return None  # removed a moment ago
    for name in (WEIGHTS, GOLDEN):
        path = entry.folder / name
        if not path.is_file():  # or set aside a moment ago, for another commit that shares it
            continue
        try:
            if name == GOLDEN:
                check_layout(path)
            else:
                expected, size = pinned.weights.get("sha256"), pinned.weights.get("bytes")
                sha256 = verify(path, sha256=expected, size=size, fresh=True, cure="")
        except WeightsError as error:
            raise download.rejected(path, error) from error
        except FileNotFoundError:
            continue
    return sha256


def _check_networks(entry: Entry, page: networks.Page) -> str | None:
    sha256 = None
    for name, pinned in page.hashes.items():
        path = entry.folder / name
        try:
            sha256 = verify(path, sha256=pinned, fresh=True, cure="")
        except WeightsError as error:
            raise download.rejected(path, error) from error
        except FileNotFoundError:  # not yet needed, or removed a moment ago
            continue
    return sha256


def remove(entries: Iterable[Entry], *, dry_run: bool = False) -> int:
    """Remove entries, and what was set aside or broken off in their repositories. Returns how many bytes that frees."""
    entries = list(entries)
    scanned = _scan()
    if scanned is None or not entries:
        return 0
    strategy = scanned.delete_revisions(*(entry.address.revision or "" for entry in entries))
    folders = {entry.folder.parent.parent for entry in entries}
    litter = {
        path
        for folder in folders
        for pattern in (f"*{download.REJECTED}", "*.incomplete")
        for path in folder.glob(f"blobs/{pattern}")
        if repository.holds(folder, path)
    }
    # Links may lead out of a repository's folder, and what they lead to is somebody else's.
    own: dict[str, Any] = {
        part: frozenset(
            path for path in getattr(strategy, part) if any(repository.holds(each, path) for each in folders)
        )
        for part in ("blobs", "refs", "snapshots")
    }
    strategy = dataclasses.replace(strategy, **own)
    freed = strategy.expected_freed_size + total(litter)
    if not dry_run:
        for path in litter:
            path.unlink(missing_ok=True)
        dataclasses.replace(strategy, repos=frozenset(map(_aside, strategy.repos))).execute()
    return freed


def _aside(folder: Path) -> Path:
    """Where a whole repository waits to be removed, by a name that `_sweep` knows: of one that is half gone nobody
    could tell. It stays where it is if it cannot be moved."""
    with contextlib.suppress(OSError):
        return folder.rename(folder.with_name(f"{REMOVED}{secrets.token_hex(8)}"))
    return folder


def _sweep() -> None:
    """Remove the repositories whose removal broke off."""
    for folder in cache_folder().glob(f"{REMOVED}*"):
        if not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def at_home() -> list[Path]:
    """The files that are kept in ZOO_HOME: decoded images, and of galleries graphs and what runs them in a browser."""
    return [path for folder in _home_folders() for path in folder.rglob("*") if path.is_file()]


def remove_at_home(*, dry_run: bool = False) -> int:
    """Remove them; what a link leads to is left, and the link too. Returns how many bytes that frees."""
    before = total(at_home())
    if dry_run:
        return before
    for folder in _home_folders():
        shutil.rmtree(folder, ignore_errors=True)
    return before - total(at_home())


def _home_folders() -> list[Path]:
    home = state_folder()
    found = (home / DECODED, home / GRAPHS, *home.glob(f"{RUNTIME}-*"))
    return [folder for folder in found if folder.is_dir() and not folder.is_symlink()]


def total(paths: Iterable[Path]) -> int:
    """Bytes of files together, of those that are still there."""
    found = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found += path.stat().st_size
    return found


def _scan() -> HFCacheInfo | None:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    if not cache_folder().is_dir():
        return None
    _sweep()
    try:
        return scan_cache_dir(cache_folder())
    except CacheNotFound:
        return None
    except RuntimeError as error:  # pathlib's, where huggingface_hub resolves links, until Python 3.12
        raise WeightsError(
            f"the Hub's cache {cache_folder()} cannot be looked through: {error}. Remove the link, which leads in a "
            "circle."
        ) from error


def _pins() -> dict[Address, list[str]]:
    """The releases of this machine by where on the Hub their weights are."""
    found: dict[Address, list[str]] = {}
    for name, release in releases.select().items():
        if release.address is not None:
            found.setdefault(release.address, []).append(name)
    return found


def _is_release(folder: Path) -> bool:
    try:
        return (folder / CARD).is_file() and bool(Card.read(folder).architecture)
    except CardError:
        return False


def _means(asked: Address, entry: Entry) -> bool:
    revision = asked.revision
    known = revision is None or revision in entry.refs or (entry.address.revision or "").startswith(revision)
    return asked.repo == entry.address.repo and known

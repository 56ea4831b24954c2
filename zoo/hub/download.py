"""The Hub: its addresses, its cache on this machine, downloads, and what can go wrong with them, in words.

Downloading is huggingface_hub's `hf_hub_download`, with its cache, locks, retries and progress bar. What it guarantees,
from its source: a file has its name in the cache only when it is complete; processes that want the same file wait for
one, by a lock file; a connection that breaks is taken up at the last whole piece of 10 MiB (a smaller file begins
anew), until five attempts in a row bring nothing. What a killed process left is not taken up: the next one begins anew,
under a name of its own. What it does not promise is that the content is the right one, which is why
`zoo.releases.files` hashes all weights. And it may talk to the Hub before it looks into its cache (to ask which
programs are agents), so here the cache is asked first, without it.

Nothing is imported from huggingface_hub before a file is not at hand; it reads HF_ENDPOINT, HF_HOME, HF_TOKEN … itself.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zoo
from zoo.errors import (
    AccessDenied,
    DiskFull,
    HubTimeout,
    HubUnreachable,
    InvalidInput,
    Offline,
    RepositoryNotFound,
    RevisionNotFound,
    TruncatedWeights,
    WeightsError,
    WeightsNotFound,
)

PREFIX = "hf:"
COMMIT = re.compile(r"[0-9a-f]{40}")
REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
REVISION = re.compile(r"(?!.*\.\.)\w[\w.+#@=-]*(/\w[\w.+#@=-]*)*", re.ASCII)  # the client makes a path of it
REJECTED = ".rejected"  # what the names of files end in that were downloaded and are not what they should be

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Address:
    """A repository of the Hub at a revision: a commit, a branch or a tag; None is the head of main."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @classmethod
    def parse(cls, name: str) -> Address:
        """Read "hf:org/repo" or "hf:org/repo@revision". Raises InvalidInput."""
        repo, at, revision = name.removeprefix(PREFIX).partition("@")
        if not REPOSITORY.fullmatch(repo) or (at and not REVISION.fullmatch(revision)):
            raise InvalidInput(f"{name!r} is no address on the Hub; expected 'hf:org/repo' or 'hf:org/repo@revision'.")
        return cls(repo, revision or None)

    @property
    def pinned(self) -> bool:
        """Whether the revision is a full commit hash, which always means the same files."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None


def is_offline(asked: bool | None) -> bool:
    """Whether network access is forbidden: as asked, or, when nobody asked, by ZOO_OFFLINE or HF_HUB_OFFLINE."""
    if asked is not None:
        return asked
    switches = (os.environ.get(name, "").lower() for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE"))
    return any(switch in ("1", "true", "yes", "on") for switch in switches)


def cache_folder() -> Path:
    """The Hub's cache on this machine, as HF_HOME and HF_HUB_CACHE say."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def cached(address: Address, filename: str) -> Path | None:
    """The file in the cache, or None. Opens no socket."""
    found = _looked_up(address, filename)
    return Path(found) if isinstance(found, str) else None


def is_absent(address: Address, filename: str) -> bool:
    """Whether the Hub said once that there is no such file at this commit. Opens no socket."""
    return not isinstance(_looked_up(address, filename), (str, type(None)))


def _looked_up(address: Address, filename: str) -> object:
    from huggingface_hub import try_to_load_from_cache

    with _explained(str(address), address, filename):
        return try_to_load_from_cache(address.repo, filename, cache_dir=cache_folder(), revision=address.revision)


def resolve(address: Address, *, offline: bool) -> Address:
    """`address` with the commit that its revision means now, or, offline, meant when it was last asked for.

    Raises Offline, RepositoryNotFound, RevisionNotFound, AccessDenied or HubUnreachable.
    """
    if address.pinned:
        return address
    from huggingface_hub import HfApi, constants

    api = HfApi(library_name="generative-zoo", library_version=zoo.__version__)
    # The method asks this one, and alone would wait for ever on a network that swallows everything.
    vars(api)["repo_info"] = functools.partial(api.repo_info, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    with _explained(str(address), address, "the repository"):
        found = api.resolve_revision(
            address.repo, revision=address.revision, cache_dir=cache_folder(), local_files_only=offline
        )
    commit = Address(address.repo, found.resolved)
    when = " when it was last asked for" if offline else ""
    meant = f"{address.revision or 'the head of main'} is commit {commit.revision}{when}"
    # A branch named on purpose is no surprise, unless it may be out of date.
    level = logging.WARNING if address.revision is None or offline else logging.INFO
    _log.log(level, "%s: %s. To get the same again, load %s", address, meant, commit)
    return commit


def fetch(
    name: str,
    address: Address,
    filename: str,
    *,
    offline: bool,
    looked: Path | None = None,
    spelling: str | None = None,
) -> Path:
    """The file of a pinned `address`, from the cache or else downloaded into it.

    name: the release, for messages; looked: the folder that was looked into before; spelling: what `zoo download` takes
    for the release, default the address. Raises Offline, WeightsNotFound, RepositoryNotFound, RevisionNotFound,
    AccessDenied, HubUnreachable, HubTimeout, TruncatedWeights or DiskFull.
    """
    if (found := cached(address, filename)) is not None:
        return found
    if offline:
        places = f"in the Hub's cache {cache_folder()}" if looked is None else f"in {looked} nor in {cache_folder()}"
        raise Offline(
            f"{name}: {filename} is not on this machine ({'not ' if looked is None else 'neither '}{places}), and "
            f"offline mode is on. Where there is network, run: zoo download {spelling or address} (with --to DIR to "
            "carry it over)."
        )
    from huggingface_hub import hf_hub_download

    with _explained(name, address, filename), warnings.catch_warnings():
        # Where symbolic links are not allowed the cache copies; with files of a few MB that is nobody's worry.
        warnings.filterwarnings("ignore", message=".*symlinks")
        _contact(address, filename)
        return Path(
            hf_hub_download(
                address.repo,
                filename,
                revision=address.revision,
                cache_dir=cache_folder(),
                library_name="generative-zoo",
                library_version=zoo.__version__,
            )
        )


def _contact(address: Address, filename: str) -> None:
    """Ask for the file once, as long as HF_HUB_ETAG_TIMEOUT allows (10 seconds).

    `hf_hub_download` alone asks six times more, for a minute each: nobody should wait that long to hear that there is
    no network. Raises the client's error when nobody can be reached; all else, broken connections too, is left to it.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    client: Any = HfHubHTTPError.__bases__[0]
    try:
        get_hf_file_metadata(
            hf_hub_url(address.repo, filename, revision=address.revision),
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
            library_name="generative-zoo",
            library_version=zoo.__version__,
        )
    except client as error:
        if any(kind.__name__ in ("ConnectError", "TimeoutException") for kind in type(error).__mro__):
            raise


def rejected(path: Path, error: WeightsError) -> WeightsError:
    """`error` about a file of the cache, which is set aside under another name so that it is downloaded again."""
    real = path.resolve()
    aside = real.with_name(real.name + REJECTED)
    try:
        real.replace(aside)
        # Commits with the same file share it. Links to nowhere would make the whole repository look corrupt.
        for link in [commit / path.name for commit in path.parents[1].iterdir()]:
            if link.is_symlink() and not link.exists():
                link.unlink(missing_ok=True)
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as reason:
        return type(error)(f"{error} It cannot be set aside ({reason.strerror}): remove {path}, then try again.")
    return type(error)(f"{error} It was set aside as {aside}; the next call downloads it again.")


@contextmanager
def _explained(name: str, address: Address, what: str) -> Iterator[None]:
    """Errors of huggingface_hub and of its HTTP client as errors of ours."""
    from huggingface_hub import errors as hf

    # The base of all errors of the HTTP client, whichever this version of huggingface_hub has.
    client: Any = hf.HfHubHTTPError.__bases__[0]
    known = (client, OSError, hf.EntryNotFoundError, hf.RevisionResolutionError, hf.HFValidationError)
    try:
        yield
    except (*known, json.JSONDecodeError, UnicodeEncodeError) as error:
        cause: BaseException = error
        # This one says only that the cache could not help; why the Hub did not is in its cause. It must be looked at
        # before EntryNotFoundError, of which it is a subclass.
        if isinstance(error, (hf.LocalEntryNotFoundError, hf.RevisionResolutionError)):
            cause = error.__cause__ or hf.OfflineModeIsEnabled()
        explanation = _explanation(f"{name}: {what} cannot be had from {_origin(address)}", address, cause)
        if explanation is None:
            raise
        raise explanation from error


def _explanation(head: str, address: Address, cause: BaseException) -> WeightsError | None:
    """What `cause` means and what to do about it, or None when it has nothing to do with the Hub."""
    from huggingface_hub import errors as hf
    from huggingface_hub import get_token

    token = "with the token that was sent" if get_token() else "without a token"
    login = "Log in with hf auth login, or set HF_TOKEN"
    client: Any = hf.HfHubHTTPError.__bases__[0]
    status = cause.response.status_code if isinstance(cause, hf.HfHubHTTPError) else None
    if isinstance(cause, hf.OfflineModeIsEnabled):
        return Offline(f"{head}: offline mode is on. {_at_hand(address)}")
    if isinstance(cause, hf.GatedRepoError):
        return AccessDenied(f"{head}: it is gated, and closed {token}. Ask for access on its page. {login}.")
    if isinstance(cause, hf.RepositoryNotFoundError):
        return RepositoryNotFound(f"{head}: there is no such repository, or it is private and hidden {token}. {login}.")
    if isinstance(cause, hf.RevisionNotFoundError):
        return RevisionNotFound(f"{head}: the repository has no such revision (any more). Name another, or update zoo.")
    if isinstance(cause, hf.EntryNotFoundError):
        return WeightsNotFound(f"{head}: the repository has no such file at this revision. Name another revision.")
    if status in (401, 403):
        return AccessDenied(f"{head}: access is refused ({status}) {token}. {login} that may read it.")
    if status is not None:
        return HubUnreachable(f"{head}: it answers {status}. Try again later.")
    if isinstance(cause, UnicodeEncodeError):  # of a header
        return AccessDenied(f"{head}: the token has letters that no token has. {login} again.")
    if isinstance(cause, hf.HFValidationError):
        return RepositoryNotFound(f"{head}: that is no repository's name. Correct it.")
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        where = cache_folder()
        return DiskFull(f"{head}: no space is left for it in {where}. Make room (zoo cache ls), or set HF_HOME.")
    if any("Timeout" in kind.__name__ for kind in type(cause).__mro__):
        return HubTimeout(
            f"{head}: it took too long. Check the network and HF_ENDPOINT, or wait longer: HF_HUB_ETAG_TIMEOUT=60 "
            "HF_HUB_DOWNLOAD_TIMEOUT=60 (seconds)."
        )
    if isinstance(cause, (hf.FileMetadataError, json.JSONDecodeError)):
        return HubUnreachable(
            f"{head}: what answers there is not the Hub, but perhaps a proxy or the log-in page of a network. "
            "Check the network and HF_ENDPOINT."
        )
    if isinstance(cause, (client, ConnectionError)):
        return HubUnreachable(f"{head}: it cannot be reached ({clean(cause)}). Check the network and HF_ENDPOINT.")
    if isinstance(cause, OSError) and cause.errno is None:  # how huggingface_hub says that the length is wrong
        return TruncatedWeights(f"{head}: {clean(cause).partition(' Please')[0]} Try again.")
    return None


def _origin(address: Address) -> str:
    from huggingface_hub import constants

    at = f" at revision {address.revision}" if address.revision else ""
    return f"{address.repo}{at} on {constants.ENDPOINT}"


def _at_hand(address: Address) -> str:
    """What to do offline about a revision that was never asked for here: load a commit that is cached, if one is."""
    from huggingface_hub import constants

    folder = cache_folder() / f"models{constants.REPO_ID_SEPARATOR}{address.repo.replace('/', '--')}" / "snapshots"
    commits = sorted(path.parent.name for path in folder.glob("*/README.md"))
    if commits:
        return f"This machine has {' and '.join(str(Address(address.repo, commit)) for commit in commits)}."
    return f"Nothing of it is in {cache_folder()}. Where there is network, run: zoo download {address}"


def clean(said: object) -> str:
    """In one line, without the token, which a server might repeat."""
    from huggingface_hub import get_token

    text, token = " ".join(str(said).split()), get_token()
    return (text.replace(token, "***") if token else text)[:300]

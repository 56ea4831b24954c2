"""The Hub: its cache on this machine, and downloads.

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

import functools
import logging
import warnings
from pathlib import Path
from typing import Any

from zoo._util.paths import real_path
from zoo._util.version import __version__
from zoo.errors import HubUnreachable, Offline, WeightsError
from zoo.hub import repository
from zoo.hub.address import Address
from zoo.hub.answers import CARD, checked
from zoo.hub.failures import cache_folder, explained

REJECTED = ".rejected"  # what the names of files end in that were downloaded and are not what they should be

_log = logging.getLogger(__name__)


def cached(address: Address, filename: str) -> Path | None:
    """The file in the cache, or None. Opens no socket."""
    found = _looked_up(address, filename)
    return Path(found) if isinstance(found, str) else None


def is_absent(address: Address, filename: str) -> bool:
    """Whether the Hub said once that there is no such file at this commit. Opens no socket."""
    return not isinstance(_looked_up(address, filename), (str, type(None)))


def _looked_up(address: Address, filename: str) -> object:
    from huggingface_hub import try_to_load_from_cache

    with explained(str(address), address, filename):
        return try_to_load_from_cache(address.repo, filename, cache_dir=cache_folder(), revision=address.revision)


def resolve(address: Address, *, offline: bool) -> Address:
    """`address` with the commit that its revision means now, or, offline, meant when it was last asked for.

    Raises Offline, RepositoryNotFound, RevisionNotFound, AccessDenied or HubUnreachable.
    """
    if address.pinned:
        return address
    if not offline:
        repository.check(address, "x")
    from huggingface_hub import HfApi, constants

    api = HfApi(library_name="generative-zoo", library_version=__version__)
    # The method asks this one, and alone would wait for ever on a network that swallows everything.
    vars(api)["repo_info"] = functools.partial(api.repo_info, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    with explained(str(address), address, "the repository"), checked(str(address)):
        found = api.resolve_revision(
            address.repo, revision=address.revision, cache_dir=cache_folder(), local_files_only=offline
        )
    commit = Address(address.repo, found.resolved)
    if not commit.pinned:
        raise HubUnreachable(
            f"{address}: what answers is not the Hub: its commit is {found.resolved[:100]!r}; expected 40 hexadecimal "
            "digits. Check HF_ENDPOINT."
        )
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
    most: int = CARD,
    looked: Path | None = None,
    spelling: str | None = None,
) -> Path:
    """The file of a pinned `address`, from the cache or else downloaded into it.

    name: the release, for messages; most: bytes that it may have; looked: the folder that was looked into before;
    spelling: what `zoo download` takes for the release, default the address. Raises Offline, WeightsNotFound,
    RepositoryNotFound, RevisionNotFound, AccessDenied, HubUnreachable, HubTimeout, TruncatedWeights or DiskFull.
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

    asking = checked(f"{name}: {filename}", commit=address.revision, most=most)
    repository.check(address, filename)
    with explained(name, address, filename), asking, warnings.catch_warnings():
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
                library_version=__version__,
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
            library_version=__version__,
        )
    except client as error:
        if any(kind.__name__ in ("ConnectError", "TimeoutException") for kind in type(error).__mro__):
            raise


def rejected(path: Path, error: WeightsError) -> WeightsError:
    """`error` about a file of the cache, which is set aside under another name so that it is downloaded again.

    What a link leads to outside of the repository's own folder is somebody else's: of that, the link is removed.
    """
    commits = path.parents[1]
    real = repository.last_link(commits.parent, path)
    if real is None:
        return type(error)(f"{error} It lies in {real_path(path.parent)} and was left as it is: remove {path.parent}.")
    aside = real.with_name(real.name + REJECTED)
    said = f"It was set aside as {aside}"
    try:
        if real.is_symlink():
            said = f"It was left as it is, at {real_path(real)}, and the link to it was removed"
            real.unlink()
        else:
            real.replace(aside)
        # Commits with the same file share it. Links to nowhere would make the whole repository look corrupt.
        for link in [commit / path.name for commit in commits.iterdir()]:
            if link.is_symlink() and not link.exists() and repository.holds(commits.parent, link):
                link.unlink(missing_ok=True)
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as reason:
        return type(error)(f"{error} It cannot be set aside ({reason.strerror}): remove {path}, then try again.")
    return type(error)(f"{error} {said}; the next call downloads it again.")

"""What can go wrong with the Hub, in words: errors of huggingface_hub and of its HTTP client as errors of ours."""

from __future__ import annotations

import errno
import functools
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from zoo._util.printable import printable
from zoo.errors import (
    AccessDenied,
    DiskFull,
    HubTimeout,
    HubUnreachable,
    Offline,
    RepositoryNotFound,
    RevisionNotFound,
    TruncatedWeights,
    WeightsError,
    WeightsNotFound,
    ZooError,
)
from zoo.hub.address import Address

P = ParamSpec("P")
T = TypeVar("T")
ATTEMPTS = 5  # at files that vanish, or are renewed, while they are read
# What huggingface_hub meets in answers of another shape than the Hub's.
UNLIKE = (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
NOT_THE_HUB = (
    "what answers is not the Hub, but perhaps a proxy or the log-in page of a network. Check the network and "
    "HF_ENDPOINT."
)


def cache_folder() -> Path:
    """The Hub's cache on this machine, as HF_HOME and HF_HUB_CACHE say."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository_folder(address: Address) -> Path:
    """Where the cache has, or would have, the repository."""
    from huggingface_hub import constants

    return (
        cache_folder() / f"models{constants.REPO_ID_SEPARATOR}{address.repo.replace('/', constants.REPO_ID_SEPARATOR)}"
    )


def repeated(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, called once more when a file that it found is gone by the time it is read, as when another process
    runs `zoo cache rm`; so that what it lost is downloaded again. Raises WeightsNotFound when that goes on."""

    @functools.wraps(function)
    def repeat(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(ATTEMPTS):
            try:
                return function(*args, **kwargs)
            except FileNotFoundError as error:
                if isinstance(error, ZooError):  # nowhere to be found from the beginning
                    raise
                gone = error
        raise WeightsNotFound(
            f"{gone.filename} was there and is gone, {ATTEMPTS} times in a row: another process removes it, such as "
            "zoo cache rm. Try again when that is done."
        ) from gone

    return repeat


@contextmanager
def explained(name: str, address: Address, what: str) -> Iterator[None]:
    """Errors of huggingface_hub and of its HTTP client as errors of ours."""
    from huggingface_hub import errors as hf

    # The base of all errors of the HTTP client, whichever this version of huggingface_hub has.
    client: Any = hf.HfHubHTTPError.__bases__[0]
    known = (client, OSError, hf.EntryNotFoundError, hf.RevisionResolutionError, hf.HFValidationError)
    try:
        yield
    except ZooError:  # said in our words already
        raise
    except (*known, *UNLIKE) as error:
        if not isinstance(error, known) and is_ours(error):
            raise
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
    if isinstance(cause, UnicodeEncodeError):
        return unsendable(head, cause)
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
    if isinstance(cause, (hf.FileMetadataError, *UNLIKE)):
        return HubUnreachable(f"{head}: {NOT_THE_HUB}")
    if isinstance(cause, (client, ConnectionError)):
        return HubUnreachable(f"{head}: it cannot be reached ({clean(cause)}). Check the network and HF_ENDPOINT.")
    if isinstance(cause, OSError) and cause.errno is None:  # how huggingface_hub says that the length is wrong
        return TruncatedWeights(f"{head}: {clean(cause).partition(' Please')[0]} Try again.")
    return None


def is_ours(error: BaseException) -> bool:
    """Whether an error was raised by zoo, or by what zoo itself called of Python's library: that is a mistake of ours,
    which no answer explains."""
    frames = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__))
    roots = [root for root in (name.partition(".")[0] for name in frames) if root not in sys.stdlib_module_names]
    return roots[-1:] == ["zoo"]


def unsendable(head: str, error: UnicodeEncodeError) -> WeightsError:
    """The error of a header with letters that none may have, which is the token's or one that the environment sets."""
    from huggingface_hub import get_token

    if not (get_token() or "").isascii():
        return AccessDenied(
            f"{head}: the token has letters that no token has. Log in again with hf auth login, or set HF_TOKEN."
        )
    return HubUnreachable(
        f"{head}: what is to be sent has letters that no request may have ({clean(error)}). Look at what the "
        "environment has huggingface_hub send, such as HF_HUB_USER_AGENT_ORIGIN."
    )


def _origin(address: Address) -> str:
    from huggingface_hub import constants

    at = f" at revision {address.revision}" if address.revision else ""
    return f"{address.repo}{at} on {constants.ENDPOINT}"


def _at_hand(address: Address) -> str:
    """What to do offline about a revision that was never asked for here: load a commit that is cached, if one is."""
    commits = sorted(path.parent.name for path in repository_folder(address).glob("snapshots/*/README.md"))
    if commits:
        return f"This machine has {' and '.join(str(Address(address.repo, commit)) for commit in commits)}."
    return f"Nothing of it is in {cache_folder()}. Where there is network, run: zoo download {address}"


def clean(said: object) -> str:
    """In one line, without the token, which a server might repeat, and without orders to a terminal."""
    return printable(hide_token(" ".join(str(said).split())))[:300]


def cleaned_log() -> None:
    """Have huggingface_hub's log, which repeats what a server says (X-HF-Warning), say it as `clean` does."""
    for handler in logging.getLogger("huggingface_hub").handlers:
        handler.addFilter(_clean_record)  # once, however often it is added


def _clean_record(record: logging.LogRecord) -> bool:
    record.msg, record.args = clean(record.getMessage()), ()
    return True


def hide_token(text: str) -> str:
    """`text` without the token of whoever is logged in."""
    from huggingface_hub import get_token

    token = get_token()
    return text.replace(token, "***") if token else text

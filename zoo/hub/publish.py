"""From a release folder to a repository on the Hub: everything is checked first, then sent in one commit.

`plan` looks at a folder and opens no socket; `upload` sends what was planned. Only the files of a release are ever
sent, whatever else lies in the folder.

A commit cannot hold its own hash. So the card that is uploaded names its repository and leaves the revision null: a
folder taken from the Hub is of whatever commit it was taken from. The local card, which is what an installed package
or a plugin ships, gets both, and with them pins the very commit.
"""
# Long because what may be wrong before, while and after something is sent has its sentence here.

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

import zoo
from zoo import building, golden, releases
from zoo.errors import AccessDenied, HubUnreachable, InvalidInput, PublishError, ZooError
from zoo.hub.address import COMMIT, REPOSITORY, is_offline
from zoo.hub.answers import JSON, check_thread, checked
from zoo.hub.failures import NOT_THE_HUB, UNLIKE, clean, is_ours, unsendable
from zoo.releases import hub_card, networks
from zoo.releases.cards import BUDGETS, CARD, GOLDEN, SAMPLES, WEIGHTS, Card
from zoo.releases.hub_card import LIBRARY, LICENSE, PUBLISHED
from zoo.releases.integrity import hash_file
from zoo.testing import check_model

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

_HUBS_OWN = {".gitattributes"}  # what the Hub itself puts into a new repository


@dataclasses.dataclass(frozen=True)
class Plan:
    """What would be uploaded where. card: as it would be on the Hub; files: sizes in bytes by name; left_out: what
    else is in the folder; check: finds what speaks against it; pinned: the commit of the repository that the folder's
    card pins."""

    folder: Path
    repo: str
    card: Card
    files: dict[str, int]
    left_out: list[str]
    check: Callable[[], list[str]]
    pinned: str | None

    @functools.cached_property
    def problems(self) -> list[str]:
        """What speaks against it, one sentence each. Looking for it takes up to a minute."""
        return self.check()

    def content(self, name: str) -> bytes:
        """Of a file, as it would be sent."""
        return self.card.render().encode() if name == CARD else (self.folder / name).read_bytes()


@dataclasses.dataclass(frozen=True)
class Published:
    """Where a release is now. `changed` is False when the repository held the very same files before."""

    repo: str
    revision: str
    url: str
    changed: bool


def plan(folder: Path, repo: str) -> Plan:
    """What uploading the release in `folder` to `repo`, "org/name", would be.

    Whoever asks for its `problems` has everything checked from card to behaviour: card and licences
    (`zoo.releases.hub_card`), files and their sizes, the sha256 on the card, that the model gives its golden tensors
    again and keeps the contract. Opens no socket. Raises InvalidInput for the name of the repository, WeightsNotFound
    for a folder that is no release, CardError.
    """
    _check_name(repo)
    release = releases.find(folder)
    files = {name: (release.folder / name).stat().st_size for name in PUBLISHED if (release.folder / name).is_file()}
    card = release.card

    def check() -> list[str]:
        # Weights that are not those on the card are not worth a try.
        return [*hub_card.problems(there), *_files(release, files), *(_weights(release) or _behaviour(release))]

    # One that is yet to be trained has no weights, which is one of the problems.
    there = card.replace(weights={**card.weights, "repo": repo, "revision": None}) if card.weights else card
    left_out = sorted(path.name for path in release.folder.iterdir() if path.name not in files)
    files[CARD] = len(there.render().encode())
    return Plan(release.folder, repo, there, files, left_out, check, _pinned(card, repo))


def plan_networks(repo: str) -> Plan:
    """The same of the feature networks, whose page becomes the card of a repository of their own."""
    _check_name(repo)
    page = networks.page()
    paths = {name: networks.FOLDER / name for name in (CARD, *page.hashes)}

    def check() -> list[str]:
        return [
            f"{paths[name]} is not there, or not what its page says. Restore it."
            for name, sha256 in page.hashes.items()
            if not paths[name].is_file() or hash_file(paths[name]) != sha256
        ]

    card = page.replace(weights={**page.weights, "repo": repo, "revision": None})
    files = {name: path.stat().st_size for name, path in paths.items() if path.is_file()}
    return Plan(networks.FOLDER, repo, card, files, [], check, _pinned(page, repo))


def unchanged(plan: Plan, *, private: bool = False) -> Published | None:
    """Where the Hub holds the very files of `plan`, at the commit that the local card pins; None where it does not, or
    does not tell. Sending them again would change nothing, and they were checked when they were sent."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    if plan.pinned is None:
        return None
    head = f"{plan.repo} was not looked at"
    with _explained(head), checked(head, most=JSON):
        try:
            there = HfApi(library_name=LIBRARY, library_version=zoo.__version__).model_info(
                plan.repo, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
            )
        except HfHubHTTPError:  # such as for a repository that was removed
            return None
        blobs = {str(each.rfilename): each.lfs.sha256 if each.lfs else each.blob_id for each in there.siblings or []}
    same = there.sha == plan.pinned and blobs.keys() - _HUBS_OWN == plan.files.keys()
    if (
        not same
        or (private and not there.private)
        or any(blobs[name] not in _names(plan.content(name)) for name in plan.files)
    ):
        return None
    return Published(plan.repo, plan.pinned, f"{constants.ENDPOINT}/{plan.repo}", changed=False)


def upload(plan: Plan, *, private: bool = False) -> Published:
    """Send what was planned in one commit, and pin repository and revision on the local card.

    The repository is made when it is not there. Sending the same files again changes nothing. Raises PublishError when
    the plan has problems, in offline mode, when the repository holds anything but a release or is public though
    `private` was asked for, and when the Hub refuses; AccessDenied without a token that may write, and HubUnreachable.
    The local card is then as it was, and so is the Hub, but that an empty repository may have been made.
    """
    if plan.problems:
        raise PublishError(f"{plan.folder} cannot be published: {' '.join(plan.problems)}")
    head = f"{plan.repo} was not published"
    with _explained(head), checked(head, most=JSON), warnings.catch_warnings():
        # The client uploads large files by a keyword that its own HTTP library is about to drop.
        warnings.filterwarnings("ignore", "Use 'content=", DeprecationWarning)
        published = _commit(plan, private, head)
    try:
        plan.card.replace(weights={**plan.card.weights, "revision": published.revision}).write()
    except OSError as error:
        raise PublishError(
            f"{plan.repo} is published at revision {published.revision}, but {plan.folder / CARD} cannot be written: "
            f"{error}. Write repo and revision under zoo.weights there."
        ) from error
    return published


def _check_name(repo: str) -> None:
    if not REPOSITORY.fullmatch(repo):
        raise InvalidInput(f"{repo!r} is no repository; expected org/name, for example your-name/dcgan-faces.")


def _pinned(card: Card, repo: str) -> str | None:
    return card.weights.get("revision") if card.weights.get("repo") == repo else None


def _names(content: bytes) -> tuple[str, str]:
    """What the Hub calls a file of this content: in git by its blob's hash, among large ones by its own."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), hashlib.sha256(content).hexdigest()


def check_access() -> None:
    """Raise PublishError in offline mode and AccessDenied when nobody is logged in. Asks nobody."""
    from huggingface_hub import get_token

    if is_offline(None):
        raise PublishError("nothing was published: offline mode is on. Unset ZOO_OFFLINE and HF_HUB_OFFLINE.")
    if get_token() is None:
        raise AccessDenied("publishing needs a token that may write. Log in with hf auth login, or set HF_TOKEN.")


def _files(release: releases.Release, files: dict[str, int]) -> Iterator[str]:
    """What is wrong with the files themselves, before any of them is used."""
    folder = release.folder
    for name in (GOLDEN, SAMPLES):
        if name not in files:
            yield f"{name} is not in {folder}. zoo train writes it."
    if LICENSE not in files and release.card.front.get("license_link") == LICENSE:
        yield f"{LICENSE} is not in {folder}, but license_link names it. Put the licence's text there."
    adopted = "origin" in release.card.zoo  # weights of somebody else, which are as large as they are
    for name, budget in BUDGETS.items():
        if files.get(name, 0) > budget and not (adopted and name == WEIGHTS):
            yield f"{name} has {files[name]} bytes; a release's may have {budget}."
    if SAMPLES in files and not _is_png(folder / SAMPLES):
        yield f"{SAMPLES} is no PNG. Make it again, with zoo generate or zoo train."


def _is_png(path: Path) -> bool:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):  # Pillow's words for a file that it cannot read
        return False
    return True


def _weights(release: releases.Release) -> list[str]:
    """Whether the weights are there and those that the card pins; hashed here, whatever was noted about them before."""
    path, pinned = release.folder / WEIGHTS, release.card.weights
    if not path.is_file():
        return [f"{WEIGHTS} is not in {release.folder}. zoo train writes it."]
    sha256, count = hash_file(path), path.stat().st_size
    if (pinned.get("sha256"), pinned.get("bytes")) == (sha256, count):
        return []
    return [
        f"{WEIGHTS} has {count} bytes and sha256 {sha256}, its card says {pinned.get('bytes')} and "
        f"{pinned.get('sha256')}. Restore the pair, or make the release again with zoo train."
    ]


def _behaviour(release: releases.Release) -> list[str]:
    """Where the model does not do what its golden tensors or the contract say."""
    try:
        model = building.load(release, offline=True)
    except ZooError as error:
        return [str(error)]
    try:
        golden.verify(model, release.folder / GOLDEN)
        broken = []
    except ZooError as error:
        broken = [str(error)]
    results = check_model(model, report=True)
    return broken + [f"{result.name}: {result.message}" for result in results if result.status == "failed"]


def _commit(plan: Plan, private: bool, head: str) -> Published:
    """The repository made if need be, looked at, and everything sent to it in one commit."""
    from huggingface_hub import CommitOperationAdd, HfApi, constants
    from huggingface_hub.errors import RepositoryNotFoundError

    check_access()
    api = HfApi(library_name=LIBRARY, library_version=zoo.__version__)
    # Asked for the first time with a limit: what follows has none, and would wait for ever on a silent network.
    with suppress(RepositoryNotFoundError):
        api.model_info(plan.repo, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    url = api.create_repo(plan.repo, private=private or None, exist_ok=True)
    there = api.model_info(plan.repo)
    foreign = sorted({str(file.rfilename) for file in there.siblings or []} - {*PUBLISHED, *plan.files, *_HUBS_OWN})
    if foreign:
        some = ", ".join(foreign[:5] + ["…"] * (len(foreign) > 5))
        raise PublishError(f"{plan.repo} exists and holds what is no release of zoo: {some}. Choose another --repo.")
    if private and not there.private:
        raise PublishError(f"{plan.repo} exists and is public. Change that in its settings, or leave out --private.")
    operations = [
        CommitOperationAdd(name, plan.content(name) if name == CARD else str(plan.folder / name)) for name in plan.files
    ]
    for operation in operations:  # several are sent from threads of the client's, of which each opens its file first
        opened = functools.partial(_opened, head, operation.as_file)
        vars(operation)["as_file"] = opened
    # With the parent named, the Hub refuses if somebody else commits after we looked.
    commit = api.create_commit(
        plan.repo,
        operations,
        commit_message=f"Publish {plan.card.name} with zoo {zoo.__version__}",
        parent_commit=there.sha,
    )
    if not COMMIT.fullmatch(str(commit.oid)):
        raise HubUnreachable(f"{plan.repo}: {NOT_THE_HUB} It says that the commit is {clean(commit.oid)}.")
    return Published(plan.repo, commit.oid, str(url), changed=commit.oid != there.sha)


def _opened(
    name: str, file: Callable[..., AbstractContextManager[Any]], **options: bool
) -> AbstractContextManager[Any]:
    """A file to send, and what the Hub answers to that checked."""
    check_thread(name, JSON)
    return file(**options)


@contextmanager
def _explained(head: str) -> Iterator[None]:
    """Errors of huggingface_hub and of its HTTP client as errors of ours. What the Hub said is told, a token never."""
    from huggingface_hub.errors import HfHubHTTPError

    # The base of all errors of the HTTP client, whichever this version of huggingface_hub has.
    client: Any = HfHubHTTPError.__bases__[0]
    try:
        yield
    except ZooError:  # said in our words already
        raise
    except HfHubHTTPError as error:
        raise _refusal(head, error) from error
    except UnicodeEncodeError as error:  # of a header
        if is_ours(error):
            raise
        raise unsendable(head, error) from error
    except (client, ConnectionError, TimeoutError) as error:
        raise HubUnreachable(
            f"{head}: the Hub cannot be reached ({clean(error)}). Check the network and HF_ENDPOINT."
        ) from error
    except UNLIKE as error:
        if is_ours(error):
            raise
        answer = not isinstance(error, ValueError) or isinstance(error, (json.JSONDecodeError, UnicodeError))
        if answer or any(words in str(error) for words in ("Malformed response", "improperly formatted")):
            raise HubUnreachable(f"{head}: {NOT_THE_HUB}") from error
        # A card, a file or a name that the Hub does not take.
        raise PublishError(f"{head}: {clean(error)}. Mend that, then publish again.") from error
    except RuntimeError as error:  # from the threads that send large files
        # Of an answer only the status: the rest has the address, which is signed for this upload.
        why: Any = error.__cause__
        why = f"status {why.response.status_code}" if isinstance(why, HfHubHTTPError) else why or "no reason given"
        raise HubUnreachable(
            f"{head}: sending the files broke off ({clean(f'{error} {why}')}). Try again later."
        ) from error


def _refusal(head: str, error: HfHubHTTPError) -> ZooError:
    """What a status of the Hub's means and what to do about it."""
    status = error.response.status_code
    head = f"{head}, the Hub says {status}: {clean(error.server_message or error.response.reason_phrase)}."
    if status == 401:
        return AccessDenied(f"{head} The token is not accepted: log in again with hf auth login, or set HF_TOKEN.")
    if status in (403, 404):
        return AccessDenied(f"{head} The token may not write there: use one that may, or another --repo.")
    if status == 429 or status >= 500:
        return HubUnreachable(f"{head} Try again later.")
    return PublishError(f"{head} Look at the repository, perhaps somebody else changes it; then publish again.")

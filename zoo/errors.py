"""What can go wrong. Every message says what came, what was expected and what to do next.

Each class also derives from the built-in exception a caller would expect (`ValueError`, `LookupError` …), so code that
knows nothing of zoo still catches the right thing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

__all__ = [
    "AccessDenied",
    "BegunAnew",
    "CapabilityError",
    "CardError",
    "ChecksumMismatch",
    "ConfigError",
    "ContractError",
    "Converted",
    "DataError",
    "DiskFull",
    "DuplicateName",
    "ExportError",
    "GoldenMismatch",
    "GoldenTooLarge",
    "HubTimeout",
    "HubUnreachable",
    "Interrupted",
    "InvalidInput",
    "LeftOut",
    "MissingExtra",
    "NameTaken",
    "NotSafetensors",
    "Offline",
    "OtherData",
    "Outdated",
    "PluginError",
    "PublishError",
    "Renamed",
    "RepositoryNotFound",
    "RevisionNotFound",
    "ShortRun",
    "TrainingError",
    "TruncatedWeights",
    "UnknownArchitecture",
    "UnknownName",
    "UnknownWord",
    "WeightsError",
    "WeightsMismatch",
    "WeightsNotFound",
    "WholeNumbers",
    "Widened",
    "ZooError",
]

SEVERAL = 5  # names that a sentence lists
_DECORATING = ("contextlib", "torch.utils._contextlib")  # modules whose frames lie between two of zoo's, and above all


class ZooError(Exception):
    """Base of all errors raised on purpose by zoo. The command line prints its message and exits with status 2."""


class InvalidInput(ZooError, ValueError):
    """An argument has the wrong type, shape, range or content."""


class GoldenTooLarge(InvalidInput):
    """A single sample is more than a golden file may hold."""


class CapabilityError(ZooError, NotImplementedError):
    """The model cannot honestly do what was asked."""


class UnknownName(ZooError, LookupError):
    """No architecture, release, data set, class … has this name."""


class DuplicateName(ZooError, LookupError):
    """Two plugins registered one name; say which with `plugin:name`."""


class PluginError(ZooError):
    """A plugin failed to import, misspelt a hook or registered something malformed."""


class Outdated(PluginError):
    """The plugin was made for a later zoo than this."""


class NameTaken(PluginError):
    """The plugin adds something under a name that another one has."""


class CardError(ZooError, ValueError):
    """A release folder's README.md has no valid front matter."""


class ConfigError(ZooError, ValueError):
    """A configuration or recipe has an unknown field or a value out of range."""


class WeightsError(ZooError):
    """The weights of a release cannot be used."""


class WeightsNotFound(WeightsError, FileNotFoundError):
    """The file is neither beside the card nor in the Hub's cache nor, so far as it was asked, on the Hub."""

    # FileNotFoundError's own formatting wants (errno, text); ours is a plain sentence.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class Offline(WeightsNotFound):
    """The file is not on this machine, and network access is forbidden."""


class RepositoryNotFound(WeightsNotFound):
    """The Hub has no such repository, or hides it from this user."""


class RevisionNotFound(WeightsNotFound):
    """The repository is there, but not at this revision."""


class AccessDenied(WeightsError, PermissionError):
    """The repository is gated, or the token is not accepted."""


class HubUnreachable(WeightsError, ConnectionError):
    """The Hub cannot be reached, fails, or something else answers in its place."""


class HubTimeout(HubUnreachable, TimeoutError):
    """The Hub took too long to answer."""


class DiskFull(WeightsError, OSError):
    """There is no room for a download."""


class NotSafetensors(WeightsError):
    """The file is a pickle, a web page or anything else that is not safetensors. It is never opened further."""


class TruncatedWeights(WeightsError):
    """The file ends before the tensors its header announces."""


class ChecksumMismatch(WeightsError):
    """The file's sha256 differs from the one on the card."""


class WeightsMismatch(WeightsError):
    """Tensor names or shapes differ from what the architecture needs."""


class UnknownArchitecture(WeightsError, LookupError):
    """The file's header names an architecture that is not registered."""


class GoldenMismatch(ZooError):
    """A model no longer gives the results stored in its golden file."""


class ExportError(ZooError):
    """A method of a model cannot be written for other runtimes, or would give other results there."""


class PublishError(ZooError):
    """A release was not published: the folder is not ready, or the Hub cannot be reached or refuses."""


class DataError(ZooError):
    """A data set is missing, damaged or does not fit the model."""


class TrainingError(ZooError):
    """A training run cannot start or go on."""


class MissingExtra(ZooError, ImportError):
    """An optional dependency is not installed."""


class ContractError(AssertionError):
    """A model breaks a promise that every model of the zoo makes. The message says which, what was seen, and what to
    change."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end. The text, if there is one, says what was saved before it did."""

    def __init__(self, text: str = "", number: int = 2) -> None:
        super().__init__(text)
        self.number = number  # of the signal; 2 is SIGINT


class Renamed(FutureWarning):
    """A name was used that something had before it was renamed."""


class BegunAnew(UserWarning):
    """A training run begins at its first step, for what there is of it has no checkpoint."""


class Widened(UserWarning):
    """Weights are stored in more digits than was asked for, since fewer would lose too much."""


class WholeNumbers(UserWarning):
    """Columns of a table hold whole numbers only, of which a density is not to be trusted."""


class UnknownWord(UserWarning):
    """A text has words that the model has not learned."""


class LeftOut(UserWarning):
    """Files of a folder, frames of an image, or labels of the rows of a table, were left out."""


class Converted(UserWarning):
    """Images were made smaller or larger, cut, or turned to grey, to be what a model takes."""


class OtherData(UserWarning):
    """A release is measured on other data than it was trained on, or on other images held out of them."""


class ShortRun(UserWarning):
    """A training run ends before the last phase of its objective begins."""


def nearest(name: str, known: Iterable[str], *, n: int = 3) -> str:
    """A sentence that helps after a misspelt `name`: the closest of `known`, or all of them when they are few; of many
    that are far from it, those that are least so."""
    known = sorted(set(known))
    if not known:
        return "None is registered."
    import difflib  # which takes a while, and an error
    import re

    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(each.casefold(), each)
    close = difflib.get_close_matches(name.casefold(), folded, n=n, cutoff=0.5)
    if not close and len(name) >= 3:  # a word of a longer name, or nearly
        words = {word for each in folded for word in re.split(r"\W", each)}
        meant = difflib.get_close_matches(name.casefold(), words, n=1, cutoff=0.75)
        close = [each for each in folded if {*meant} & {*re.split(r"\W", each)}][:n]
    if close:
        return f"Did you mean {' or '.join(repr(folded[c]) for c in close)}?"
    if len(known) <= 12:
        return f"Known: {', '.join(known)}."
    least = difflib.get_close_matches(name.casefold(), folded, n=6, cutoff=0)
    return f"There are {len(known)}; nearest are {', '.join(folded[each] for each in least)}."


def several(names: Sequence[str], listing: str) -> str:
    """The first few of `names`, and how many more the command `listing` lists; all when only one would be left out."""
    shown = SEVERAL if len(names) > SEVERAL + 1 else len(names)
    return ", ".join(names[:shown]) + (f", and {len(names) - shown} more: {listing}" if shown < len(names) else "")


def outside() -> int:
    """How many frames above the caller the first one lies that is neither zoo's own nor of what decorates zoo's
    functions: whom a warning is for."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and (
        (name := frame.f_globals.get("__name__", "")).partition(".")[0] == "zoo" or name in _DECORATING
    ):
        level, frame = level + 1, frame.f_back
    return level


def __dir__() -> list[str]:
    return __all__

"""A file of a repository on the Hub, from the nearest place that has it: the Hub's cache, a plugin's source, the Hub.

A source (hook `zoo_register_sources`) is a mirror, an object store or any other place that holds what is on the Hub. It
is asked for one file at a full commit, which always means the same file. What it gives is verified like a download and
never changed. One that fails is passed over with a warning, and named again when the Hub cannot help either; a file
that is not what its card says is an error at once, for somebody should know of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from zoo import registry
from zoo.errors import PluginError, WeightsError
from zoo.hub import download as hub
from zoo.hub.address import Address
from zoo.hub.answers import CARD
from zoo.hub.failures import clean, repeated
from zoo.registry.entries import Entry
from zoo.registry.plugins import raise_if_strict, text_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """A file on this machine, a phrase saying where it was found, and the source that gave it, if one did."""

    path: Path
    where: str
    source: Entry | None = None

    @property
    def cure(self) -> str:
        """What to do about a file of a source that is not what it should be."""
        if self.source is None:
            return ""
        return (
            f"It came from the source {self.source.qualified} and was left as it is. Repair it there, or do without "
            f"the plugin: pip uninstall {self.source.distribution}, or name the others in ZOO_PLUGINS."
        )

    def rejected(self, error: WeightsError) -> WeightsError:
        """`error` about this file, with what to do. One in the Hub's cache is set aside, one of a source left alone."""
        return hub.rejected(self.path, error) if self.source is None else type(error)(f"{error} {self.cure}")


@repeated
def fetch(
    name: str,
    address: Address,
    filename: str,
    *,
    offline: bool,
    most: int = CARD,
    looked: Path | None = None,
    spelling: str | None = None,
) -> Found:
    """The file of a pinned `address`: from the Hub's cache, from the first source that has it, or from the Hub.

    Arguments and errors are those of `hub.fetch`; its message tells what became of the sources. Raises PluginError for
    a source that fails when ZOO_STRICT_PLUGINS is set.
    """
    if (cached := hub.cached(address, filename)) is not None:
        return Found(cached, f"in the Hub's cache: {cached}")
    asked = []
    for source in registry.list_entries("weight sources"):
        try:
            path = _ask(source, address, filename, offline)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = clean(f"{type(error).__name__}: {text_of(error)}")
            said = f"{name}: the source {source.qualified} (package {source.distribution}) fails: {reason}"
            raise_if_strict(said, error, otherwise="the source is passed over")
            _log.warning("%s: the source %s fails and is passed over: %s", name, source.qualified, reason)
            asked.append(f"{source.qualified} failed ({reason})")
            continue
        if path is not None:
            return Found(path, f"from the source {source.qualified}: {path}", source)
        asked.append(f"{source.qualified} has no such file")
    try:
        path = hub.fetch(name, address, filename, offline=offline, most=most, looked=looked, spelling=spelling)
    except WeightsError as error:
        if not asked:
            raise
        raise type(error)(f"{error} Sources that were asked before: {'; '.join(asked)}.") from error
    return Found(path, f"downloaded from {address}: {path}")


def _ask(source: Entry, address: Address, filename: str, offline: bool) -> Path | None:
    """What the source answers, a file that can be read or None. Raises whatever it raises, and PluginError or OSError
    for an answer that is neither."""
    answer = source.resolve()(address.repo, address.revision, filename, offline=offline)
    if answer is None:
        return None
    # By its name, because the card is read from its folder.
    if not isinstance(answer, Path) or answer.name != filename:
        raise PluginError(f"it returned {answer!r}; expected None or the pathlib.Path of a file called {filename}.")
    with answer.open("rb"):
        return answer.absolute()

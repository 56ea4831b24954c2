"""What listings show of each card, as it was when the card was last read, so that many need not be parsed each time:
300 cards take a second to parse.

A note about a card counts only while the file is what it was: size, times and inode are compared at every use. Without
the index, or with one that is damaged or of another version, cards are read and all is the same but slower.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from zoo._util.atomic import replacing
from zoo._util.home import state_folder
from zoo._util.version import __version__
from zoo.releases.cards import CARD, Card

# A file changed again within the same tick of the file system's clock has the same times; young ones are not noted.
SETTLED = 10**9  # nanoseconds


@dataclasses.dataclass(frozen=True)
class Outline:
    """What a listing shows of a card, or asks it for. metrics: type, name and value of each."""

    architecture: str
    dataset: str
    space: str
    extent: str
    license: str
    license_name: str | None
    repo: str | None
    revision: str | None
    bytes: int | None
    metrics: list[list[Any]]

    @classmethod
    def of(cls, card: Card) -> Outline:
        """The outline of a card."""
        name, weights = card.front.get("license_name"), card.weights
        return cls(
            card.architecture,
            card.dataset,
            card.space,
            card.extent,
            card.license,
            None if name is None else str(name),
            weights.get("repo"),
            weights.get("revision"),
            weights.get("bytes"),
            [[metric["type"], metric["name"], metric["value"]] for metric in card.metrics],
        )


_FIELDS = [field.name for field in dataclasses.fields(Outline)]


class Index:
    """Outlines by folder; taken from the index on this machine where they are there, and kept there by `save`."""

    def __init__(self) -> None:
        self._path = state_folder() / "cards.json"
        self._known = _load(self._path)
        self._new: dict[str, list[Any]] = {}

    def read(self, folder: Path) -> Outline:
        """The outline of the card in `folder`. Raises CardError."""
        key = os.path.join(folder, CARD)  # a third of the time that pathlib takes, and there may be hundreds
        try:
            stat = os.stat(key)
        except OSError:
            return Outline.of(Card.read(folder))  # which says what is wrong
        state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        match self._known.get(key):
            case [seen, [str(), str(), str(), str(), *_] as values] if seen == state and len(values) == len(_FIELDS):
                return Outline(*values)
        outline = Outline.of(Card.read(folder))
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) >= SETTLED:
            self._new[key] = [state, list(dataclasses.astuple(outline))]
        return outline

    def save(self) -> None:
        """Note what was read anew. Best effort: on a read-only or full disk cards are simply read again next time."""
        if not self._new:
            return
        kept = {key: note for key, note in self._known.items() if os.path.exists(key)}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as temporary:
                cards = json.dumps(kept | self._new)
                temporary.write_text(f"{json.dumps(_header(cards))}\n{cards}\n", encoding="utf-8")
        except OSError:
            return


def _header(cards: str) -> dict[str, Any]:
    return {"zoo": __version__, "fields": _FIELDS, "sha256": hashlib.sha256(cards.encode()).hexdigest()}


def _load(path: Path) -> dict[str, Any]:
    """The notes; none of those of another version, or that are not as they were written."""
    try:
        header, _, cards = path.read_text(encoding="utf-8").removesuffix("\n").partition("\n")
        return dict(json.loads(cards)) if json.loads(header) == _header(cards) else {}
    except (OSError, ValueError, TypeError, RecursionError):
        return {}

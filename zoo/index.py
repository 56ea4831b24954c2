"""Front matters as they were when they were last read, so that listing many releases does not parse as many cards.

A note about a card counts only while the file is what it was: size, times and inode are compared at every use. Without
the index, or with one that is damaged or of another version, cards are read and all is the same but slower.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from zoo import __version__
from zoo.atomic import replacing
from zoo.cards import CARD, Card
from zoo.home import state_folder

# A file changed again within the same tick of the file system's clock has the same times; young ones are not noted.
SETTLED = 10**9  # nanoseconds


class Index:
    """Cards without their text, by folder; made from the index on this machine and kept there by `save`."""

    def __init__(self) -> None:
        self._path = state_folder() / "cards.json"
        self._known = _load(self._path)
        self._new: dict[str, list[Any]] = {}

    def read(self, folder: Path) -> Card:
        """The card of `folder`, its text left out where it is known already. Raises CardError."""
        key = str(folder / CARD)
        try:
            stat = os.stat(key)
        except OSError:
            return Card.read(folder)  # which says what is wrong
        state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        match self._known.get(key):
            case [seen, dict(front)] if seen == state:
                return Card(folder, front, "")
        card = Card.read(folder)
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) >= SETTLED and _survives(card.front):
            self._new[key] = [state, card.front]
        return card

    def save(self) -> None:
        """Note what was read anew. Best effort: on a read-only or full disk cards are simply read again next time."""
        if not self._new:
            return
        kept = {key: note for key, note in self._known.items() if os.path.exists(key)}
        self._known, self._new = kept | self._new, {}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as temporary:
                temporary.write_text(json.dumps({"zoo": __version__, "cards": self._known}))
        except OSError:
            return


def _load(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    match found:
        case {"zoo": version, "cards": dict(cards)} if version == __version__:
            return cards
    return {}


def _survives(front: dict[str, Any]) -> bool:
    """Whether JSON gives back what YAML gave, which may hold dates and NaN."""
    try:
        return bool(json.loads(json.dumps(front)) == front)
    except (TypeError, ValueError, RecursionError):
        return False

"""Names that people type: which of those that are known one means."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from zoo.errors import InvalidInput, UnknownName, nearest


def plain(name: str) -> str:
    """What names have in common that differ in case, in how Unicode composes their letters, or in spaces alone that are
    doubled or at an end."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold()).split())


def find(name: str, names: Sequence[str], missing: str) -> int:
    """The place in `names` of `name`, or else of the only one that is `plain` the same.

    Raises UnknownName, which begins with `missing` and the name and suggests others, and InvalidInput for a name that
    may mean several.
    """
    if name in names:
        return names.index(name)
    meant = [place for place, known in enumerate(names) if plain(known) == plain(name)]
    if not meant:
        raise UnknownName(f"{missing} {name!r}. {nearest(name, names)}")
    if len(meant) > 1:
        raise InvalidInput(
            f"{name!r} is as like {listed([names[place] for place in meant])}. Write one of them exactly."
        )
    return meant[0]


def alike(names: Sequence[str]) -> list[str]:
    """The first of `names` that are `plain` the same, or none."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        found.setdefault(plain(name), []).append(name)
    return next((each for each in found.values() if len(each) > 1), [])


def listed(names: Sequence[str]) -> str:
    """`names` in quotes, and as escapes where they would look alike."""
    composed = {unicodedata.normalize("NFC", name) for name in names}
    return " and ".join(map(ascii if len(composed) < len(names) else repr, names))

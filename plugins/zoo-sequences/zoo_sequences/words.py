"""Words of a text and back: what a sentence is cut into, without loss but for case and the width of spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

GLUED = "￭"  # before what follows without a space, as OpenNMT's tokenizer has it
UNITS = ("word", "character")
# A word with its apostrophe, as in qu'il and don't, or a sign that is neither letter nor space.
_PIECE = re.compile(r"\w+'?|[^\w\s]")
_PLAIN = str.maketrans({"’": "'", "￭": "-"})


def normalised(text: str) -> str:
    """`text` composed (NFC), in lower case, with straight apostrophes and single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).lower().translate(_PLAIN).split())


def pieces(text: str, unit: str = "word") -> list[str]:
    """The words and signs of a `normalised` text, with `GLUED` before those that follow without a space; or, if `unit`
    is "character", what is no space.

    >>> pieces("il n'est pas là.")
    ['il', "n'", '￭est', 'pas', 'là', '￭.']
    """
    if unit == "character":
        return [sign for sign in text if not sign.isspace()]
    found = list(_PIECE.finditer(text))
    ends = [0, *(piece.end() for piece in found)]
    glued = [piece.start() == end and piece.start() > 0 for piece, end in zip(found, ends, strict=False)]
    return [GLUED * with_last + piece.group() for piece, with_last in zip(found, glued, strict=True)]


def joined(parts: Sequence[str], unit: str = "word") -> str:
    """The text that `pieces` cut.

    >>> joined(["n'", "￭est", "pas"])
    "n'est pas"
    """
    if unit == "character":
        return "".join(parts)
    return "".join(part[1:] if part.startswith(GLUED) else f" {part}" for part in parts).removeprefix(" ")

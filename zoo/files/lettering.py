"""Text on pictures: a font, and the text in letters that the font has."""

from __future__ import annotations

import functools
import importlib.util
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NOWHERE = "\U0010fffe"  # which no font has, and draws as it does all that it lacks
DEJAVU = Path("mpl-data", "fonts", "ttf", "DejaVuSans.ttf")  # in matplotlib, with letters of many languages and arrows


def lettering(texts: Sequence[str], size: int) -> tuple[Any, list[str]]:
    """A PIL font of `size` pixels, and the texts as it can draw them: Pillow's, or matplotlib's, if that is installed
    and has more of the letters. A letter that it lacks is written without its marks, or by its name."""
    fonts = _fonts(size)
    lacking = [sum(_lacks(font, letter) for text in texts for letter in text) for font in fonts]
    font = fonts[lacking.index(min(lacking))]
    return font, ["".join(_drawn(font, letter) for letter in unicodedata.normalize("NFC", text)) for text in texts]


@functools.cache
def _fonts(size: int) -> tuple[Any, ...]:
    from PIL import ImageFont

    # The other engine, where it is installed, ends in a RuntimeError at marks that stand alone.
    found: list[Any] = [ImageFont.load_default(size).font_variant(layout_engine=ImageFont.Layout.BASIC)]  # type: ignore[union-attr]
    matplotlib = importlib.util.find_spec("matplotlib")
    for place in (matplotlib and matplotlib.submodule_search_locations) or ():
        if (path := Path(place) / DEJAVU).is_file():
            found.append(ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC))
    return tuple(found)


@functools.cache
def _lacks(font: Any, letter: str) -> bool:
    if letter == " ":
        return False
    drawn, box = font.getmask(letter), font.getmask(NOWHERE)
    return drawn.size == box.size and bytes(drawn) == bytes(box)


def _drawn(font: Any, letter: str) -> str:
    """The letter, or what stands for it in a font that lacks it."""
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    if kind in ("Cf", "Mn", "Me"):  # joins or marks what stands beside it, of which composed letters are
        return ""
    if not _lacks(font, letter):
        return letter
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    if plain and not any(_lacks(font, part) for part in plain):
        return plain
    return f"({unicodedata.name(letter, f'U+{ord(letter):04X}').lower()})"

"""Pictures in a terminal: by iTerm2's protocol, by textual-image, which knows others that can show some, or as coloured
blocks."""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from zoo.files import decoding

if TYPE_CHECKING:
    from PIL import Image

INLINE = ("iTerm.app", "iTerm2", "WezTerm")  # terminals, as they call themselves, that take OSC 1337
CELL = 8  # pixels of a picture that go into a column of theirs
BELOW = "▄"  # the lower half of a cell, in the colour of the letter, over that of the background


def draw(path: Path) -> None:
    """Draw the picture in `path`, as wide as the terminal, or as it is where it is narrower; nothing where there are to
    be no colours (TERM=dumb, NO_COLOR). Raises DataError for a file that is damaged or too large."""
    with decoding.opened(path) as picture:
        picture.load()  # what goes wrong below is not the file's fault
        whole = picture.convert("RGB")
    if os.environ.get("TERM") == "dumb" or os.environ.get("NO_COLOR"):
        return
    if _is_inline():
        print(inline(whole, shutil.get_terminal_size().columns))
        return
    # There are terminals that do not say how wide they are, and where nothing can be read none can be asked.
    if os.get_terminal_size().columns and sys.stdin is not None and sys.stdin.isatty():
        logging.getLogger("textual_image").setLevel(logging.ERROR)  # it tells of sizes that terminals do not
        with contextlib.suppress(ImportError):
            from textual_image.renderable import Image as Shown

            console, shown = Console(), Shown(whole)
            if shown.__rich_measure__(console, console.options).maximum > console.width:
                shown = Shown(whole, "auto", "auto")
            console.print(shown)
            return
    for line in blocks(whole, *shutil.get_terminal_size()):
        print(line)


def inline(picture: Image.Image, columns: int) -> str:
    """The picture as iTerm2 takes it (https://iterm2.com/documentation-images.html): a PNG within an escape sequence,
    so many columns wide at most."""
    picture.save(content := io.BytesIO(), "PNG")
    size, width = content.tell(), max(1, min(columns, picture.width // CELL))
    sent = base64.b64encode(content.getvalue()).decode()
    return f"\x1b]1337;File=inline=1;size={size};width={width}:{sent}\a"


def _is_inline() -> bool:
    """Whether the terminal says that it takes `inline`; tmux and screen, in which it says so too, pass none on."""
    within = os.environ.get("TERM", "").startswith(("tmux", "screen"))
    return not within and any(os.environ.get(name) in INLINE for name in ("TERM_PROGRAM", "LC_TERMINAL"))


def blocks(picture: Image.Image, columns: int, lines: int) -> Iterator[str]:
    """Lines of coloured blocks, two pixels of the picture in each cell, made to fit into a terminal."""
    from PIL.Image import Resampling

    room = max(1, columns), max(2, 2 * (lines - 2))
    scale = min(room[0] / picture.width, room[1] / picture.height, 1)
    width, height = max(1, round(scale * picture.width)), max(2, round(scale * picture.height) // 2 * 2)
    small = picture.convert("RGB").resize((width, height), Resampling.BOX)
    rows = [[small.getpixel((x, y)) for x in range(width)] for y in range(height)]
    for above, below in zip(rows[::2], rows[1::2], strict=True):
        cells = [f"\x1b[48;2;{_code(up)};38;2;{_code(down)}m{BELOW}" for up, down in zip(above, below, strict=True)]
        yield "".join(cells) + "\x1b[0m"


def _code(colour: object) -> str:
    assert isinstance(colour, tuple)
    return ";".join(map(str, colour))

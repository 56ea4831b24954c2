"""What commands print: plain lines, tables that fit the terminal, JSON."""

from __future__ import annotations

import functools
import itertools
import json
import math
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from zoo._util.printable import printable, printable_json
from zoo._util.processes import is_first
from zoo.releases.record import Record
from zoo.releases.record import number as number

WIDTH = 100  # of a table that does not go to a terminal
GAP = "  "  # between its columns


def say(text: str = "") -> None:
    """Print a line; under torchrun only the first process does."""
    if is_first():
        typer.echo(printable(text))


def note(text: str) -> None:
    """Print a remark on stderr, out of the way of the output proper."""
    typer.echo(printable(text), err=True)


def say_json(value: Any) -> None:
    """Print `value` as JSON, as `say` does. What JSON lacks is adapted: NaN and infinities become null, other objects
    their text."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str, allow_nan=False)
    if is_first():
        typer.echo(printable_json(text))


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    groups: Mapping[str, Sequence[object]] | None = None,
) -> None:
    """Print rows in columns. The first column is never broken, the others fold where the terminal is too narrow, the
    widest first and between words; what is too wide all the same is left for the terminal to wrap.

    right: headers of the columns that are aligned on the right. groups: as many of the rows, in order, below each of
    these titles.
    """
    # rich draws tables too, but takes a millisecond for each row, which many plugins would make many.
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(map(_cells, column)) for column in columns]
    titles = _titles(groups or {})
    if (excess := sum(widths) + len(GAP) * (len(widths) - 1) - _width()) > 0:
        least = [max(_cells(word) for text in column for word in (column[0], *text.split())) for column in columns]
        least[0] = widths[0]
        for _ in range(excess):
            width, widest = max((width, i) if width > least[i] else (0, 0) for i, width in enumerate(widths))
            widths[widest] -= 1 if width else 0
    lines = []
    for place, row in enumerate((headers, *rows)):
        lines += titles.get(place, [])
        folded = [_fold(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in itertools.zip_longest(*folded, fillvalue=""):
            cells = [
                _pad(part, width, header in right) for header, part, width in zip(headers, parts, widths, strict=True)
            ]
            lines.append(GAP.join(cells).rstrip())
    if is_first():
        head, *rest = map(printable, lines)
        typer.echo("\n".join([typer.style(head, bold=True), *rest]))


def fitting(rows: Sequence[Sequence[str]], *, least: int) -> int:
    """How many of the first columns fit the terminal side by side, without folding any; at least so many."""
    widths = [max(map(_cells, column)) for column in zip(*rows, strict=True)]
    ends = itertools.accumulate(width + len(GAP) for width in widths)
    return max(least, sum(end - len(GAP) <= _width() for end in ends))


def _width() -> int:
    """Columns of the terminal, or of what goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or WIDTH)


def _titles(groups: Mapping[str, Sequence[object]]) -> dict[int, list[str]]:
    """Lines to print before rows, by the places of these, the first row being 1."""
    starts = itertools.accumulate(map(len, groups.values()), initial=1)
    return {start: ["", title] for start, title in zip(starts, groups, strict=False)}


def _fold(text: str, width: int) -> list[str]:
    return [text] if _cells(text) <= width else textwrap.wrap(text, width, break_on_hyphens=False)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _cells(text))
    return space + text if right else text + space


@functools.lru_cache(4096)
def _cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if max(text, default="") < "\u0300":  # below, all signs take one
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def floor(record: Record) -> str:
    """What real data score: held-out images, and, where it was measured, other training images."""
    other = f" (train {number(record.number('floor_train'))})" if "floor_train" in record.args else ""
    return number(record.floor) + other


def size(count: int | None) -> str:
    """A number of bytes for people."""
    if not count:
        return "–"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def plural(count: int, what: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

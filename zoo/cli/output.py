"""What commands print: plain lines, tables that fit the terminal, JSON."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

WIDTH = 100  # of a table that does not go to a terminal


def say(text: str = "") -> None:
    """Print a line; under torchrun only the first process does."""
    if os.environ.get("RANK", "0") == "0":
        typer.echo(text)


def note(text: str) -> None:
    """Print a remark on stderr, out of the way of the output proper."""
    typer.echo(text, err=True)


def say_json(value: Any) -> None:
    """Print `value` as JSON. What JSON lacks is adapted: NaN and infinities become null, other objects their text."""
    typer.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str, allow_nan=False))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print rows in columns. The first column is never broken, the others fold where the terminal is too narrow.

    right: headers of the columns that are aligned on the right.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, header in enumerate(headers):
        justify = "right" if header in right else "left"
        grid.add_column(header, no_wrap=position == 0, overflow="fold", justify=justify)  # type: ignore[arg-type]
    grid.columns[0].min_width = max(len(row[0]) for row in rows)
    for row in rows:
        # Text, so that square brackets in a cell are not taken for markup.
        grid.add_row(*(Text(cell) for cell in row))
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or WIDTH)
    console = Console(width=width, highlight=False)
    # rich would cut off what does not fit even when folded; let the terminal wrap such lines instead.
    needed = Measurement.get(console, console.options.update(max_width=10_000), grid).minimum
    console.width = max(console.width, needed)
    console.print(grid)


def real(metric: dict[str, Any]) -> str:
    """What real data score: held-out images, and, where it was measured, other training images."""
    args = metric.get("args") or {}
    other = f" (train {number(args['floor_train'])})" if "floor_train" in args else ""
    return number(args.get("floor")) + other


def number(value: float | None) -> str:
    """Four significant digits, or a dash for None."""
    return "–" if value is None else f"{value:.4g}"


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

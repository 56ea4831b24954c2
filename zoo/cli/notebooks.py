"""`zoo notebook`: lectures as Jupyter notebooks. Their sources are pages of Markdown in `zoo/notebooks/`, whose fenced
blocks of Python are the cells of code. It imports no torch.

An exercise is three blocks, one after another: ```` ```python exercise ````, with a function that is yet to be written
and gives None; ```` ```python solution ````, the same written; and ```` ```python check ````, which prints `TODO` for
the former and `RIGHT` for the latter, and raises for what is wrong.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from zoo._util.atomic import replacing
from zoo._util.paths import user_path
from zoo._util.version import __version__
from zoo.cli.options import Force
from zoo.cli.output import say, table
from zoo.cli.targets import refuse
from zoo.errors import InvalidInput, UnknownName, nearest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = (  # in the order of a course
    "autoencoders-and-pca",
    "vae-and-its-latent-space",
    "gans-and-how-they-fail",
    "wasserstein",
    "flows-from-scratch-to-glow",
    "translation",
    "style",
    "which-model-for-what",
)
TODO, RIGHT = "Not solved yet.", "Right."
Variant = Literal["exercises", "solutions", "both"]

_BLOCK = re.compile(r"^```python *(\w*)\n(.*?)^```$\n?", re.DOTALL | re.MULTILINE)


def title(name: str) -> str:
    """What a lecture is about: its first heading."""
    return _text(name).partition("\n")[0].removeprefix("# ")


def notebook(name: str, variant: Variant = "exercises") -> dict[str, Any]:
    """A lecture as a notebook, for `json.dump`. variant: what of an exercise it has: a function yet to be written, or
    the solution; "both" has them one after the other, each followed by the check. Raises UnknownName."""
    cells = [_cell(number, kind, text) for number, (kind, text) in enumerate(_cells(_text(name), variant))]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}, "zoo": {"notebook": name, "zoo": __version__}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": about, "cells": cells}


def write(name: str, path: Path, *, solutions: bool = False, force: bool = False) -> None:
    """Write a lecture to `path`, in one step. force: over somebody's work that is there, too. Raises UnknownName, and
    InvalidInput for what is there already."""
    made = notebook(name, "solutions" if solutions else "exercises")
    if path.suffix != ".ipynb":
        raise InvalidInput(f"{path} is no name of a notebook. Choose one that ends in .ipynb (--out).")
    refuse([path], force=force)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def begun(incomplete: str) -> list[str]:
    """Names that begin so, for a shell to complete."""
    return [name for name in NAMES if name.startswith(incomplete)]


def command(
    name: Annotated[
        str | None, typer.Argument(help="Which to write; without a name they are listed.", autocompletion=begun)
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help="A new file, or a folder/. Default: NAME.ipynb.")
    ] = None,
    solutions: Annotated[bool, typer.Option("--solutions", help="With the exercises solved.")] = False,
    force: Force = False,
) -> None:
    """List lectures, or write one as a Jupyter notebook.

    Each runs from top to bottom on two cores in a few minutes, with exercises that check themselves.
    """
    if name is None:
        if out or solutions or force:
            raise InvalidInput("there is nothing to write without a name. zoo notebook lists them.")
        table(("notebook", "what it is about"), [(each, title(each)) for each in NAMES])
        say()
        say("Write one: zoo notebook NAME")
        return
    path = user_path(out or f"{name}.ipynb")
    if path.is_dir() or (out or "").endswith(("/", os.sep)):
        path /= f"{name}.ipynb"
    write(name, path, solutions=solutions, force=force)
    say(str(path))
    say(f"Next: pip install 'generative-zoo[train]' jupyterlab && jupyter lab {shlex.quote(str(path))}")


COMMANDS = {"notebook": command}


def _text(name: str) -> str:
    if name not in NAMES:
        raise UnknownName(f"no notebook is called {name!r}. {nearest(name, NAMES)}")
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def _cells(page: str, variant: Variant) -> Iterator[tuple[str, str]]:
    """Kind and text of each cell: "text", "code", "exercise", "solution" or "check"."""
    left_out = {"exercises": "solution", "solutions": "exercise", "both": ""}[variant]
    end, blocks = 0, list(_BLOCK.finditer(page))
    for place, block in enumerate(blocks):
        if text := page[end : block.start()].strip():
            yield "text", text
        end, kind = block.end(), block[1] or "code"
        if kind != left_out:
            yield kind, block[2].strip()
        if kind == "exercise" and variant == "both":
            yield "check", blocks[place + 2][2].strip()
    if text := page[end:].strip():
        yield "text", text


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    head = {"id": f"cell-{number}", "metadata": {} if kind in ("text", "code") else {"tags": [kind]}}
    lines = text.splitlines(keepends=True)
    if kind == "text":
        return {"cell_type": "markdown", **head, "source": lines}
    return {"cell_type": "code", **head, "execution_count": None, "outputs": [], "source": lines}

"""Looking at a release: `zoo show`. It imports no torch."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from zoo import releases
from zoo.cli.options import Name
from zoo.cli.output import say
from zoo.errors import InvalidInput
from zoo.releases.cards import SAMPLES
from zoo.releases.files import optional_file


def show(
    name: Name,
    open_: Annotated[bool, typer.Option("--open", help="Open the picture in the system's viewer instead.")] = False,
) -> None:
    """Draw a release's samples in the terminal.

    iTerm2 and WezTerm show the picture itself, as do kitty and those that know sixel if textual-image is installed (pip
    install 'generative-zoo[terminal]'); others get coloured blocks. In a pipe or a file, and without colours, the path
    of the picture is all.
    """
    release = releases.find(name)
    path = optional_file(release, SAMPLES)
    if path is None:
        raise InvalidInput(f"{release.name} has no {SAMPLES}. Draw some: zoo generate {shlex.quote(name)}")
    if open_:
        typer.launch(str(path))
    elif _is_terminal():
        from zoo.cli.terminal import draw

        draw(path)
    say(str(path))


def _is_terminal() -> bool:
    return sys.stdout.isatty()


COMMANDS = {"show": show}

"""For authors of plugins: `zoo plugin new` writes one to begin with. It does not need torch."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.output import say
from zoo.testing import scaffold

group = typer.Typer(rich_markup_mode=None, add_completion=False, help="Write a plugin.")


@group.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Of the architecture: lower-case letters, digits and hyphens.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="The folder to write, a new one. Default: zoo-NAME."),
    ] = None,
) -> None:
    """Write a package with a small model that works, to be made into one of your own.

    It has an architecture, the card of a release that is yet to be trained, and a test.
    """
    files = scaffold.write(name, out)
    for file in files:
        say(str(file))
    folder = shlex.quote(str(out or f"{scaffold.PREFIX}{name}"))
    say(f"Next: cd {folder} && pip install -e '.[dev]' && pytest")


GROUPS = {"plugin": group}

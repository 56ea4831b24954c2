"""`zoo reference`: all of zoo's Python as pages. It imports torch when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo._util.paths import user_path
from zoo.cli.options import Force
from zoo.cli.output import plural, say


def command(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the pages.")] = Path("reference"),
    force: Force = False,
) -> None:
    """Write the reference of zoo's Python, as pages for a browser.

    In a site that zoo gallery wrote, --out site/reference is where its hall looks for it.
    """
    from zoo.reports.gallery import reference

    folder = user_path(out)
    say(f"Wrote {folder}: {plural(reference.write(folder, force=force), 'page')}.")


COMMANDS = {"reference": command}

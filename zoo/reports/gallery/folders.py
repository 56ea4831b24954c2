"""The folder of a site: written whole or not at all, and over a site of its kind alone."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo._util.atomic import making
from zoo._util.paths import real_path
from zoo.errors import InvalidInput

HALL = "index.html"


def checked(folder: Path, mark: str, kind: str, *, force: bool) -> Path:
    """`folder`, resolved, if a site may be written there: where nothing is or, with `force`, over one of its `kind`,
    which is known by the file `mark` in it. Raises InvalidInput otherwise."""
    folder = real_path(folder)  # "." has no name
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return folder
    if not (folder / mark).is_file() or not (folder / HALL).is_file():
        raise InvalidInput(f"{folder} is there already and no {kind}. Choose another --out.")
    if not force:
        raise InvalidInput(
            f"{folder} is there already. Look at it by zoo gallery --serve --out {shlex.quote(str(folder))}, write "
            "over it (--force), or choose another --out."
        )
    if hidden := sorted(path.name for path in folder.glob(".*")):
        raise InvalidInput(f"{folder} also holds {hidden[0]}, which would be lost. Choose another --out, and copy it.")
    return folder


@contextmanager
def anew(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `folder`, checked before, when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder if not folder.exists() else folder.with_name(f"{folder.name}.new")
    with making(new) as site:
        yield site
    if new != folder:
        old = folder.with_name(f".{new.name}.old")
        folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old)

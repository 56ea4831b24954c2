"""The folder that a repository has in the Hub's cache, and links in it that lead elsewhere.

A cache may be shared, or unpacked from somebody's archive. Nothing of it is written, renamed or removed that does not
lie in the repository's own folder, wherever the links on the way lead.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from zoo._util.paths import real_path
from zoo.errors import WeightsError
from zoo.hub.address import Address
from zoo.hub.failures import cache_folder, repository_folder

HOPS = 8  # links in a row that are followed; huggingface_hub makes two


def holds(folder: Path, path: Path) -> bool:
    """Whether the name `path` lies within `folder`; what it leads to, if it is a link, may lie elsewhere."""
    try:
        path.parent.stat()
    except OSError as error:  # such as of what is not yet there
        if error.errno == errno.ELOOP:  # of links that lead in a circle
            return False
    return real_path(path.parent).is_relative_to(real_path(folder))


def last_link(folder: Path, path: Path) -> Path | None:
    """Of the names that `path` leads to, one link after the other, the last that lies within `folder`; None when `path`
    itself does not."""
    last = None
    for _ in range(HOPS):
        if not holds(folder, path):
            break
        last = real_path(path.parent) / path.name
        if not last.is_symlink():
            break
        path = last.parent / os.readlink(last)
    return last


def check(address: Address, filename: str) -> None:
    """Raise WeightsError when downloading the file at a revision would write elsewhere than into the folder."""
    folder, revision = repository_folder(address), address.revision or "main"
    for name in ("blobs/x", f"snapshots/{revision}/{filename}", f"refs/{revision}", f".no_exist/{revision}/{filename}"):
        if not holds(folder, folder / name):
            place = (folder / name).parent
            there = real_path(place)
            astray = "in a circle" if there.is_relative_to(real_path(folder)) else f"out of {folder}, to {there}"
            raise WeightsError(
                f"{address}: {place} leads {astray}, where nothing is written. Remove the link, or set HF_HUB_CACHE to "
                f"another folder than {cache_folder()}."
            )

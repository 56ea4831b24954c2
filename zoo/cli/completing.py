"""Words that a shell may complete a command line with: names of releases and architectures, folders, and settings."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from zoo import registry, releases
from zoo.cli.declared import full_names
from zoo.errors import ZooError


def releases_or_folders(incomplete: str) -> list[str]:
    """Names of releases and of architectures with a default one that begin so, and folders, whose names need no
    `./` here, since a shell completes what is typed."""
    defaults = [each.qualified for each in registry.list_entries("architectures") if each.default]
    return [*_begun([*releases.list_releases(), *defaults], incomplete), *_folders(incomplete)]


def releases_or_architectures(incomplete: str) -> list[str]:
    """Names of releases and of all architectures that begin so, and folders."""
    names = [each.qualified for each in registry.list_entries("architectures")]
    return [*_begun([*releases.list_releases(), *names], incomplete), *_folders(incomplete)]


def settings(ctx: Any, incomplete: str) -> list[str]:
    """What `--set` takes for the architecture or release that is named before: `steps=`, `config.width=` …"""
    with contextlib.suppress(ZooError):
        # What stands before an option without its value is not read as arguments yet.
        found = releases.describe(ctx.params.get("name") or next(iter(ctx.args), ""), offline=True)
        return _begun([f"{row['name']}=" for row in full_names(found)], incomplete)
    return []


def _begun(names: list[str], incomplete: str) -> list[str]:
    return sorted(name for name in set(names) if name.startswith(incomplete))


def _folders(incomplete: str) -> list[str]:
    """Folders that begin so, once a path is begun."""
    if not incomplete.startswith((".", "/", "~")):
        return []
    head, _, tail = incomplete.rpartition("/")
    parent = Path(f"{head}/" if head or incomplete.startswith("/") else ".").expanduser()
    with contextlib.suppress(OSError):
        found = [each.name for each in parent.iterdir() if each.is_dir() and each.name.startswith(tail)]
        return sorted(f"{head}/{name}/" if "/" in incomplete else f"{name}/" for name in found)
    return []

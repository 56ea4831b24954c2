"""Words that a shell may complete a command line with: names of releases and architectures, folders, and settings."""

from __future__ import annotations

import contextlib
import importlib
import os
import unicodedata
from typing import Any

import typer

from zoo import registry, releases
from zoo._util.paths import user_path
from zoo.cli.declared import full_names
from zoo.errors import ZooError

SCRIPTS = {  # of typer, which `zoo --install-completion` installs: what stands in them, and what is better
    # zsh calls the file as the function when the first word is completed; then it has to complete, too.
    "zsh": (
        "compdef %(complete_func)s %(prog_name)s",
        "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then %(complete_func)s; fi\n"
        "compdef %(complete_func)s %(prog_name)s",
    ),
    # After a setting its value follows, and after a folder what is in it; bash would put a space.
    # The bash of macOS, 3.2, has no compopt.
    "bash": ("    return 0", "    [[ ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null\n    return 0"),
}
SEPARATORS = ("/", "\\") if os.name == "nt" else ("/",)


def mend_scripts() -> None:
    """Put what is better into typer's scripts, where they are as and where they were: the module is private."""
    known = dict[str, str]()
    with contextlib.suppress(ImportError, AttributeError):
        known = importlib.import_module("typer._completion_shared")._completion_scripts
    for shell, (there, better) in SCRIPTS.items():
        if better not in known.get(shell, better):
            known[shell] = known[shell].replace(there, better)


def release(help: str, metavar: str | None = None) -> Any:
    """An argument that is a release, or its folder, which is completed."""
    return typer.Argument(help=help, metavar=metavar, autocompletion=releases_or_folders)


def release_names(incomplete: str) -> list[str]:
    """Names of releases that begin so, of what takes no folders."""
    return _begun(releases.list_releases(), incomplete)


def releases_or_folders(incomplete: str) -> list[str]:
    """Names of releases and of architectures with a default one that begin so, and folders, whose names need no
    `./` here, since a shell completes what is typed."""
    defaults = [each.qualified for each in registry.list_entries("architectures") if each.default]
    return [*_begun([*releases.list_releases(), *defaults], incomplete), *_folders(incomplete)]


def releases_or_architectures(incomplete: str) -> list[str]:
    """Names of releases and of all architectures that begin so, and folders."""
    names = [each.qualified for each in registry.list_entries("architectures")]
    return [*_begun([*releases.list_releases(), *names], incomplete), *_folders(incomplete)]


def releases_or_datasets(incomplete: str) -> list[str]:
    """Names of releases and of the data sets that they are of, that begin so, and folders."""
    names = releases.list_releases()
    datasets = [releases.find(name, offline=True).outline.dataset for name in names]
    return [*_begun([*names, *datasets], incomplete), *_folders(incomplete)]


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
    """Folders that begin so, composed or decomposed, once a path is begun, but for names that no terminal shows."""
    if not incomplete.startswith((".", "~", *SEPARATORS)) and not os.path.splitdrive(incomplete)[0]:
        return []
    cut = max(incomplete.rfind(separator) for separator in SEPARATORS) + 1
    head, tail = incomplete[:cut], _composed(incomplete[cut:])
    with contextlib.suppress(OSError):
        found = [each.name for each in user_path(head or ".").iterdir() if each.is_dir() and each.name.isprintable()]
        return sorted(f"{head}{name}/" for name in found if _composed(name).startswith(tail))
    return []


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)

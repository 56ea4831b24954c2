"""Weights from the Hub: `zoo download` brings them here, `zoo cache` looks after them. Neither needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo import releases
from zoo._util.home import state_folder
from zoo._util.paths import user_path
from zoo.cli import completing
from zoo.cli.arguments import stem_of
from zoo.cli.options import Json
from zoo.cli.output import note, plural, say, say_json, size, table
from zoo.errors import InvalidInput, ZooError
from zoo.hub.address import PREFIX
from zoo.hub.failures import cache_folder
from zoo.releases import cached as cache
from zoo.releases import files, networks
from zoo.releases.cards import WEIGHTS

group = typer.Typer(rich_markup_mode=None, add_completion=False, help="List, verify and remove what was downloaded.")

Names = Annotated[list[str] | None, completing.release("Releases, or addresses hf:org/repo@revision.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


def download(
    names: Names = None,
    every: Annotated[bool, typer.Option("--all", help="All releases.")] = False,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy each to DIR/NAME, to be carried to other machines.")
    ] = None,
) -> None:
    """Bring releases to this machine, verified.

    Without --to they go to the Hub's cache, unless a plugin's source has them, and zoo needs no network for them from
    then on; with --all neither for the feature networks that metrics compare by. With --to each becomes a release
    folder, which can be loaded by its path; a good copy that is there already is kept.
    """
    for name in _which(names, every, releases.list_releases()):
        release = releases.find(name)
        if to is None:
            found = files.collect(release)
            room = size(cache.total(found.values()))
            say(f"{release.name}: {plural(len(found), 'file')}, {room}, verified, in {found[WEIGHTS].parent}")
        else:
            folder = user_path(to) / stem_of(name)
            copied = files.copy_to(release, folder)
            say(f"{release.name}: {'verified, in' if copied else 'verified and kept as it was, in'} {folder}")
    if every and to is None:
        paths = [networks.find(name)[0] for name in networks.page().weights["sha256"]]
        room = size(cache.total(paths))
        say(f"feature networks: {plural(len(paths), 'file')}, {room}, verified, in {paths[0].parent}")


@group.command("ls")
def list_(as_json: Json = False) -> None:
    """List the releases in the Hub's cache."""
    found = cache.contents()
    if as_json:
        say_json([_facts(entry) for entry in found.entries])
        return
    _note_of_home()
    if not found.entries:
        note(f"No release is in the Hub's cache {cache_folder()}.")
        return
    rows = [
        (
            f"{PREFIX}{entry.address.repo}",
            (entry.address.revision or "")[:12],
            ", ".join(entry.refs) or "–",
            ", ".join(entry.releases) or "–",
            "yes" if WEIGHTS in entry.files or entry.address == networks.page().address else "no",
            size(entry.size),
        )
        for entry in found.entries
    ]
    table(("repository", "commit", "branch", "release", "weights", "size"), rows, right=("size",))
    say()
    say(f"{plural(len(rows), 'release')}, {size(sum(entry.size for entry in found.entries))}, in {cache_folder()}")
    for paths, what in ((found.rejected, "set aside as damaged"), (found.incomplete, "left by broken-off downloads")):
        if paths:
            room = size(cache.total(paths))
            note(f"{plural(len(paths), 'file')} {what}, {room}; zoo cache rm of the repository removes them too.")


@group.command("verify")
def verify(names: Names = None) -> None:
    """Hash cached weights anew and compare them with their cards.

    All of them unless some are named. A file that is not what its card says is set aside, to be downloaded again when
    it is needed; status 1 then.
    """
    entries = cache.contents().entries
    failed = 0
    for entry in cache.named(entries, names) if names else entries:
        try:
            sha256 = cache.check(entry)
            say(f"ok      {entry.address}: {f'sha256 {sha256}' if sha256 else 'no weights cached'}")
        except ZooError as error:
            failed += 1
            say(f"failed  {entry.address}: {' '.join(str(error).split())}")
    if not entries:
        note(f"No release is in the Hub's cache {cache_folder()}.")
    raise typer.Exit(int(failed > 0))


@group.command("rm")
def remove(
    names: Names = None,
    every: All = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove releases from the Hub's cache. What other programs keep there is left alone.

    With --all also what is kept in ZOO_HOME: decoded images, graphs of galleries, and what runs them in a browser.
    """
    entries = cache.contents().entries
    chosen = entries if every and not names else cache.named(entries, _which(names, every, ()))
    freed = cache.remove(chosen, dry_run=dry_run)
    if every:
        freed += cache.remove_at_home(dry_run=dry_run)
    for entry in chosen:
        say(f"{'Would remove' if dry_run else 'Removed'} {entry.address} ({size(entry.size)})")
    say(f"{size(freed)} {'would be' if dry_run else 'are'} free again.")


def _note_of_home() -> None:
    if kept := cache.at_home():
        room = size(cache.total(kept))
        files = f"{plural(len(kept), 'file')} of decoded images and galleries, {room}, in {state_folder()}"
        note(f"{files}; zoo cache rm --all removes them.")


COMMANDS = {"download": download}
GROUPS = {"cache": group}


def _which(names: list[str] | None, every: bool, known: list[str] | tuple[str, ...]) -> list[str]:
    if bool(names) == every:
        raise InvalidInput("say which: name them, or pass --all (not both).")
    return list(names or known)


def _facts(entry: cache.Entry) -> dict[str, object]:
    return {
        "name": str(entry.address),
        "repo": entry.address.repo,
        "revision": entry.address.revision,
        "refs": entry.refs,
        "releases": entry.releases,
        "files": entry.files,
        "size": entry.size,
        "folder": entry.folder,
    }

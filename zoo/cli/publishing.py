"""To the Hub: `zoo card` shows and checks a model card, `zoo publish` uploads a release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo import registry, releases
from zoo._util.paths import real_path
from zoo.cli import completing
from zoo.cli.output import plural, say, size
from zoo.errors import InvalidInput
from zoo.registry.names import BUILT_IN
from zoo.releases import networks
from zoo.releases.cards import CARD, read_text

if TYPE_CHECKING:
    from zoo.hub.publish import Plan


def card(
    name: Annotated[str, completing.release("A release or a release folder.")],
    check: Annotated[bool, typer.Option("--check", help="Check that it is a correct model card of the Hub.")] = False,
) -> None:
    """Show a release's card, or check it.

    With --check every problem is told, and the status is 1 when there is one.
    """
    release = releases.find(name)
    if not check:
        say(read_text(release.card.folder / CARD).rstrip("\n"))  # which a page without front matter is not
        return
    from zoo.releases import hub_card

    problems = hub_card.problems(release.card)
    _say_problems(problems)
    say(f"{release.folder / CARD}: {plural(len(problems), 'problem')}.")
    raise typer.Exit(int(bool(problems)))


def publish(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="FOLDER …", help="Release folders, as zoo train writes them.")
    ] = None,
    repo: Annotated[str | None, typer.Option(help="Where to: org/name on the Hub.")] = None,
    org: Annotated[str | None, typer.Option(help="Where to: to org/NAME each, by the name of its folder.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All releases that come with zoo, and its feature networks; with --org.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show everything, send nothing.")] = False,
) -> None:
    """Check release folders and upload them to the Hub.

    Everything is checked before anything is sent: card and licences, sizes, sha256, golden tensors, contract. Status 1
    when something is wrong. Each is one commit, which the card in its folder then pins. What the Hub has already
    is not sent again, so that after an interruption the same command goes on.
    """
    wanted = _wanted(folders or [], repo, org, every)
    for folder in folders or ():
        releases.find(folder)  # before anything is imported for them
    from zoo.hub import publish as publishing

    found = [
        publishing.plan_networks(target) if folder == networks.FOLDER else publishing.plan(folder, target)
        for folder, target in wanted.items()
    ]
    if not dry_run:
        publishing.check_access()  # before all that takes time
    plans = []
    for plan in found:
        _say_files(plan, alone=len(wanted) == 1)
        if not dry_run and (there := publishing.unchanged(plan, private=private)):
            say(f"{there.url} holds these very files; nothing was sent.")
            continue
        _say_problems(plan.problems)
        plans.append(plan)
    if problems := sum(len(plan.problems) for plan in plans):
        say(f"{plural(problems, 'problem')}; nothing was sent.")
        raise typer.Exit(1)
    if dry_run:
        _say_all(plans)
    for plan in plans if not dry_run else ():
        done = publishing.upload(plan, private=private)
        total = f"{plural(len(plan.files), 'file')}, {size(sum(plan.files.values()))}"
        same = f"{done.url} holds these very files; nothing was sent."
        say(f"Published {done.url}, {total}." if done.changed else same)
        say(f"{plan.folder / CARD} now pins revision {done.revision}.")
        if plan.folder != networks.FOLDER:
            say(f'Anywhere else: zoo.load("hf:{done.repo}@{done.revision}")')


def _say_all(plans: Sequence[Plan]) -> None:
    """What would be sent where."""
    count, room = sum(len(plan.files) for plan in plans), size(sum(sum(plan.files.values()) for plan in plans))
    where = f"{plans[0].repo}, in one commit" if len(plans) == 1 else f"{len(plans)} repositories, in a commit each"
    say(f"All is well. Without --dry-run: {plural(count, 'file')}, {room} to {where}.")


def _wanted(folders: list[Path], repo: str | None, org: str | None, every: bool) -> dict[Path, str]:
    """The repository for each folder. Raises InvalidInput for options that do not go together."""
    if bool(folders) == every:
        raise InvalidInput("say what to publish: name release folders, or pass --all (not both).")
    if (repo is None) == (org is None):
        raise InvalidInput("say where to: --repo org/name, or --org ORG for org/NAME each (not both).")
    if repo is not None:
        if every or len(folders) > 1:
            raise InvalidInput("--repo is the repository of one release. Pass --org ORG, and each gets its own.")
        return {folders[0]: repo}
    if every:
        folders = [each.path for each in registry.list_entries("releases") if each.plugin == BUILT_IN]
    named = {folder: f"{org}/{real_path(folder).name}" for folder in folders}
    if twice := sorted({place for place in named.values() if list(named.values()).count(place) > 1}):
        raise InvalidInput(f"two folders would go to {', '.join(twice)}. Rename one of them.")
    return named | ({networks.FOLDER: f"{org}/{networks.REPOSITORY}"} if every else {})


def _say_files(plan: Plan, *, alone: bool) -> None:
    """Of one release each, of several in a line."""
    if alone:
        for file, count in plan.files.items():
            say(f"{file:<20}{size(count):>8}")
    else:
        say(f"{plan.repo}: {plural(len(plan.files), 'file')}, {size(sum(plan.files.values()))}")
    if plan.left_out:
        say(f"not sent: {', '.join(plan.left_out)}")


COMMANDS = {"card": card, "publish": publish}


def _say_problems(problems: list[str]) -> None:
    for problem in problems:
        say(f"problem  {' '.join(problem.split())}")

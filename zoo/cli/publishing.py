"""To the Hub: `zoo card` shows and checks a model card, `zoo publish` uploads a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo import releases
from zoo.cli.output import plural, say, size
from zoo.releases.cards import CARD, read_text


def card(
    name: Annotated[str, typer.Argument(help="A release or a release folder.")],
    check: Annotated[bool, typer.Option("--check", help="Check that it is a correct model card of the Hub.")] = False,
) -> None:
    """Show a release's card, or check it.

    With --check every problem is told, and the status is 1 when there is one.
    """
    release = releases.find(name)
    if not check:
        say(read_text(release.folder / CARD).rstrip("\n"))
        return
    from zoo.releases import hub_card

    problems = hub_card.problems(release.card)
    _say_problems(problems)
    say(f"{release.folder / CARD}: {plural(len(problems), 'problem')}.")
    raise typer.Exit(int(bool(problems)))


def publish(
    folder: Annotated[Path, typer.Argument(help="A release folder, as zoo train writes it.")],
    repo: Annotated[str, typer.Option(help="Where to: org/name on the Hub.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show everything, send nothing.")] = False,
) -> None:
    """Check a release folder and upload it to the Hub.

    Everything is checked before anything is sent: card and licences, sizes, sha256, golden tensors, contract. Status 1
    when something is wrong. The card in the folder then pins the repository and the revision.
    """
    from zoo.hub import publish as publishing

    if not dry_run:
        publishing.check_access()  # before all that takes time
    plan = publishing.plan(folder, repo)
    for file, count in plan.files.items():
        say(f"{file:<20}{size(count):>8}")
    if plan.left_out:
        say(f"not sent: {', '.join(plan.left_out)}")
    if plan.problems:
        _say_problems(plan.problems)
        say(f"{plural(len(plan.problems), 'problem')}; nothing was sent.")
        raise typer.Exit(1)
    total = f"{plural(len(plan.files), 'file')}, {size(sum(plan.files.values()))}"
    if dry_run:
        say(f"All is well. Without --dry-run: {total} to {repo}, in one commit.")
        return
    done = publishing.upload(plan, private=private)
    say(f"Published {done.url}, {total}." if done.changed else f"{done.url} holds these very files; nothing was sent.")
    say(f"{plan.folder / CARD} now pins revision {done.revision}.")
    say(f'Anywhere else: zoo.load("hf:{done.repo}@{done.revision}")')


COMMANDS = {"card": card, "publish": publish}


def _say_problems(problems: list[str]) -> None:
    for problem in problems:
        say(f"problem  {' '.join(problem.split())}")

"""Does it keep its promises? `zoo check` runs the contract suite, `zoo verify` reproduces what is recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo import releases
from zoo.cli import completing
from zoo.cli.options import Device
from zoo.cli.output import note, plural, say
from zoo.errors import InvalidInput, ZooError
from zoo.registry.entries import Architecture


def check(
    name: Annotated[
        str,
        typer.Argument(
            help="A release, a folder, hf:org/repo@revision, or an architecture without a release.",
            autocompletion=completing.releases_or_architectures,
        ),
    ],
    device: Device = "auto",
) -> None:
    """Try every promise a model makes.

    Status 1 when one is broken.
    """
    found = releases.describe(name)
    from zoo import building
    from zoo.testing import check_model

    model = building.create(found, {}) if isinstance(found, Architecture) else building.load(found, device=device)
    results = check_model(model, report=True)
    for result in results:
        say(f"{result.status:<8}{result.name}{f': {result.message}' if result.message else ''}")
    failed = sum(result.status == "failed" for result in results)
    say(f"{plural(len(results), 'check')}, {failed} failed.")
    raise typer.Exit(int(failed > 0))


def verify(
    names: Annotated[list[str] | None, completing.release("Releases, release folders or hf:org/repo@revision.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All releases.")] = False,
) -> None:
    """Check weights and golden tensors against the card.

    The weights must have the card's sha256 and reproduce the golden tensors beside them; status 1 when they do not.
    """
    if bool(names) == every:
        raise InvalidInput("say which releases to verify: name them, or pass --all (not both).")
    found = {name: releases.find(name) for name in names or releases.list_releases()}
    from zoo import building, golden
    from zoo.releases import files
    from zoo.releases.cards import GOLDEN

    failed = 0
    for name, release in found.items():
        try:
            # Loading compares the sha256 with the card's and the header with the card's config.
            model, path = building.load(release), files.optional_file(release, GOLDEN) or release.folder / GOLDEN
            differences = golden.verify(model, path)
            sha256 = release.card.weights.get("sha256", "is not on the card")
            share = max(difference.share for difference in differences)
            say(f"ok      {name}: sha256 {sha256}, golden tensors within {share:.0%} of what is tolerated")
        except ZooError as error:
            failed += 1
            say(f"failed  {name}: {' '.join(str(error).split())}")
    if failed:
        note(f"{failed} of {plural(len(found), 'release')} failed.")
    raise typer.Exit(int(failed > 0))


COMMANDS = {"check": check, "verify": verify}

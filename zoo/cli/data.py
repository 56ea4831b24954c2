"""What is in the data: `zoo data check` looks for images of the training set in the test set. It imports torch when it
runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo import registry, releases
from zoo._util.paths import user_path
from zoo.cli import completing
from zoo.cli.options import Json, Quiet
from zoo.cli.output import plural, say, say_json, table
from zoo.errors import InvalidInput, UnknownName, nearest
from zoo.registry.names import NAME, by_name, candidates

if TYPE_CHECKING:
    from zoo.data.copies import Copy, Pictures

group = typer.Typer(rich_markup_mode=None, add_completion=False, help="Find test images that are training images too.")
SHOWN = 50  # pairs that are printed of many


@group.command("check")
def check(
    train: Annotated[
        str,
        typer.Argument(
            help="A folder of training images; or a data set, or a release trained on one, alone.",
            autocompletion=completing.releases_or_datasets,
        ),
    ],
    test: Annotated[Path | None, typer.Argument(help="A folder of test images.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    holdout: Annotated[int | None, typer.Option(help="How many images of the data set are held out.")] = None,
    holdout_seed: Annotated[int | None, typer.Option(min=0, help="By which they are drawn, 0 unless given.")] = None,
    crops: Annotated[
        float,
        typer.Option(help="Least share of width and height that a crop shows, from 0.5; 1: no crops, far quicker."),
    ] = 0.6,
    alike: Annotated[float, typer.Option(help="Least correlation of pixels.")] = 0.95,
    detailed: Annotated[float, typer.Option(help="Least correlation of details; more for simple drawings.")] = 0.8,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look for test images that were trained on.

    Also scaled, cropped, mirrored or compressed anew: zoo data check TRAIN TEST compares two folders, zoo data check
    NAME --data DIR the splits of a data set, or those that a release was trained and measured on. Images that are alike
    without being copies differ in their details; two of a series, and simple drawings, may be taken for copies, so look
    at the pairs. Status 1 when there are any.
    """
    from zoo._util.progress import showing
    from zoo.data import copies

    holding = {"holdout": holdout, "holdout_seed": holdout_seed}
    known, new = _folders(train, test, data, holding) if test else _splits(train, data, holding)
    with showing("compared pairs", len(known) * len(new), quiet=quiet) as course:
        found = copies.find(
            known, new, least=crops, alike=alike, detailed=detailed, tell=lambda done, total: course.move(done)
        )
    if as_json:
        say_json({"train": len(known), "test": len(new), "copies": [copy.to_dict() for copy in found]})
    else:
        _say(found, known, new)
    raise typer.Exit(int(bool(found)))


GROUPS = {"data": group}


def _folders(train: str, test: Path, data: Path | None, holding: dict[str, Any]) -> tuple[Pictures, Pictures]:
    from zoo.data import listing

    if data is not None or any(given is not None for given in holding.values()):
        raise InvalidInput(
            "--data, --holdout and --holdout-seed belong to a data set by name; two folders came. Leave them out."
        )
    return listing.folder(user_path(train)), listing.folder(user_path(test))


def _splits(name: str, data: Path | None, holding: dict[str, Any]) -> tuple[Pictures, Pictures]:
    """Of a data set by its name, or as the recipe of a release says."""
    sets = by_name(registry.list_entries("data sets"))
    named = bool(candidates(name, sets))
    if not named and user_path(name).is_dir() and data is None:
        raise InvalidInput(
            f"{name} is one folder. Name another, of test images, or a data set: image-folder --data "
            f"{shlex.quote(name)}."
        )
    if named:
        holding = {key: given or 0 for key, given in holding.items()}
    else:
        from zoo.metrics.evaluate import trained_on

        recipe = trained_on(_release(name, [each.qualified for found in sets.values() for each in found]).card)
        if any(given is not None for given in holding.values()):
            raise InvalidInput(f"what is held out, {name} says itself. Leave out --holdout and --holdout-seed.")
        name = recipe.dataset
        holding = {key: getattr(recipe, key) for key in ("holdout", "holdout_seed", "exclude")}
    from zoo.data import listing

    train, test = (listing.of_split(name, data, split, **holding) for split in ("train", "test"))
    return train, test


def _release(name: str, sets: list[str]) -> releases.Release:
    """The release called `name`. Raises UnknownName, with the nearest names of data sets as well."""
    try:
        return releases.find(name)
    except UnknownName:
        if not NAME.fullmatch(name) or Path(name).exists() or candidates(name, registry.registry().architectures):
            raise
        hint = nearest(name, [*sets, *releases.list_releases()])
        raise UnknownName(f"no data set or release is called {name!r}. {hint}{registry.broken()}") from None


def _say(found: list[Copy], train: Pictures, test: Pictures) -> None:
    sizes = f"{plural(len(test), 'test image')} and {plural(len(train), 'training image')}"
    if not found:
        say(f"No near-copies among {sizes}.")
        return
    rows = [
        (copy.test, copy.train, f"{copy.correlation:.4f}", f"{copy.detail:.4f}", copy.relation)
        for copy in found[:SHOWN]
    ]
    table(("test", "training", "correlation", "of details", "relation"), rows, right=("correlation", "of details"))
    more = f" The first {SHOWN} are shown; --json has all." if len(found) > SHOWN else ""
    count = len({copy.test for copy in found})
    say(f"{plural(count, 'test image')} with near-copies, of {sizes}.{more}")

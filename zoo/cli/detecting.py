"""Telling images apart from the training data's: `zoo outliers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo import releases
from zoo.cli import completing
from zoo.cli.options import Data, Device, Download, Json, Quiet
from zoo.cli.output import number, plural, say, say_json, table
from zoo.cli.sampling import watching
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.metrics.outliers import Comparison


def outliers(
    name: Annotated[str, completing.release("A release or a release folder.")],
    against: Annotated[str, typer.Option(help="The data set of the outsiders: mnist, image-folder …")],
    data: Data = None,
    against_data: Annotated[Path | None, typer.Option(help="That of the outsiders, if it is another one.")] = None,
    n: Annotated[int | None, typer.Option("--n", "-n", min=1, help="Images of each kind; default: 1,000.")] = None,
    together: Annotated[int, typer.Option(help="Images judged at once, as groups that come together.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn.")] = 0,
    download: Download = False,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Try to tell outsiders from held-out images.

    By the likelihood, which often fails, its typicality, and its excess over a PNG's; of a model with an encoder, by
    the error of what it reconstructs, which often fails as well. AUROC is how often an outsider scores higher than a
    held-out image: 1 is perfect, 0.5 is chance, and less takes outsiders for the more familiar ones; turned round,
    1 − AUROC, is only of use to who knows beforehand that it must be.
    """
    release = releases.find(name)
    from zoo import building
    from zoo.metrics.evaluate import read, splits, trained_on
    from zoo.metrics.outliers import check, compare

    model = building.load(release, device=device)
    check(model)
    card = release.card
    train, inside = splits(card, data, download=download)
    folder = data if against_data is None else against_data
    reading: Any = {"fit": trained_on(card).fit, "download": download}
    try:
        (outside,) = read(card, against, folder, "test", **reading)
    except DataError:  # a folder of images has no test split unless some are held out
        (outside,) = read(card, against, folder, "train", **reading)
    with watching("scored", quiet=quiet):
        found = compare(model, train, inside, outside, n=n, together=together, seed=seed)
    if as_json:
        say_json({"release": card.name, **found.to_dict()})
    else:
        _say(found)


COMMANDS = {"outliers": outliers}


def _say(found: Comparison) -> None:
    headers = ("score", found.inside, found.outside, "AUROC", "turned round")
    rows = [
        (score.name, number(score.inside), number(score.outside), f"{score.auroc:.4f}", f"{1 - score.auroc:.4f}")
        for score in found.scores
    ]
    table(headers, rows, right=headers[1:])
    units = ["in bits per dimension"] if found.kind else []
    units += ["reconstruction by its mean squared error"] if found.scores[-1].name == "reconstruction" else []
    typical = f"; what is typical was taken from {plural(found.n_train, 'training image')}" if found.kind else ""
    say(
        f"{plural(found.n_inside, 'held-out image')} against {plural(found.n_outside, 'outsider')}, "
        f"judged {found.together} at a time, {', '.join(units)}{typical}."
    )

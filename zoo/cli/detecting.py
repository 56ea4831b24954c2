"""Images beside the training data: strangers to it, `zoo outliers`, and copies of it, `zoo neighbours`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo import releases
from zoo.cli import completing
from zoo.cli.arguments import stem_of
from zoo.cli.options import Data, Device, Download, Force, Json, Quiet
from zoo.cli.output import number, plural, say, say_json, table
from zoo.cli.sampling import watching
from zoo.cli.targets import Target
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.metrics.neighbours import Pairs
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


def neighbours(
    name: Annotated[str, completing.release("A release or a release folder.")],
    data: Data = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="Samples shown, of 1,000.")] = 10,
    by: Annotated[str, typer.Option(help="What distances are of: features, or pixels.")] = "features",
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    download: Download = False,
    device: Device = "auto",
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="The picture. Default: NAME-neighbours-seedSEED.png.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show the samples that are nearest to the training images.

    Each above the training image that it is nearest to, mirrored where training mirrored it. Copies are far nearer than
    the nearest of as many held-out images.
    """
    target = Target.picture(out, stem_of(name), "neighbours", f"seed{seed}", force=force)
    release = releases.find(name)
    from zoo import building, images
    from zoo.metrics.evaluate import Subject, splits, trained_on
    from zoo.metrics.neighbours import MOST, closest
    from zoo.nn import features
    from zoo.reports.neighbours import sheet
    from zoo.spaces import Images

    model = building.load(release, device=device)
    train, test = splits(release.card, data, download=download, model=model)
    seen = by == "features" and isinstance(model.space, Images)
    network = features.load(features.default(model.space.shape[0])) if seen else None
    flip = trained_on(release.card).flip
    subject = Subject(model, network, train, test, min(MOST, len(test)), seed, flip)
    with watching("compared", quiet=quiet):
        found = closest(subject, n, by=by)
    images.write(sheet(found), target.path)
    if as_json:
        say_json({"release": release.card.name, **found.to_dict(), "picture": str(target.path)})
    else:
        _say_pairs(found, len(train))
        say(f"Wrote {target.path}.")


COMMANDS = {"outliers": outliers, "neighbours": neighbours}


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


def _say_pairs(found: Pairs, known: int) -> None:
    headers = ("sample", "training image", "distance", "held-out image")
    rows = [
        (f"{sample}", f"{row}{', mirrored' * mirrored}", number(distance), number(held_out))
        for sample, row, mirrored, distance, held_out in (pair.values() for pair in found.to_dict()["pairs"])
    ]
    table(headers, rows, right=headers)
    say(
        f"The nearest of {plural(found.n, 'sample')} to {plural(known, 'training image')}, by {found.by}; beside them "
        "the smallest distances of as many held-out images."
    )

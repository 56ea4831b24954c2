"""What is a code good for? `zoo probe` tells classes apart from few labels, by an encoder and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoo import releases
from zoo.cli import completing
from zoo.cli.arguments import listed
from zoo.cli.options import Data, Device, Download, Json, Quiet
from zoo.cli.output import plural, say, say_json, table
from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from zoo.metrics.probe import Accuracy

WAYS = {
    "codes": "codes, logistic regression",
    "first-layer": "first layer, logistic regression",
    "fine-tuned": "encoder, fine-tuned",
    "scratch": "the same network from scratch",
    "pixels": "pixels, logistic regression",
    "pca": "principal components, logistic regression",
}


def probe(
    name: Annotated[str, completing.release("A release or a release folder, of a model with an encoder.")],
    data: Data = None,
    dataset: Annotated[
        str | None, typer.Option(help="Probe on another data set: image-folder, of class folders, mnist …")
    ] = None,
    holdout: Annotated[
        int, typer.Option(help="Of another data set without a test split: images held out as one, drawn by seed 0.")
    ] = 0,
    labels: Annotated[
        str | None, typer.Option(metavar="N,…", help="How many labels are told; default: 100,500,1000,all.")
    ] = None,
    fine_tune: Annotated[bool, typer.Option(help="Also train the encoder further, which takes longest.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="The first of the five that choose labels.")] = 0,
    download: Download = False,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell classes apart from few labels.

    By the codes of an encoder that was told none, by its first layer, and by the encoder trained further; beside them
    the same network from scratch, the plain pixels, and as many principal components. The accuracy is that on held-out
    images, for five choices of the labels, of each class as many.
    """
    counts = None if labels is None else [_count(word) for word in listed(labels, "100,1000,all")]
    release = releases.find(name)
    from zoo import building
    from zoo._util.progress import showing
    from zoo.metrics.evaluate import MOST, Subject, read, splits, trained_on
    from zoo.metrics.probe import check, total
    from zoo.metrics.probe import probe as measure

    model, card = building.load(release, device=device), release.card
    check(model)
    if dataset is None:
        if holdout:
            raise InvalidInput("--holdout is for another data set; what is held out of its own is on the card.")
        train, test = splits(card, data, download=download)
    else:
        fit = trained_on(card).fit
        train, test = read(card, dataset, data, "train", "test", fit=fit, holdout=holdout, download=download)
    subject = Subject(model, None, train, test, min(MOST, len(test)), seed)
    with showing(f"probing {card.name}", quiet=quiet) as course:
        found = measure(subject, counts, networks=fine_tune, tell=course.say)
    if as_json:
        shown = [each.to_dict() for each in found]
        say_json({"release": card.name, "data": train.name, "n_test": subject.n, "seed": seed, "accuracies": shown})
    else:
        _say(found, total(subject), subject.n)


COMMANDS = {"probe": probe}


def _count(word: str) -> int | None:
    if word == "all":
        return None
    if not word.isdecimal() or not int(word):
        raise InvalidInput(f"--labels takes numbers and the word all, as in 100,1000,all; {word!r} is neither.")
    return int(word)


def _say(found: list[Accuracy], most: int, held_out: int) -> None:
    cells = {(each.way, each.labels): _percent(each) for each in found}
    counts = list(dict.fromkeys(each.labels for each in found))
    headers = ["test accuracy, %", *(f"{'all ' * (count == most)}{count:,} labels" for count in counts)]
    ways = [way for way in WAYS if any(each.way == way for each in found)]
    table(headers, [[WAYS[way], *(cells[way, count] for count in counts)] for way in ways], right=headers[1:])
    runs = max(len(each.runs) for each in found)
    say(
        f"Mean ± standard deviation over {plural(runs, 'seed')}, which choose the labels, of each class as many; a "
        f"number without ± is of one run. {plural(held_out, 'held-out image')}."
    )
    if "scratch" in ways:
        from zoo.metrics.fine_tuning import BATCH, STEPS

        say(
            f"Networks take {STEPS} steps of {BATCH} images, too few for most of many labels; the seeds also choose "
            "new weights and batches."
        )


def _percent(accuracy: Accuracy) -> str:
    spread = "" if accuracy.spread is None else f" ± {100 * accuracy.spread:.1f}"
    return f"{100 * accuracy.mean:.1f}{spread}"

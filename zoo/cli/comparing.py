"""Which is better? `zoo compare` sets releases side by side, from their cards, without torch."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo._util.atomic import replacing
from zoo._util.paths import real_path
from zoo.cli import completing
from zoo.cli.arguments import settings
from zoo.cli.options import Force, Json, Quiet
from zoo.cli.output import number, plural, say, say_json, table
from zoo.cli.sampling import watching
from zoo.cli.targets import Target
from zoo.errors import InvalidInput, nearest
from zoo.releases.cards import CARD, Card
from zoo.reports import side_by_side
from zoo.reports.comparison import headline

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.releases import Release

DRAWN = 10  # samples of each
TITLE = "samples of seed 0"

Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="A data set, for example fashion-mnist; or two releases or more, your own folders too.",
        autocompletion=completing.releases_or_datasets,
    ),
]
_PART = re.compile(r"<!-- zoo:compare ([^\n]*?) -->\n.*?<!-- /zoo:compare -->", re.DOTALL)


def compare_(
    names: Names = None,
    by: Annotated[
        str, typer.Option(metavar="TYPE", help="Rank by this number those that have it: mse, frechet-distance …")
    ] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only if it was measured so, as in encoder=network; repeatable."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Json = False,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="PICTURE", help="Draw samples of each on one sheet.")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    write: Annotated[
        Path | None,
        typer.Option(metavar="PAGE", help="Render the comparisons on a page again, such as cards/README.md."),
    ] = None,
) -> None:
    """Compare the releases of a data set, or those named.

    Only what was measured the same way stands in one table, beside real data.
    """
    if bool(names) == (write is not None):
        raise InvalidInput("name a data set, as in zoo compare fashion-mnist, two releases, or a page to --write.")
    if (write is not None) + (out is not None) + markdown + as_json > 1:
        raise InvalidInput("--write, --out, --markdown and --json say where the comparison goes; choose one of them.")
    if write is not None and (by or where):
        raise InvalidInput(f"a page says itself what it ranks: <!-- zoo:compare DATASET FOLDER by={by or 'TYPE'} -->.")
    if write is not None:
        text = render_page(write)
        with replacing(write) as temporary:
            temporary.write_text(text, encoding="utf-8")
        say(f"Wrote the comparisons to {write}.")
        return
    if out is not None:
        _draw(tuple(names or ()), Target.parse(out, kinds=("picture",), force=force).path, quiet)
        return
    compared = side_by_side.of_names(tuple(names or ()), by, settings(where))
    if markdown:
        say(compared.to_markdown())
    elif as_json:
        say_json(compared.to_dict())
    else:
        _say(compared)


def _say(compared: side_by_side.Comparison) -> None:
    for each in compared.tables:
        headers, rows, right = side_by_side.cells(each, lambda best: f"{best}*")
        table(headers, rows, right=right)
        for line in ["", "* is the best of a column.", *side_by_side.sentences(each), ""]:
            say(line)
    for line in compared.apart:
        say(line)


COMMANDS = {"compare": compare_}


def _draw(names: tuple[str, ...], path: Path, quiet: bool) -> None:
    """Draw the first samples of seed 0 of each release that draws images or vectors without being given any: a row of
    images for each; below them, data set by data set, plots of vectors beside each other."""
    from zoo import building, images
    from zoo.reports import densities, plots
    from zoo.spaces import Images, Vectors

    rows: list[tuple[str, str, Tensor]] = []
    points: dict[tuple[str, int], list[tuple[str, str, Tensor]]] = {}
    apart = []
    with watching("drawn", quiet=quiet) as course:
        for name, release in side_by_side.compared(names).items():
            course.say(name)
            model = building.load(release, device="auto")
            if "generate" not in model.capabilities() or not isinstance(model.space, (Images, Vectors)):
                apart.append(name)
                continue
            vectors = isinstance(model.space, Vectors)
            n = plots.POINTS if vectors else DRAWN
            drawn = model.generate(n, condition=model.condition.usual(n), seed=0).cpu()
            same = points.setdefault((release.card.dataset, drawn.shape[1]), []) if vectors else rows
            same.append((name, _number(release), drawn))
    if not rows and not points:
        raise InvalidInput(f"none of {', '.join(apart)} draws samples of its own. Name others.")
    sheets = [densities.sheet(rows, TITLE)] if rows else []
    sheets += [plots.beside(same, f"{TITLE}: {of}") for (of, _), same in points.items()]
    images.write(images.stacked(sheets), path)
    parts = [f"{plural(len(rows), 'row')} of {DRAWN} images"] if rows else []
    parts += [f"{plural(sum(map(len, points.values())), 'model')} of vectors"] if points else []
    left = f" Left out, since they draw nothing of their own: {', '.join(apart)}." if apart else ""
    say(f"Wrote {path} ({', '.join(parts)}).{left}")


def _number(release: Release) -> str:
    """The number that a release is known by, in two lines or three, with the network it is measured by."""
    measured = headline(release)
    if measured is None:
        return ""
    by = measured.name.replace(" (", "\n(")
    return f"{by}\n{number(measured.value)}"


def render_page(path: Path) -> str:
    """The text of a page with its comparisons rendered again.

    Each stands between `<!-- zoo:compare DATASET FOLDER … -->` and `<!-- /zoo:compare -->`, with folders of releases
    relative to the page, so that it does not depend on what is installed; after them `by=TYPE` may say by what it
    ranks, and `KEY=VALUE` how that was measured. Raises InvalidInput for a page without any, for a folder that is not
    there and for a data set of no card in them; UnknownName for another TYPE; CardError for a broken card.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no page: it is not text in UTF-8. Name a Markdown file.") from error

    def render_part(match: re.Match[str]) -> str:
        dataset, *words = match[1].split()
        folders = [word for word in words if "=" not in word]
        where = settings(word for word in words if "=" in word)
        by = str(where.pop("by", ""))
        found = [card for folder in folders for card in _cards_in(path.parent / folder)]
        cards = {card.name: card for card in found if card.dataset == dataset}
        if not cards:
            has = nearest(dataset, {card.dataset for card in found})
            raise InvalidInput(f"{path}: no card in {' or '.join(folders) or 'no folder'} is of {dataset!r}. {has}")
        start = real_path(path.parent)
        links = {name: Path(os.path.relpath(real_path(card.folder), start)).as_posix() for name, card in cards.items()}
        compared = side_by_side.of_cards(cards, by, where)
        shown = compared.to_markdown(lambda name: f"[{name}]({links[name]}/{CARD})")
        return f"<!-- zoo:compare {match[1]} -->\n{shown}\n<!-- /zoo:compare -->"

    rendered, count = _PART.subn(render_part, text)
    if not count:
        raise InvalidInput(f"{path} has no <!-- zoo:compare DATASET FOLDER --> and <!-- /zoo:compare --> to fill.")
    return rendered


def _cards_in(folder: Path) -> list[Card]:
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder of releases. Name one relative to the page.")
    return [Card.read(path) for path in sorted(folder.iterdir()) if (path / CARD).is_file()]

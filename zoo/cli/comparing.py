"""Which is better? `zoo compare` sets the releases of one data set side by side, from their cards, without torch."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo import releases
from zoo._util.atomic import replacing
from zoo.cli.arguments import settings
from zoo.cli.options import Json
from zoo.cli.output import number, say, say_json, table
from zoo.errors import InvalidInput, nearest
from zoo.releases.cards import CARD, Card
from zoo.reports.comparison import Table, compare, in_words, machine

_PART = re.compile(r"<!-- zoo:compare ([^\n]*?) -->\n.*?<!-- /zoo:compare -->", re.DOTALL)


def compare_(
    dataset: Annotated[str | None, typer.Argument(help="The data set on the cards, for example fashion-mnist.")] = None,
    by: Annotated[
        str, typer.Option(metavar="TYPE", help="Rank by this number those that have it: mse, frechet-distance …")
    ] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only if it was measured so, as in encoder=network; repeatable."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Json = False,
    write: Annotated[
        Path | None,
        typer.Option(metavar="PAGE", help="Render the comparisons on a page again, such as cards/README.md."),
    ] = None,
) -> None:
    """Compare the releases of a data set.

    Only what was measured the same way stands in one table, beside real data.
    """
    if (dataset is None) == (write is None):
        raise InvalidInput("name a data set, as in zoo compare fashion-mnist, or a page to --write.")
    if (write is not None) + markdown + as_json > 1:
        raise InvalidInput("--write, --markdown and --json say where the comparison goes; choose one of them.")
    if write is not None and (by or where):
        raise InvalidInput(f"a page says itself what it ranks: <!-- zoo:compare DATASET FOLDER by={by or 'TYPE'} -->.")
    if write is not None:
        text = render_page(write)
        with replacing(write) as temporary:
            temporary.write_text(text, encoding="utf-8")
        say(f"Wrote the comparisons to {write}.")
        return
    cards, how = _cards_of(str(dataset)), settings(where)
    if markdown:
        for line in render(cards, by=by, where=how):
            say(line)
        return
    tables, apart = compare(cards, by, how)
    if as_json:
        say_json({"tables": [each.to_dict() for each in tables], "apart": apart})
        return
    for each in tables:
        headers, rows, right = _cells(each, lambda best: f"{best}*")
        table(headers, rows, right=right)
        say()
        for line in ["* is the best of a column.", *_sentences(each)]:
            say(line)
        say()
    for line in apart:
        say(line)


COMMANDS = {"compare": compare_}


def render(
    cards: Mapping[str, Card],
    link: Callable[[str], str] = str,
    by: str = "",
    where: Mapping[str, Any] | None = None,
) -> list[str]:
    """The comparison of `cards`, all of one data set, as lines of Markdown. link: what is done to a release's name; by,
    where: as of `zoo.reports.comparison.compare`."""
    tables, apart = compare(cards, by, where)
    blocks = []
    for each in tables:
        headers, rows, right = _cells(each, lambda best: f"**{best}**", link)
        rule = ["---:" if header in right else "---" for header in headers]
        blocks.append([f"| {' | '.join(row)} |" for row in (headers, rule, *rows)])
        blocks.append([" ".join(_sentences(each))])
    if apart:
        blocks.append([f"- {line}" for line in apart])
    return [line for block in blocks for line in (*block, "")][:-1]


def render_page(path: Path) -> str:
    """The text of a page with its comparisons rendered again.

    Each stands between `<!-- zoo:compare DATASET FOLDER … -->` and `<!-- /zoo:compare -->`, with folders of releases
    relative to the page, so that it does not depend on what is installed; after them `by=TYPE` may say by what it
    ranks, and `KEY=VALUE` how that was measured. Raises InvalidInput for a page without any, for a folder that is not
    there and for a data set of no card in them; UnknownName for another TYPE; CardError for a broken card.
    """
    text = path.read_text(encoding="utf-8")

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
        start = path.parent.resolve()
        links = {name: Path(os.path.relpath(card.folder.resolve(), start)).as_posix() for name, card in cards.items()}
        lines = render(cards, lambda name: f"[{name}]({links[name]}/{CARD})", by, where)
        return "\n".join([f"<!-- zoo:compare {match[1]} -->", *lines, "<!-- /zoo:compare -->"])

    rendered, count = _PART.subn(render_part, text)
    if not count:
        raise InvalidInput(f"{path} has no <!-- zoo:compare DATASET FOLDER --> and <!-- /zoo:compare --> to fill.")
    return rendered


def _cards_of(dataset: str) -> dict[str, Card]:
    """The cards of all installed releases of a data set, by their names."""
    return {name: releases.find(name).card for name in releases.list_releases(dataset=dataset)}


def _cards_in(folder: Path) -> list[Card]:
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder of releases. Name one relative to the page.")
    return [Card.read(path) for path in sorted(folder.iterdir()) if (path / CARD).is_file()]


def _cells(
    compared: Table, mark: Callable[[str], str], link: Callable[[str], str] = str
) -> tuple[list[str], list[list[str]], list[str]]:
    """Headers, rows of text, and the headers of columns aligned on the right. mark: what is done to the best number of
    a column in which there are several; link: to a release's name."""
    types = [column.key for column in compared.columns]
    best = {column.key: compared.best(column) for column in compared.columns if not column.arg}
    several = {type for type in best if sum(type in row.values for row in compared.rows) > 1}
    over = any(row.spread for row in compared.rows)

    def shown(type: str, value: float | None) -> str:
        return mark(number(value)) if type in several and value == best[type] else number(value)

    def line(rank: str, name: str, numbers: list[str], spread: str, size: str) -> list[str]:
        return [rank, name, numbers[0], *([spread] if over else []), *numbers[1:], size]

    rows = []
    for row in compared.rows:
        size = "–" if row.parameters is None else f"{row.parameters / 1e6:.2f} M"
        numbers = [shown(type, row.values.get(type)) for type in types]
        rows.append(line(str(row.rank), link(row.name), numbers, row.spread or "–", size))
    for what, values in compared.real.items():
        rows.append(line("", what, [number(values[type]) if type in values else "" for type in types], "", ""))
    headers = line("rank", "release", [column.header for column in compared.columns], "over seeds", "parameters")
    return headers, rows, [header for header in headers if header != "release"]


def _sentences(compared: Table) -> list[str]:
    """How the numbers were measured, and what was left out, in sentences."""
    machines = machine()
    leading = compared.protocols[compared.columns[0].key]
    lines = [f"Measured with {in_words({key: value for key, value in leading.items() if key not in machines})}."]
    for column in compared.columns:
        where = {key: value for key, value in compared.protocols[column.key].items() if key in machines}
        lines += [f"{column.header}: {in_words(where)}."] if where else []
    return lines + compared.notes

"""What `zoo.compare` gives: releases side by side, as text, as Markdown and as plain values. Nothing imports torch."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zoo import releases
from zoo.errors import InvalidInput
from zoo.releases.cards import Card
from zoo.releases.record import number
from zoo.reports.comparison import Table, compare, in_words, machine


@dataclass(frozen=True)
class Comparison:
    """Tables of releases that may be compared, best first, and sentences on those that stand in none. A notebook shows
    it as Markdown."""

    tables: list[Table]
    apart: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"tables": [each.to_dict() for each in self.tables], "apart": self.apart}

    def to_markdown(self, link: Callable[[str], str] = str) -> str:
        """As Markdown. link: what is done to a release's name."""
        blocks = []
        for each in self.tables:
            headers, rows, right = cells(each, lambda best: f"**{best}**", link)
            rule = ["---:" if header in right else "---" for header in headers]
            blocks.append("\n".join(f"| {' | '.join(row)} |" for row in (headers, rule, *rows)))
            blocks.append(" ".join(sentences(each)))
        if self.apart:
            blocks.append("\n".join(f"- {line}" for line in self.apart))
        return "\n\n".join(blocks)

    __str__ = _repr_markdown_ = to_markdown


def of_names(
    names: tuple[str | os.PathLike[str], ...], by: str = "", where: Mapping[str, Any] | None = None
) -> Comparison:
    """See `zoo.compare`."""
    found = compared(names)
    alone = len({release.name for release in found.values()}) == len(found)
    return of_cards({release.name if alone else name: release.card for name, release in found.items()}, by, where)


def compared(names: tuple[str | os.PathLike[str], ...]) -> dict[str, releases.Release]:
    """The releases of a data set by their names, or those that are named. Raises InvalidInput and UnknownName."""
    if not names:
        raise InvalidInput("name a data set, such as fashion-mnist, or two releases or more.")
    if len(names) > 1:
        return {str(name): releases.find(name) for name in names}
    if not isinstance(names[0], (str, os.PathLike)):
        raise InvalidInput(
            f"{reprlib.repr(names[0])} came as {type(names[0]).__name__}; expected a name, or two or more one by one: "
            "zoo.compare('vae-mnist', 'autoencoder-mnist')."
        )
    try:
        return {name: releases.find(name) for name in releases.list_releases(dataset=str(names[0]))}
    except InvalidInput as error:
        raise InvalidInput(f"{error} To compare releases, name two or more.") from None


def of_cards(cards: Mapping[str, Card], by: str = "", where: Mapping[str, Any] | None = None) -> Comparison:
    """The comparison of releases by their cards; by, where: as of `zoo.reports.comparison.compare`. Raises InvalidInput
    where none was measured so."""
    tables, apart = compare(cards, by, where)
    if where and not tables:
        how = ", ".join(f"{key} {value}" for key, value in where.items())
        raise InvalidInput(f"none of {len(cards)} releases was measured with {how}. Leave it out, or see zoo info.")
    return Comparison(tables, apart)


def cells(
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


def sentences(compared: Table) -> list[str]:
    """How the numbers were measured, and what was left out, in sentences."""
    machines = machine()
    leading = compared.protocols[compared.columns[0].key]
    lines = [f"Measured with {in_words({key: value for key, value in leading.items() if key not in machines})}."]
    for column in compared.columns:
        where = {key: value for key, value in compared.protocols[column.key].items() if key in machines}
        lines += [f"{column.header}: {in_words(where)}."] if where else []
    return lines + compared.notes

"""Releases of one data set side by side, from the numbers on their cards.

Only numbers that were measured the same way stand in one table: images of one size, the same feature network by its
sha256, the same splits, counts and seed, and, as the proof that they were the same real images, the same floor. What
was measured otherwise is named apart, with what differs. Nothing here imports torch.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zoo.releases.cards import Card, spread

# What a number depends on, of all that stands in its args: of any, and of a speed.
PROTOCOL = ("features", "sha256", "resize", "split", "n_real", "n_generated", "classes", "k", "scale", "border", "seed")
MACHINE = ("device", "threads", "batch", "dtype")
# Floors that differ by less, relative to each other, and decibels, differ by the rounding of two machines.
ALIKE = 0.02

# Beside the numbers of models stand those of real data, or of doing without a model.
REAL = {
    "floor": "real data, held out",
    "floor_train": "real data, other training",
    "unchanged": "sources as they are",
    "bicubic": "bicubic interpolation",
}


@dataclass(frozen=True)
class Column:
    """Numbers of one type: how they are headed, and whether the lowest is the best."""

    type: str
    header: str
    low: bool = False


_SHARES = tuple(Column(name, name) for name in ("precision", "recall", "density", "coverage"))
# Of images and of vectors. The first column decides the rank.
COLUMNS = {
    3: (
        Column("frechet-distance", "Fréchet distance", low=True),
        *_SHARES,
        Column("class-agreement", "class agreement"),
        Column("images-per-second", "images/s"),
    ),
    1: (
        Column("energy-distance", "energy distance", low=True),
        *_SHARES,
        Column("negative-log-likelihood", "nats", low=True),
        Column("rows-per-second", "rows/s"),
    ),
}
# Of images that are made from others.
ENLARGED = tuple(
    Column(f"{kind}-y-{test}", f"{kind.upper()} {test.capitalize()}")
    for test in ("set5", "set14")
    for kind in ("psnr", "ssim")
)
TRANSLATED = (
    Column("frechet-distance", "Fréchet distance", low=True),
    Column("psnr", "PSNR"),
    Column("psnr-hole", "PSNR in the hole"),
)


@dataclass(frozen=True)
class Row:
    """A release in a table: its rank, the same for equal numbers; the spread of the first column over seeds, as text;
    how many parameters it has, if the card says; its numbers by type."""

    name: str
    rank: int
    spread: str
    parameters: int | None
    values: dict[str, float]


@dataclass(frozen=True)
class Table:
    """Releases that may be compared, best first.

    columns: those in which any has a number. protocols: by type, how a column was measured. real: by what real data
    they are, the numbers of these by type. notes: what is left out of a column, and why.
    """

    columns: tuple[Column, ...]
    protocols: dict[str, dict[str, Any]]
    rows: list[Row]
    real: dict[str, dict[str, float]]
    notes: list[str]

    def best(self, column: Column) -> float:
        """The best number of a column."""
        return (min if column.low else max)(row.values[column.type] for row in self.rows if column.type in row.values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def compare(cards: Mapping[str, Card]) -> tuple[list[Table], list[str]]:
    """Tables of the releases in `cards`, which are of one data set, the largest first, and sentences on those that
    stand in none: what is not measured, and what nothing else was measured like."""
    groups: list[list[str]] = []
    apart = []
    for name, card in sorted(cards.items()):
        if _leading(card) is None:
            what = "number to compare it by" if _translates(card) else _columns(card)[0].header
            apart.append(f"{name} has no {what} on its card yet.")
            continue
        alike = (group for group in groups if not _difference(cards[group[0]], card))
        if (group := next(alike, None)) is None:
            groups.append(group := [])
        group.append(name)
    groups.sort(key=len, reverse=True)
    tables = []
    for group in groups:
        if len(group) > 1 or group is groups[0]:
            tables.append(_table({name: cards[name] for name in group}))
        else:
            apart.append(_alone(group[0], cards[group[0]], cards[groups[0][0]]))
    return tables, apart


def words(protocol: Mapping[str, Any]) -> str:
    """How something was measured, as in "features grey28, sha256 f76f94f3fe32…"."""
    short = {key: f"{str(value)[:12]}…" if key == "sha256" else value for key, value in protocol.items()}
    return ", ".join(f"{key} {value}" for key, value in short.items())


def _table(cards: dict[str, Card]) -> Table:
    columns = _columns(next(iter(cards.values())))
    compared: dict[str, dict[str, dict[str, Any]]] = {}  # type → name → record
    notes = []
    for column in columns:
        records = {name: record for name, card in cards.items() if (record := _record(card, column.type))}
        if not records:
            continue
        protocols = {name: _protocol(record) for name, record in records.items()}
        usual = _commonest(list(protocols.values()))
        for name, protocol in protocols.items():
            if protocol != usual:
                value = records.pop(name)["value"]
                notes.append(f"{name}: {column.header} {value:.4g}, not compared: {_unlike(usual, protocol)}.")
        compared[column.type] = records
    leading = compared[columns[0].type]
    sign = 1 if columns[0].low else -1
    order = sorted(cards, key=lambda name: (sign * leading[name]["value"], name))
    values = [leading[name]["value"] for name in order]
    rows = [
        Row(
            name,
            values.index(value) + 1,
            spread(leading[name]),
            cards[name].weights.get("parameters"),
            {type: records[name]["value"] for type, records in compared.items() if name in records},
        )
        for name, value in zip(order, values, strict=True)
    ]
    real: dict[str, dict[str, float]] = {}
    for key, what in REAL.items():
        for type, records in compared.items():
            floors = [record["args"][key] for record in records.values() if key in (record.get("args") or {})]
            if floors:
                real.setdefault(what, {})[type] = floors[0]
    protocols_by_type = {type: _protocol(next(iter(records.values()))) for type, records in compared.items()}
    shown = tuple(column for column in columns if column.type in compared)
    return Table(shown, protocols_by_type, rows, real, notes)


def _record(card: Card, type: str) -> dict[str, Any] | None:
    """The card's finite number of a type, with all that stands beside it."""
    return next((m for m in card.metrics if m["type"] == type and math.isfinite(m["value"])), None)


def _leading(card: Card) -> dict[str, Any] | None:
    return _record(card, _columns(card)[0].type)


def _columns(card: Card) -> tuple[Column, ...]:
    """By what releases of the card's kind are compared."""
    if not _translates(card):
        return COLUMNS[len(card.shape)]
    return ENLARGED if _record(card, ENLARGED[0].type) else TRANSLATED


def _translates(card: Card) -> bool:
    return bool(card.front["pipeline_tag"] == "image-to-image")


def _protocol(record: dict[str, Any]) -> dict[str, Any]:
    args = record.get("args") or {}
    return {key: args[key] for key in PROTOCOL + MACHINE if args.get(key) is not None}


def _commonest(protocols: list[dict[str, Any]]) -> dict[str, Any]:
    """What most were measured by; of two as common the first."""
    count = collections.Counter(map(str, protocols))
    return max(protocols, key=lambda protocol: count[str(protocol)])


def _difference(first: Card, second: Card) -> str:
    """Why the first numbers of two cards may not be compared, in words; empty when they may."""
    if first.shape != second.shape:
        return f"{second.extent} instead of {first.extent}"
    if _translates(first) != _translates(second):
        kinds = ("images drawn", "images made from others")
        return f"{kinds[_translates(second)]} instead of {kinds[_translates(first)]}"
    if _columns(first) != _columns(second):
        return "another task"
    records = [_leading(card) or {} for card in (first, second)]
    ours, theirs = map(_protocol, records)
    if ours != theirs:
        return _unlike(ours, theirs)
    for key, kind, tolerance in (
        ("floor", "which have", {"rel_tol": ALIKE}),
        ("bicubic", "of which bicubic interpolation gets", {"abs_tol": ALIKE}),
    ):
        known = [args[key] for record in records if key in (args := record.get("args") or {})]
        if len(known) == 1:
            return "what real data have is not told"
        if known and not math.isclose(known[0], known[1], **tolerance):
            return f"other real data, {kind} {known[1]:.4g} instead of {known[0]:.4g}"
    return ""


def _unlike(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """What differs between two protocols, in words."""
    keys = [key for key in PROTOCOL + MACHINE if ours.get(key) != theirs.get(key)]
    first, second = ({key: protocol.get(key, "unknown") for key in keys} for protocol in (ours, theirs))
    return f"{words(second)} instead of {words(first)}"


def _alone(name: str, card: Card, other: Card) -> str:
    """A sentence on a release that nothing was measured like, with how it differs from `other`."""
    record = _leading(card) or {}
    floor = (record.get("args") or {}).get("floor")
    real = "" if floor is None else f" (real data {floor:.4g})"
    return f"{name}: {record['name']} {record['value']:.4g}{real}, not compared: {_difference(other, card)}."

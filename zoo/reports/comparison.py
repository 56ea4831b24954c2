"""Releases of one data set side by side, from the numbers on their cards.

Only numbers that were measured the same way stand in one table: images of one size, the same feature network by its
sha256, the same splits, counts and seed, and, as the proof that they were the same real images, the same floor. What
was measured otherwise is named apart, with what differs. Nothing here imports torch.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from zoo import registry
from zoo.errors import UnknownName, nearest
from zoo.registry.entries import Column, Metric
from zoo.releases import Release
from zoo.releases.cards import Card
from zoo.releases.record import Record

# What every number depends on, of all that stands in its args, and last the seed; metrics add to it.
SHARED = ("features", "sha256", "resize", "split", "n_real", "n_generated")
# Beside the numbers of models stand those of real data; metrics add those of doing without a model.
REAL = {"floor": "real data, held out", "floor_train": "real data, other training"}
# Floors that differ by less, relative to each other, and decibels, differ by the rounding of two machines.
ALIKE = 0.02


@dataclass(frozen=True)
class Row:
    """A release in a table: its rank, the same for equal numbers; the spread of the first column over seeds, as text;
    how many parameters it has, if the card says; its numbers by the keys of their columns."""

    name: str
    rank: int
    spread: str
    parameters: int | None
    values: dict[str, float]


@dataclass(frozen=True)
class Table:
    """Releases that may be compared, best first.

    columns: those in which any has a number. protocols: by key, how a column was measured. real: by what real data
    they are, the numbers of these by key. notes: what is left out of a column, and why.
    """

    columns: tuple[Column, ...]
    protocols: dict[str, dict[str, Any]]
    rows: list[Row]
    real: dict[str, dict[str, float]]
    notes: list[str]

    def best(self, column: Column) -> float:
        """The best number of a column."""
        return (min if column.lower_is_better else max)(
            row.values[column.key] for row in self.rows if column.key in row.values
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        shown = [{"type": each.key, "header": each.header, "low": each.lower_is_better} for each in self.columns]
        return {**asdict(self), "columns": shown}


def compare(
    cards: Mapping[str, Card], by: str = "", where: Mapping[str, Any] | None = None
) -> tuple[list[Table], list[str]]:
    """Tables of the releases in `cards`, the largest first, and sentences on those that
    stand in none: what is not measured, and what nothing else was measured like.

    by: the type of the number to rank releases by, those alone that have it; default: the leading one. where:
    args that it must have been measured with. Raises UnknownName for a type that no column is of.
    """
    if by and by not in (known := _types()):
        raise UnknownName(f"releases cannot be ranked by {by!r}. {nearest(by, known)}")
    if where:
        numbers = {name: _leading(card, by) for name, card in cards.items()}
        chosen = [name for name, record in numbers.items() if record and where.items() <= record.args.items()]
        cards = {name: cards[name] for name in chosen}
    groups: list[list[str]] = []
    apart = []
    for name, card in sorted(cards.items()):
        if _leading(card, by) is None:
            if by:
                continue
            leading = [column.header for column in _columns(card) if column.leading]
            what = leading[0] if len(leading) == 1 else "number to compare it by"
            apart.append(f"{name} has no {what} on its card yet.")
            continue
        alike = (group for group in groups if not _difference(cards[group[0]], card, by))
        if (group := next(alike, None)) is None:
            groups.append(group := [])
        group.append(name)
    groups.sort(key=len, reverse=True)
    tables = []
    for group in groups:
        if len(group) > 1 or group is groups[0]:
            tables.append(_table({name: cards[name] for name in group}, by))
        else:
            apart.append(_alone(group[0], cards[group[0]], cards[groups[0][0]], by))
    return tables, apart


def columns(space: str, capabilities: Iterable[str], by: str = "") -> list[Column]:
    """How registered metrics show the numbers of models of a space that can do this, in order of their places, where
    releases are ranked by a type, or by the leading one."""
    what = {space, *capabilities} | ({"images"} if space == "binary-images" else set())
    # Whether a model had what else a metric needs is known once there is a number.
    sorts = {"generate", "translate", *(entry.name for entry in registry.list_entries("spaces"))}
    found = [
        column
        for metric in registry.list_entries("metrics")
        if metric.needs & sorts <= what
        for column in metric.columns
        if column.space in (None, *what) and column.by in ("", by)
    ]
    return sorted(found, key=lambda column: column.place)


def headline(release: Release) -> Record | None:
    """The number a release is known by: of an exact density its likelihood, if its space has a headline for one; else
    the first on its card that is a headline of its space; else the first; None for one that was not measured. Without
    its args, which listings do not read."""
    own = columns(release.outline.space, release.architecture.capabilities)
    known = {column.type for column in own if column.headline}
    needing = (metric for metric in registry.list_entries("metrics") if "log_prob" in metric.needs)
    likelihoods = known & {column.type for metric in needing for column in metric.columns}
    exact = release.architecture.log_prob == "exact"
    metrics = release.outline.metrics
    first = min(metrics, key=lambda each: (exact and each[0] not in likelihoods, each[0] not in known), default=None)
    return Record(*first) if first else None


def protocol() -> tuple[str, ...]:
    """Names of the args that must be the same where numbers are compared, those of machines left out."""
    return (*SHARED, *(name for metric in registry.list_entries("metrics") for name in metric.protocol), "seed")


def machine() -> tuple[str, ...]:
    """Names of the args that say on what machine a speed was measured."""
    return tuple(name for metric in registry.list_entries("metrics") for name in metric.machine)


def in_words(how: Mapping[str, Any]) -> str:
    """How something was measured, as in "features grey28, sha256 f76f94f3fe32…"."""
    short = {key: f"{str(value)[:12]}…" if key == "sha256" else value for key, value in how.items()}
    return ", ".join(f"{key} {value}" for key, value in short.items())


def _types() -> list[str]:
    """By which releases may be ranked."""
    every = [column for metric in registry.list_entries("metrics") for column in metric.columns]
    return [column.type for column in every if column.header and not column.arg]


def _table(cards: dict[str, Card], by: str) -> Table:
    first = next(iter(cards.values()))
    leading = _leading(first, by)
    assert leading is not None  # or it would stand apart
    shown = [column for column in _columns(first, by) if column.header]
    shown.sort(key=lambda column: column.key != leading.type)  # which decides the rank
    measured: dict[str, dict[str, Record]] = {}  # key → name → record
    notes = []
    for column in shown:
        records = {name: record for name, card in cards.items() if (record := _record(card, column.type, column.arg))}
        if not records:
            continue
        protocols = {name: _protocol(record) for name, record in records.items()}
        usual = _commonest(list(protocols.values()))
        for name, how in protocols.items():
            if how != usual:
                value = records.pop(name).value
                notes.append(f"{name}: {column.header} {value:.4g}, not compared: {_unlike(usual, how)}.")
        measured[column.key] = records
    return Table(
        tuple(column for column in shown if column.key in measured),
        {type: _protocol(next(iter(records.values()))) for type, records in measured.items()},
        _rows(cards, measured, shown[0]),
        _real({column.key: measured[column.key] for column in shown if column.key in measured and not column.arg}),
        notes,
    )


def _rows(cards: dict[str, Card], measured: dict[str, dict[str, Record]], leading: Column) -> list[Row]:
    records, sign = measured[leading.type], 1 if leading.lower_is_better else -1
    order = sorted(cards, key=lambda name: (sign * records[name].value, name))
    values = [records[name].value for name in order]
    return [
        Row(
            name,
            values.index(value) + 1,
            records[name].spread,
            cards[name].weights.get("parameters"),
            {type: found[name].value for type, found in measured.items() if name in found},
        )
        for name, value in zip(order, values, strict=True)
    ]


def _real(measured: dict[str, dict[str, Record]]) -> dict[str, dict[str, float]]:
    """By what they are, the numbers of what is no model, by type."""
    real: dict[str, dict[str, float]] = {}
    for key in dict.fromkeys([*REAL, *(key for metric in _metrics() for key in metric.references or {})]):
        for column, records in measured.items():
            found = [(record.type, n) for record in records.values() if (n := record.number(key)) is not None]
            if found:
                type, value = found[0]
                real.setdefault(_reference(key, type), {})[column] = value
    return real


def _reference(key: str, type: str) -> str:
    """What an arg is the number of, in a record of this type: a metric may say it of its own, and of all where no other
    does."""
    for metric in _metrics():
        own = any(column.type == type for column in metric.columns)
        if metric.references and key in metric.references and (own or key not in REAL):
            return metric.references[key]
    return REAL[key]


def _metrics() -> Sequence[Metric]:
    return registry.list_entries("metrics")


def _record(card: Card, type: str, arg: str = "") -> Record | None:
    """The card's finite number of a type, or that which an arg of its record is."""
    found = (each for each in card.records if each.type == type)
    if arg:
        found = (replace(each, value=value) for each in found if (value := each.number(arg)) is not None)
    return next((each for each in found if math.isfinite(each.value)), None)


def _leading(card: Card, by: str) -> Record | None:
    """The number by which a card is ranked."""
    types = [by] if by else [column.type for column in _columns(card) if column.leading]
    return next(filter(None, (_record(card, type) for type in types)), None)


def _columns(card: Card, by: str = "") -> list[Column]:
    return columns(card.space, ["translate" if _translates(card) else "generate"], by)


def _translates(card: Card) -> bool:
    return bool(card.front["pipeline_tag"] == "image-to-image")


def _protocol(record: Record) -> dict[str, Any]:
    return record.how(protocol() + machine())


def _commonest(protocols: list[dict[str, Any]]) -> dict[str, Any]:
    """What most were measured by; of two as common the first."""
    count = collections.Counter(map(str, protocols))
    return max(protocols, key=lambda protocol: count[str(protocol)])


def _difference(first: Card, second: Card, by: str) -> str:
    """Why the first numbers of two cards may not be compared, in words; empty when they may."""
    if first.shape != second.shape:
        return f"{second.extent} instead of {first.extent}"
    if _translates(first) != _translates(second):
        kinds = ("images drawn", "images made from others")
        return f"{kinds[_translates(second)]} instead of {kinds[_translates(first)]}"
    ours, theirs = _leading(first, by), _leading(second, by)
    if ours is None or theirs is None or ours.type != theirs.type:
        return "another task"
    if _protocol(ours) != _protocol(theirs):
        return _unlike(_protocol(ours), _protocol(theirs))
    for key, kind, tolerance in (
        ("floor", "which have", {"rel_tol": ALIKE}),
        ("bicubic", "of which bicubic interpolation gets", {"abs_tol": ALIKE}),
    ):
        known = [value for record in (ours, theirs) if (value := record.number(key)) is not None]
        if len(known) == 1:
            return "what real data have is not told"
        if known and not math.isclose(known[0], known[1], **tolerance):
            return f"other real data, {kind} {known[1]:.4g} instead of {known[0]:.4g}"
        if known:
            return ""
    return "" if first.dataset == second.dataset else f"{second.dataset} instead of {first.dataset}"


def _unlike(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """What differs between two protocols, in words."""
    keys = [key for key in protocol() + machine() if ours.get(key) != theirs.get(key)]
    first, second = ({key: how.get(key, "unknown") for key in keys} for how in (ours, theirs))
    return f"{in_words(second)} instead of {in_words(first)}"


def _alone(name: str, card: Card, other: Card, by: str) -> str:
    """A sentence on a release that nothing was measured like, with how it differs from `other`."""
    record = _leading(card, by)
    assert record is not None  # or it would not have been measured
    real = "" if record.floor is None else f" (real data {record.floor:.4g})"
    return f"{name}: {record.name} {record.value:.4g}{real}, not compared: {_difference(other, card, by)}."

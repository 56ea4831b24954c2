"""What there is: `zoo list`, `zoo info`, `zoo plugins`. None of them imports torch, unless `zoo info` is asked for what
an architecture's own classes declare: `--settings`, `--objective`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from zoo import registry, releases
from zoo.cli import completing
from zoo.cli.declared import full_names, settings_of
from zoo.cli.options import Json
from zoo.cli.output import fitting, floor, note, number, plural, say, say_json, size, table
from zoo.errors import InvalidInput, nearest
from zoo.registry.entries import Architecture
from zoo.releases import Release
from zoo.releases.record import Record
from zoo.reports.comparison import columns, headline

MANY = 24  # names of a list that are printed; --json has all
FLAGS = {"generate": "g", "encode": "e", "decode": "d", "log_prob": "p", "translate": "t", "classify": "c"}


def list_(
    pattern: Annotated[
        str | None, typer.Argument(help="A glob, for example 'dcgan*'.", autocompletion=completing.release_names)
    ] = None,
    family: Annotated[str | None, typer.Option(help="autoencoders, flows, gans, translation …")] = None,
    capability: Annotated[str | None, typer.Option(help=f"{', '.join(FLAGS)} …")] = None,
    dataset: Annotated[str | None, typer.Option(help="What it was trained on.")] = None,
    license: Annotated[str | None, typer.Option(help="As on the card, for example apache-2.0.")] = None,
    condition: Annotated[str | None, typer.Option(help="label, text or image.")] = None,
    architectures: Annotated[bool, typer.Option("--architectures", help="Architectures instead of releases.")] = False,
    datasets: Annotated[bool, typer.Option("--datasets", help="Data sets instead of releases.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of cards/README.md.")] = False,
    as_json: Json = False,
) -> None:
    """List releases, architectures or data sets."""
    filters = {"family": family, "capability": capability, "condition": condition}
    if markdown and (datasets or architectures):
        raise InvalidInput("--markdown prints a table of releases. Leave it out, or --datasets and --architectures.")
    if datasets:
        if architectures or any(given is not None for given in (*filters.values(), dataset, license)):
            raise InvalidInput("data sets are found by their names alone. Leave out --datasets, or all but a pattern.")
        _list_datasets(pattern, as_json)
        return
    if architectures:
        if dataset is not None or license is not None:
            raise InvalidInput("architectures have no data set and no licence, releases do. Leave out --architectures.")
        _list_architectures(pattern, filters, as_json)
        return
    filters |= {"dataset": dataset, "license": license}
    found = releases.select(pattern, **filters)
    if as_json:
        say_json([_release_facts(name, release) for name, release in found.items()])
    elif markdown:
        for line in _markdown(list(found.values())):
            say(line)
    elif found:
        _list_releases(found)
    else:
        note(_nothing("release", pattern, releases.list_releases()))
    if faults := sum(len(plugin.faults) for plugin in registry.registry().plugins):
        note(f"{plural(faults, 'release')} cannot be loaded; see zoo plugins.")


def info(
    name: Annotated[
        str,
        typer.Argument(
            help="A release, an architecture, a release folder or hf:org/repo@revision.",
            autocompletion=completing.releases_or_architectures,
        ),
    ],
    objective: Annotated[
        bool, typer.Option("--objective", help="Show what --set objective.NAME=VALUE can set in training.")
    ] = False,
    all_settings: Annotated[
        bool, typer.Option("--settings", help="Show all that --set NAME=VALUE can set in training.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is known about a release or an architecture."""
    found = releases.describe(name)
    if objective or all_settings:
        _say_options(found, all_settings, as_json)
        return
    facts = _architecture_facts(found) if isinstance(found, Architecture) else _release_facts(found.name, found)
    if as_json:
        say_json(facts)
    else:
        _say_facts({key: value for key, value in facts.items() if key != "metrics"})
        if isinstance(found, Release):
            _say_metrics(found.card.records)


COMMANDS = {"list": list_, "info": info}


def _list_releases(found: dict[str, Release]) -> None:
    """What narrow terminals have no room for is in `zoo info`."""
    headers = ("name", "file", "can", "licence", "measured", "sample", "data")
    _by_family(headers, [(release.architecture.family, _row(name, release)) for name, release in found.items()], 5)
    say()
    say(f"can: {', '.join(f'{flag} {name}' for name, flag in FLAGS.items())}")
    say("See one: zoo show NAME. All that is known of it: zoo info NAME")


def _by_family(headers: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], least: int) -> None:
    """A line for each of these rows, of which the family is said, one family after another; in narrow terminals
    without the last columns, but the first `least`."""
    room = fitting([headers, *(row for _, row in rows)], least=least)
    families: dict[str, list[Sequence[str]]] = {}
    for family, row in sorted(rows, key=lambda each: each[0]):
        families.setdefault(family, []).append(row[:room])
    table(headers[:room], [row for family in families.values() for row in family], groups=families)


def _row(name: str, release: Release) -> tuple[str, ...]:
    outline, architecture = release.outline, release.architecture
    flags = "".join(flag for name, flag in FLAGS.items() if name in architecture.capabilities)
    licence = outline.license
    if licence == "other":
        # What the user must know fits a column; the licence's full name is in `zoo info`.
        licence = "non-commercial" if "non-commercial" in str(outline.license_name) else licence
    return name, size(outline.bytes), flags, licence, _headline(release), outline.extent, outline.dataset


def _markdown(found: list[Release]) -> list[str]:
    """The table of cards/README.md: of each release the first number of each kind, and that of real data."""
    lines = ["| release | what it is | can | size | measured | real data |", "| --- | --- | --- | ---: | --- | --- |"]
    for release in found:
        card, architecture = release.card, release.architecture
        headlines = {column.type for column in columns(card.space, architecture.capabilities) if column.headline}
        shown = [record for record in card.records if record.type in headlines]
        cells = [
            f"[{release.name}]({release.name}/README.md)",
            f"{architecture.summary}, {card.dataset}, {card.extent}",
            ", ".join(_able(architecture)),
            size(card.weights.get("bytes")),
            "<br>".join(f"{record.name} {number(record.value)}" for record in shown),
            "<br>".join(floor(record) for record in shown),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _able(architecture: Architecture) -> list[str]:
    """What it can do, in the order in which capabilities are registered."""
    return [entry.name for entry in registry.list_entries("capabilities") if entry.name in architecture.capabilities]


def _headline(release: Release) -> str:
    """The number a release is known by, in few letters."""
    if (found := headline(release)) is None:
        return "–"
    short = {column.type: column.short for column in columns(release.outline.space, release.architecture.capabilities)}
    return f"{short.get(found.type) or found.name.partition(' (')[0]} {number(found.value)}"


def _list_architectures(pattern: str | None, filters: dict[str, str | None], as_json: bool) -> None:
    found = releases.select_architectures(pattern, **filters)
    if as_json:
        say_json([_architecture_facts(architecture) for architecture in found])
    elif found:
        rows = [
            (a.family, (a.qualified, a.summary, a.condition or "–", a.log_prob or "–", a.default or "–")) for a in found
        ]
        _by_family(("name", "summary", "condition", "log_prob", "default release"), rows, 2)
        say("\nAll that is known of one: zoo info NAME")
    else:
        note(_nothing("architecture", pattern, [each.qualified for each in releases.select_architectures()]))


def _list_datasets(pattern: str | None, as_json: bool) -> None:
    found = registry.list_entries("data sets", pattern)
    if as_json:
        say_json([{"name": each.qualified, "source": each.source, "summary": each.summary} for each in found])
    elif found:
        table(("name", "read from", "summary"), [(each.qualified, each.source, each.summary) for each in found])
    else:
        note(_nothing("data set", pattern, [each.qualified for each in registry.list_entries("data sets")]))


def _nothing(what: str, pattern: str | None, known: Sequence[str]) -> str:
    if pattern is None or any(sign in pattern for sign in "*?["):
        return f"No {what} fits."
    begins = any(name.startswith(pattern) for name in known)
    hint = f"Patterns are globs: '{pattern}*' finds every name that begins so." if begins else ""
    hint = hint or (releases.filter_called(pattern) if what == "release" else "") or nearest(pattern, known)
    return f"No {what} is called {pattern!r}. {hint}"


def _release_facts(name: str, release: Release) -> dict[str, Any]:
    """Everything on the card that is a fact, with what the registry knows of the architecture."""
    card, architecture = release.card, release.architecture
    return {
        "name": name,
        "architecture": architecture.qualified,
        "summary": architecture.summary,
        "paper": architecture.paper,
        "family": architecture.family,
        "capabilities": _able(architecture),
        "condition": architecture.condition,
        "log_prob": architecture.log_prob,
        "license": card.front.get("license_name", card.license),
        "license_link": card.front.get("license_link"),
        "data": card.zoo["data"],
        "config": card.config,
        "weights": card.weights,
        "training": card.training,
        "folder": str(release.folder),
        "plugin": release.plugin,
        "metrics": card.metrics,
    }


def _architecture_facts(architecture: Architecture) -> dict[str, Any]:
    able = _able(architecture)
    return {**dataclasses.asdict(architecture), "name": architecture.qualified, "capabilities": able}


def _say_facts(facts: dict[str, Any]) -> None:
    width = max(map(len, facts)) + 2
    for key, value in facts.items():
        if isinstance(value, dict):
            lines = [f"{name}: {_words(item)}" for name, item in value.items()]
        else:
            lines = [_words(value)]
        for first, line in enumerate(lines):
            if line:
                say(f"{'' if first else key:<{width}}{line}")


def _words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        more = f" … ({len(value)} in all)" if len(value) > MANY else ""
        return ", ".join(map(str, value[:MANY])) + more
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(item)}" for name, item in value.items())
    return "" if value is None else str(value)


def _say_options(found: Architecture | Release, every: bool, as_json: bool) -> None:
    """What training can be told: the options of the objective or, by their full names, `every` setting."""
    rows = full_names(found) if every else settings_of(found)["objective."]
    if as_json:
        say_json(rows)
    elif rows:
        table(("setting" if every else "option", "default", "takes", "what it is"), [cells(row) for row in rows])
    else:
        note("Its objective has no options.")


def cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    """A setting in a table: its name, its default, what it takes, and what it is."""
    return row["name"], _words(row["default"]) or "–", row["expected"], row["help"]


def _say_metrics(records: list[Record]) -> None:
    say()
    if not records:
        say("Not measured yet; zoo evaluate does it.")
        return
    rows = [(record.name, number(record.value), floor(record)) for record in records]
    table(("metric", "value", "real data"), rows, right=("value", "real data"))

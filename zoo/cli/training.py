"""Making and measuring weights: `zoo train`, `zoo evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import zoo
from zoo import registry
from zoo.cli.arguments import settings, stem_of
from zoo.cli.output import number, say, say_json, table
from zoo.errors import InvalidInput, nearest

if TYPE_CHECKING:
    from zoo.metrics.evaluate import Record

DEVICES = ("auto", "cpu", "cuda")


def train(
    name: str = typer.Argument(help="A release, to make it again; or an architecture, to train it on your own images."),
    data: Path = typer.Option(..., help="Folder of the data set, or of your images."),
    out: Path | None = typer.Option(None, help="The release folder to write. Default: runs/NAME."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="KEY=VALUE", help="steps=100, objective.learning_rate=1e-4, config.width=32 …; may be repeated."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on from the last checkpoint in the folder."),
    download: bool = typer.Option(False, "--download", help="Fetch the data set if it is missing."),
    device: str = typer.Option("auto", help=", ".join(DEVICES) + "."),
) -> None:
    """Train a model and write a release folder. Several processes: torchrun -m zoo train …"""
    changes = settings(set_)
    if device not in DEVICES:
        raise InvalidInput(f"--device {device} is unknown. {nearest(device, DEVICES)}")
    registry.describe(name)  # a misspelt name should not wait for torch
    from zoo.training.release import train as run

    folder = out or Path("runs") / stem_of(name)
    written = run(name, data=data, out=folder, changes=changes, resume=resume, download=download, accelerator=device)
    where = written if written.is_absolute() else f"./{written}"
    say(f"Wrote the release folder {written}. Draw from it: zoo generate {where} --out samples.png")


def evaluate(
    name: str = typer.Argument(help="A release or a release folder."),
    data: Path = typer.Option(..., help="Folder of the data set that the release was trained on."),
    features: str | None = typer.Option(None, help="Feature network; default: one that ships with zoo and fits the images."),
    n: int | None = typer.Option(None, "--n", "-n", help="Samples compared; default: as the protocol says."),
    seed: int = typer.Option(0, help="Of everything drawn."),
    download: bool = typer.Option(False, "--download", help="Fetch the data set if it is missing."),
    write: bool = typer.Option(False, "--write", help="Write the numbers to the card."),
    device: str = typer.Option("cpu", help="cpu, cuda, cuda:1 …"),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Measure a release by the protocol that all cards follow, beside real data and the card's own numbers."""
    release = registry.find(name)
    card = release.card
    from zoo.metrics import evaluate as protocol

    model = zoo.load(name, device=device)
    records = protocol.evaluate(model, card, data, features=features, n=n, seed=seed, download=download)
    if write:
        protocol.to_card(card, records).write()
    if as_json:
        say_json([{"type": r.type, "name": r.name, "value": r.value, "args": r.args} for r in records])
    else:
        _say_records(records, card.metrics)
        if write:
            say(f"Wrote the numbers to {card.folder / 'README.md'}.")


COMMANDS = {"train": train, "evaluate": evaluate}


def _say_records(records: list[Record], former: list[dict[str, Any]]) -> None:
    before = {(metric["type"], metric["name"]): metric["value"] for metric in former}
    headers = ["metric", "value", "real data", *(["card"] if before else [])]
    rows = []
    for record in records:
        row = [record.name, number(record.value), number((record.args or {}).get("floor"))]
        rows.append([*row, number(before.get((record.type, record.name)))] if before else row)
    table(headers, rows, right=headers[1:])

"""Where the lines of a run's log go besides its log.jsonl: to whoever listens, to a table, to TensorBoard, and to what
plugins register.

A logger is called as `function(folder, *, settings)`, with the folder of the run and everything that was set. It is a
context manager that gives a listener, which is called with each line, as `flat` makes it, and the model as it then is.
A run that is resumed makes steps again that came after its last checkpoint: a line takes the place of all former ones
from its step on.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import registry
from zoo._util.atomic import named, replacing
from zoo.errors import InvalidInput, MissingExtra
from zoo.model import Model
from zoo.registry.entries import Entry
from zoo.registry.names import pick
from zoo.releases.cards import Card
from zoo.reports.history import LOG

Listener = Callable[[dict[str, float], Model], object]
TABLE, BOARD = "log.csv", "tensorboard"  # in the folder of the run


def flat(line: Mapping[str, Any]) -> dict[str, float]:
    """A line of log.jsonl as numbers by name: "step", "seconds", "losses/generator", "gradients/generator" … What was
    not finite is NaN."""
    found: dict[str, Any] = {}
    for key, value in line.items():
        if isinstance(value, Mapping):
            found |= {f"{key}/{name}": math.nan if number is None else number for name, number in value.items()}
        elif not isinstance(value, str):
            found[key] = value
    return found


def chosen(names: str | Sequence[str], out: Path | None) -> list[Entry]:
    """The loggers that are meant. Raises UnknownName, and InvalidInput where there is no folder for what they write."""
    names = [names] if isinstance(names, str) else names
    found = [pick(name, registry.list_entries("loggers"), "logger") for name in names]
    if found and out is None:
        raise InvalidInput(f"log={found[0].name!r} writes into the folder of the run. Pass that: out='./folder'.")
    return found


@contextlib.contextmanager
def opened(loggers: Sequence[Entry], folder: Path, card: Card) -> Iterator[list[Listener]]:
    """The listeners of `loggers` within the block, for a run in `folder` of what `card` describes."""
    settings = {key: value for key, value in card.training.items() if key != "objective"}
    settings |= {f"objective.{key}": value for key, value in card.training["objective"].items()}
    settings |= {f"config.{key}": value for key, value in card.config.items()} | {"architecture": card.architecture}
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(each.resolve()(folder, settings=settings)) for each in loggers]


@contextlib.contextmanager
def table(folder: Path, *, settings: Mapping[str, Any]) -> Iterator[Listener]:
    """log.csv, with a row for each line of log.jsonl and a column for every number in it. A line is appended, but for
    the first of a run, and one with a new number."""
    columns = list[str]()

    def write(line: dict[str, float], model: Model) -> None:
        if columns and line.keys() <= set(columns):
            with named(folder / TABLE), (folder / TABLE).open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, columns, lineterminator="\n").writerow(line)
            return
        lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
        rows = [flat(json.loads(each)) for each in lines]
        columns[:] = dict.fromkeys(name for row in rows for name in row)
        with replacing(folder / TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    yield write


@contextlib.contextmanager
def tensorboard(folder: Path, *, settings: Mapping[str, Any]) -> Iterator[Listener]:
    """tensorboard/, which TensorBoard shows: the numbers, and what was set as a text."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("log='tensorboard' needs TensorBoard. Install it with: pip install tensorboard") from error
    writers: list[Any] = []

    def write(line: dict[str, float], model: Model) -> None:
        step = int(line["step"])
        if not writers:
            writers.append(SummaryWriter(str(folder / BOARD), purge_step=step))
            writers[0].add_text("settings", "\n".join(f"    {name}: {value}" for name, value in settings.items()), step)
        for name, value in line.items():
            if name != "step":
                writers[0].add_scalar(name, value, step)
        writers[0].flush()

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()

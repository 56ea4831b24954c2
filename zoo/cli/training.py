"""Making and measuring weights: `zoo train`, `zoo evaluate`."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from zoo import registry, releases
from zoo._util.defaults import CHECKPOINT_EVERY, LOG_EVERY
from zoo._util.paths import user_path
from zoo._util.processes import is_first
from zoo.cli import completing, listing
from zoo.cli.arguments import settings, stem_of
from zoo.cli.declared import full_names
from zoo.cli.diagnosing import conclude
from zoo.cli.options import Cache, Data, Device, Download, Force, Json, Quiet, SkipBad
from zoo.cli.output import floor, note, number, say, say_json, table
from zoo.cli.reading import end
from zoo.cli.targets import check_folder, translating
from zoo.data.finding import check_there
from zoo.errors import DataError, InvalidInput, OtherData, ZooError
from zoo.metrics.named import check_named
from zoo.registry.entries import Architecture
from zoo.training import places

if TYPE_CHECKING:
    from zoo.releases.record import Record

DEVICES = ("auto", "cpu", "cuda")
FEW = 1000  # images; over fewer a Fréchet distance says little by itself


class Train(TyperCommand):
    """The command `train`, whose help has the settings of what is named on the line: `zoo train vae --help`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[__name__] = list(args)  # --help ends what comes next
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        if (name := self._named(ctx.meta.get(__name__, []))) is None:
            return
        with contextlib.suppress(ZooError):
            rows = [listing.cells(row) for row in full_names(releases.describe(name, offline=True))]
            with formatter.section(f"Settings of {name}, by --set NAME=VALUE"):
                formatter.write_dl([(f"{name}={default}", f"{text}; {takes}") for name, default, takes, text in rows])

    def _named(self, words: list[str]) -> str | None:
        """The first word of the line that is no option, nor the value of one."""
        valued = {opt for each in self.params if not getattr(each, "is_flag", True) for opt in each.opts}
        pairs = zip(["", *words], words, strict=False)
        return next((word for before, word in pairs if not word.startswith("-") and before not in valued), None)


Trained = Annotated[
    str,
    typer.Argument(
        help="A release, to make it again; or an architecture, for your own data.",
        autocompletion=completing.releases_or_architectures,
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="steps=100, config.width=32 …; zoo train NAME --help has all.",
        autocompletion=completing.settings,
    ),
]
Samples = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data set, or of your images; or your table, .csv or .npy.")
]
Start = Annotated[
    str | None,
    typer.Option("--from", metavar="RELEASE", help="Start from the weights of a release of that architecture."),
]
Log = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Log also as csv or tensorboard, or by a plugin's logger; repeatable."),
]
LogEvery = Annotated[int, typer.Option(metavar="STEPS", help="How often a line of the log is written.")]
Workers = Annotated[
    int, typer.Option(metavar="N", help="Processes that make batches ahead, as where images are large.")
]
Accumulate = Annotated[
    int | None, typer.Option(metavar="K", help="Compute a batch in K parts, one after the other, to save memory.")
]
CheckpointEvery = Annotated[
    int, typer.Option(metavar="STEPS", help="How often the run is saved; also when it is interrupted.")
]


def train(
    name: Trained,
    data: Samples = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The release folder to write. Default: the card's, if it awaits its first weights, or runs/NAME.",
        ),
    ] = None,
    changes: Changes = None,
    start: Start = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")] = False,
    force: Force = False,
    checkpoint_every: CheckpointEvery = CHECKPOINT_EVERY,
    quiet: Quiet = False,
    download: Download = False,
    skip_bad: SkipBad = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    log: Log = None,
    log_every: LogEvery = LOG_EVERY,
    cache: Cache = True,
    workers: Workers = 0,
    accumulate: Accumulate = None,
) -> None:
    """Train a model and write a release folder. Several processes: torchrun -m zoo train …"""
    named = {"start": start, "accumulate": accumulate}
    replaced = settings(changes) | {key: value for key, value in named.items() if value is not None}
    if device not in DEVICES:
        raise InvalidInput(f"--device {device} is unknown; expected {', '.join(DEVICES)}.")
    found = releases.describe(name)
    if isinstance(found, releases.Release) and found.origin:
        name = found.name  # the commit that was resolved here, once
    folder = out or places.awaited(name) or Path("runs") / stem_of(name)
    places.check(name, data, folder, replaced, log or (), resume=resume, force=force, download=download)
    from zoo.training import release

    bad: list[str] | None = [] if skip_bad else None
    more: Any = {"resume": resume, "force": force, "checkpoint_every": checkpoint_every, "progress": not quiet}
    more |= {"download": download, "accelerator": device, "bad": bad, "log": log or (), "log_every": log_every}
    more |= {"cache": cache, "workers": workers}
    release.train(name, data=data, out=folder, changes=replaced, **more)
    _say_written(folder, found if isinstance(found, Architecture) else found.architecture)
    conclude(folder, quiet=quiet)
    end(bad)


FeatureNetwork = Annotated[
    str | None, typer.Option(help="Feature network; default: the one that ships with zoo and fits the images.")
]
Count = Annotated[int | None, typer.Option("--n", "-n", min=1, help="Samples compared; default: as the protocol says.")]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", metavar="NAME", help="Only this metric; may be given several times.")
]
Again = Annotated[
    list[Path] | None,
    typer.Option(help="Release folder of the same recipe trained with another seed, to tell the spread over seeds."),
]

Keep = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A folder in which what is computed is kept until the numbers are there: the same call goes on with it.",
    ),
]


def evaluate(
    name: Annotated[str, completing.release("A release, a release folder or hf:org/repo@revision.")],
    data: Data = None,
    features: FeatureNetwork = None,
    n: Count = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn.")] = 0,
    metrics: Metrics = None,
    again: Again = None,
    download: Download = False,
    write: Annotated[bool, typer.Option("--write", help="Write the numbers to the card.")] = False,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
    cache: Cache = True,
    keep: Keep = None,
) -> None:
    """Measure a release. Several processes share the work: torchrun -m zoo evaluate …

    All cards follow the same protocol; beside each number stands that of real data, and the card's own. Written numbers
    take the place of those of the same types on the card.
    """
    if write and (n, seed) != (None, 0):
        raise InvalidInput("--write is for the protocol that all cards share; leave out --n and --seed.")
    release, *others = [releases.find(each) for each in (name, *(again or ()))]
    card = release.card
    check_named(metrics, features)
    choices: dict[str, Any] = {"cache": cache, "keep": keep and _made_there(keep)}
    check_there(data, card.training.get("dataset", ""), download=download)
    if write and release.origin:
        raise InvalidInput(f"--write changes a card; that of {release.name} is the Hub's. Copy it first: zoo download")
    from zoo.metrics import evaluate as protocol
    from zoo.metrics import seeds
    from zoo.model.sharing import shared

    choices |= {"features": features, "n": n, "seed": seed, "download": download, "metrics": metrics}
    try:
        with shared():
            records = seeds.measured([release, *others], data, device=device, strict=write, quiet=quiet, **choices)
    except OtherData as other:
        raise DataError(f"{other} They are not written; leave out --write to see them.") from other
    if write and is_first():
        protocol.to_card(card, records).write()
    _note_few(records)
    if as_json:
        say_json([record.to_dict() for record in records])
    else:
        _say_records(records, card.records)
        if write:
            say(f"Wrote the numbers to {card.folder / 'README.md'}.")


COMMANDS = {"train": train, "evaluate": evaluate}


def _made_there(folder: Path) -> Path:
    """A folder, to be made; InvalidInput where it cannot be."""
    check_folder(place := user_path(folder), str(folder), "--keep")
    return place


def _say_written(folder: Path, architecture: Architecture) -> None:
    where = shlex.quote(f"{folder if folder.is_absolute() else f'./{folder}'}")
    try_it = f"Draw from it: zoo generate {where}"
    if "generate" not in architecture.capabilities:
        spaces = registry.list_entries("spaces")
        space = next(entry for entry in spaces if entry.name == architecture.space).resolve()
        try_it = f"Try it: {translating(where, space)}"
    say(f"Wrote the release folder {folder}. {try_it}")


def _note_few(records: list[Record]) -> None:
    distances = [record for record in records if record.type.startswith("frechet-distance")]
    counts = (int(record.args.get(side, FEW)) for record in distances for side in ("n_real", "n_generated"))
    least = min(counts, default=FEW)
    if least < FEW and is_first():
        note(
            f"Note: {least} images are few, which alone makes a Fréchet distance large. Read it beside that of "
            "real data, and compare it only with distances over as many images."
        )


def _say_records(records: list[Record], former: list[Record]) -> None:
    before = {(record.type, record.name): record.value for record in former}
    columns = {
        "metric": [record.name for record in records],
        "value": [number(record.value) for record in records],
        "over seeds": [record.spread for record in records],
        "real data": [floor(record) for record in records],
        "card": [number(before.get((record.type, record.name))) for record in records],
    }
    if not any(columns["over seeds"]):
        del columns["over seeds"]
    if not before:
        del columns["card"]
    table(list(columns), list(zip(*columns.values(), strict=True)), right=list(columns)[1:])

"""Drawing from a model: `zoo generate`, which imports torch when it runs; and what other commands share with it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo.cli.arguments import conditions, settings, stem_of
from zoo.cli.options import BatchSize, Device, Force, Labels, Name, Options, Quiet, Temperature, Truncation
from zoo.cli.output import say
from zoo.cli.targets import Target, default_name
from zoo.errors import CapabilityError, InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

    from zoo._util.progress import Course
    from zoo.model import Model

COUNT = 16  # images drawn when nobody says how many

Count = Annotated[
    int | None, typer.Option("--count", "-n", help=f"How many images; default {COUNT}, or one for each condition.")
]
Round = Annotated[bool, typer.Option("--round", help="Round the columns of a table that held whole numbers only.")]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        help="faces.png: a grid; faces/: single files; faces.npy: an array; points.csv: vectors. "
        "Default: NAME-seedSEED-COUNT.png, of vectors .csv.",
    ),
]


def generate(
    name: Name,
    count: Count = None,
    seed: Annotated[int | None, typer.Option(help="Fixes the images; default: a new one, which is told.")] = None,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    whole: Round = False,
    option: Options = None,
    device: Device = "auto",
    out: Out = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw images, or vectors.

    The seed is told, and in the names of files: with it the same are drawn again. Of many, each is written, but for
    grids, as soon as it is drawn.
    """
    # A wrong option or a place that cannot be written should show before a model is loaded.
    options = settings(option)
    target = None if out is None else Target.parse(out, kinds=("samples", "folder", "array"), force=force)
    model = zoo.load(name, device=device)
    if {"generate", "translate"} & model.capabilities() == {"translate"}:
        raise CapabilityError(f"{name} makes images from images. Call: zoo translate {name} IMAGES --out DIR.")
    labels = conditions(condition, model)
    once = labels and (len(labels) > 1 or model.deterministic)  # an image that would be the same again is drawn once
    n = count if count is not None else len(labels) if labels and once else COUNT
    seed = secrets.randbits(32) if seed is None else seed
    options = plain_options(options, "generate", "truncation")
    if truncation is not None:
        options["truncation"] = truncation
    drawn: dict[str, Any] = {"seed": seed, "temperature": temperature, "batch_size": batch_size}
    parts: Iterable[Tensor] = model.generate_chunks(n, condition=labels, **drawn, **options)
    if whole:
        parts = map(model.rounded, parts)
    stem = default_name(stem_of(name), f"seed{seed}")
    target = fitting(target, model, n, stem, force=force)
    with watching("drawn", n, quiet=quiet):
        written = target.write(parts, n, stem, model.space)
    say(f"Wrote {written}, seed {seed}.")


COMMANDS = {"generate": generate}


def fitting(
    target: Target | None, model: Model, n: int, stem: str, *, force: bool, columns: int | None = None
) -> Target:
    """`target`, if it takes `n` samples of what the model makes, or InvalidInput; without one, STEM-N with the suffix
    of such files."""
    word = f"{stem}-{n}{model.space.suffixes[0]}"
    chosen = target or Target.parse(word, kinds=("samples",), force=force)
    chosen.check(model.space, n, columns=columns)
    return chosen


@contextmanager
def watching(what: str, total: int | None = None, *, quiet: bool) -> Iterator[Course]:
    """Show how many samples the models called within the block have computed, as `zoo._util.progress` does."""
    from zoo._util.progress import showing
    from zoo.model.chunks import watched

    with showing(what, total, quiet=quiet) as course, watched(course.advance):
        yield course


def plain_options(options: dict[str, Any], command: str, *more: str) -> dict[str, Any]:
    """`options`, or InvalidInput for one that has an option of the command line to itself, one of `more` included."""
    for name in ("n", "images", "condition", "seed", "temperature", "batch_size", *more):
        if name in options:
            raise InvalidInput(f"--option {name}=… has an option of its own; see zoo {command} --help.")
    return options

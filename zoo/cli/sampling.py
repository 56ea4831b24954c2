"""Drawing from a model: `zoo generate`, which imports torch when it runs; and what other commands share with it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo._util.processes import is_shared, processes
from zoo.cli import latents, shards
from zoo.cli.arguments import conditions, settings, stem_of
from zoo.cli.options import BatchSize, Captions, Device, Force, Labels, Name, Options, Quiet, Temperature, Truncation
from zoo.cli.output import note, plural, say
from zoo.cli.results import made_by
from zoo.cli.targets import BLOCK, Target, default_name, framed, translating
from zoo.errors import CapabilityError, InvalidInput
from zoo.files import decoding

if TYPE_CHECKING:
    from torch import Tensor

    from zoo._util.progress import Course
    from zoo.model import Model

COUNT = 16  # images drawn when nobody says how many
PRINTED = "them above"  # instead of into a file: what is told is then apart from it
PARTS = (
    "the samples of a seed are drawn in parts into single files, or --shards. Pass --seed and --out NAME/, and neither "
    "--growth, --round nor --captions."
)

Count = Annotated[
    int | None, typer.Option("--count", "-n", min=1, help=f"How many; default {COUNT}, or one for each condition.")
]
Growth = Annotated[bool, typer.Option("--growth", help="The same at each resolution that the model has grown through.")]
Round = Annotated[bool, typer.Option("--round", help="Round the columns of a table that held whole numbers only.")]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        help="faces.png: a grid; faces/: single files; faces.gif, .webp or .apng: one after the other; faces.npy: an "
        "array; points.csv: vectors, and points.png: plots of them; DIR/ with --shards: files of many each. "
        "Default: NAME-seedSEED-COUNT.png, of vectors .csv; sentences are printed.",
    ),
]


def generate(
    name: Name,
    count: Count = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Fixes the images; default: a new one, told.")] = None,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    whole: Round = False,
    growth: Growth = False,
    captions: Captions = False,
    option: Options = None,
    device: Device = "auto",
    out: Out = None,
    kind: shards.Kind = None,
    resume: shards.Resume = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw images, vectors, or sentences.

    The seed is told, and in the names of files: with it the same are drawn again. Of many, each is written, but for
    grids, as soon as it is drawn. By --growth the same are drawn at every resolution that a model has grown through,
    such as progan-celeba: a row each, or frame after frame.
    """
    # A wrong option or a place that cannot be written should show before a model is loaded.
    options, kinds = settings(option), ("samples", "animation", "folder", "array")
    target = None if out is None else Target.parse(out, kinds=kinds, force=force)
    plain, given = not (growth or whole or captions), None if seed is None else f"seed{seed}"
    parted = _is_parted(target, kind, given and default_name(stem_of(name), given), resume=resume, plain=plain)
    options = plain_options(options, "generate", "truncation")
    if growth:
        _check_growth(options, whole=whole)
    model = _drawing(name, device)
    labels = conditions(condition, model)
    n = _number(count, labels, model)
    seed = latents.seed(seed)
    drawn: dict[str, Any] = {"seed": seed, "temperature": temperature, **_truncated(model, options, truncation)}
    draw: Callable[..., Iterator[Tensor]] = functools.partial(model.generate_chunks, batch_size=batch_size, **drawn)
    stem, told = default_name(stem_of(name), *["growth"] * growth, f"seed{seed}"), {"force": force, "quiet": quiet}
    if parted and target:
        work = _parts(model, target, n, stem, kind, drawn | {"condition": labels}, resume=resume)
        written = _draw_parts(model, draw, labels, work, kind, quiet=quiet)
    elif growth:
        written = _grown(model, functools.partial(draw, n, condition=labels), n, stem, target, captions, **told)
    else:
        below = functools.partial(_captions, model=model, n=n, labels=labels, seed=seed) if captions else None
        parts = draw(n, condition=labels)
        written = _written(model, map(model.rounded, parts) if whole else parts, n, stem, target, below, **told)
    (note if written is PRINTED else say)(f"Wrote {written}, seed {seed}.")


COMMANDS = {"generate": generate}


def _number(count: int | None, labels: Sequence[Any] | None, model: Model) -> int:
    """How many are drawn: an image that would be the same again once."""
    once = labels and (len(labels) > 1 or model.deterministic)
    return count if count is not None else len(labels) if labels and once else COUNT


def _drawing(name: str, device: str) -> Model:
    """The model, of those that draw without being given a sample; CapabilityError tells of others what they do."""
    model = zoo.load(name, device=device)
    if {"generate", "translate"} & model.capabilities() == {"translate"}:
        noun = model.source_space.noun
        raise CapabilityError(f"{name} makes {model.space.noun}s from {noun}s. Call: {translating(name, model.space)}")
    return model


def _written(
    model: Model,
    parts: Iterable[Tensor],
    n: int,
    stem: str,
    target: Target | None,
    captions: Callable[[Target], list[str]] | None,
    *,
    force: bool,
    quiet: bool,
) -> str:
    """Write samples, or plots of vectors where a picture is asked for, or print those that are lines; what was written,
    in words."""
    if target is None and model.space.spoken:
        for part in parts:
            for line in model.space.lines(part):
                say(line)
        return PRINTED
    if target is not None and model.space.name == "vectors" and target.path.suffix.lower() in decoding.written():
        target.check_captions(model.space, captions is not None)
        with watching("drawn", n, quiet=quiet):
            return _plotted(model, parts, n, target.path)
    target = fitting(target, model, n, stem, force=force)
    below = captions(target) if captions is not None else ()
    if target.kind == "folder":
        shards.forget(target.path)
    with watching("drawn", n, quiet=quiet):
        return target.write(parts, n, stem, model.space, captions=below)


def _check_growth(options: dict[str, Any], *, whole: bool) -> None:
    if whole or "resolution" in options:
        raise InvalidInput("--growth draws at every resolution. Leave out --round and --option resolution=….")


def _truncated(model: Model, options: dict[str, Any], truncation: float | None) -> dict[str, Any]:
    if truncation is None:
        return options
    latents.tell_narrow(model, truncation)
    return {**options, "truncation": truncation}


def _is_parted(target: Target | None, kind: str | None, stem: str | None, *, resume: bool, plain: bool) -> bool:
    """Whether samples are drawn in parts, by several processes or runs, into files called by `stem`, None without a
    seed. Raises InvalidInput for what cannot be, and for files that are there."""
    if not shards.check(target, kind, resume=resume) and not is_shared():
        return False
    if stem is None or not plain or target is None or target.kind != "folder":
        raise InvalidInput(PARTS)
    shards.check_place(target, stem, resume=resume)
    return True


def _parts(
    model: Model, target: Target, n: int, stem: str, kind: str | None, decided: dict[str, Any], *, resume: bool
) -> shards.Shards:
    """The parts that `n` samples are drawn in: of single files as many as there are processes, at least. Raises
    InvalidInput for what `Model.generate` would refuse of all of them, and for a place that they do not fit into."""
    from zoo._util import inputs

    space, n = model.space, inputs.integer("n", n, 1)
    if not kind and not space.scattered:
        raise InvalidInput(PARTS)
    model.check_condition(decided["condition"], n)
    about = {"command": "generate", "kind": kind or shards.FILES, **made_by(model, decided)}
    size = shards.SIZE if kind else min(shards.SIZE, -(-n // processes()))
    files = shards.named(target.path, stem, kind) if kind else lambda rows: target.places(space, n, stem, rows)
    how: dict[str, Any] = {"single": not kind, "resume": resume, "force": target.force}
    work = shards.Shards(target.path, n, size, about, files, shards.own(stem), **how)
    if not kind:
        target.keep_apart(space, work.own)
    work.check_room(
        space.dimensions * (4 if kind in ("npy", "safetensors") else 1) if kind else max(BLOCK, space.dimensions)
    )
    return work


def _draw_parts(
    model: Model,
    draw: Callable[..., Iterable[Tensor]],
    labels: Sequence[Any] | None,
    work: shards.Shards,
    kind: str | None,
    *,
    quiet: bool,
) -> str:
    """Draw this process's parts into files, a part the same whichever process draws it. Returns what was written, in
    words."""
    import torch

    from zoo.cli import columns as writing
    from zoo.spaces import Images

    column = writing.IMAGE if isinstance(model.space, Images) else model.space.noun
    with watching("drawn", quiet=quiet):
        for rows, paths in work.to_do():
            parts = iter(draw(len(rows), condition=shards.of(labels, rows), first=rows.start))
            made = itertools.chain([next(parts)], parts)  # what fails, fails at once
            with work.writing(rows):
                if kind:
                    writing.write(paths[0], {column: torch.cat([part.cpu() for part in made])}, rows.start)
                    continue
                for path, row in zip(paths, (row for part in made for row in part), strict=True):
                    model.space.write(row[None], path)
    return work.told()


def _plotted(model: Model, parts: Iterable[Tensor], n: int, path: Path) -> str:
    """Write the plots of vectors; what was written, in words."""
    import torch

    from zoo import images
    from zoo.reports import plots  # which needs matplotlib

    images.write(plots.drawn(model, torch.cat(list(parts))), path)
    return f"{path} (plots of {plural(n, model.space.noun)})"


def _captions(target: Target, model: Model, n: int, labels: Sequence[Any] | None, seed: int) -> list[str]:
    """For each sample its class or text, or where there are none what draws it again: the seed, and which it is."""
    target.check_captions(model.space)
    classes = getattr(model.condition, "classes", ())
    if not labels:
        drawn = model.condition.draw(seed, 0, n, model.noise_class) if classes else None
        return [f"{seed}:{place}" for place in range(n)] if drawn is None else [classes[k] for k in drawn.tolist()]
    words = [str(classes[label] if classes and isinstance(label, int) else label) for label in labels]
    return words * n if len(words) == 1 else words


def _grown(
    model: Model,
    draw: Callable[..., Iterable[Tensor]],
    n: int,
    stem: str,
    target: Target | None,
    captions: bool,
    *,
    force: bool,
    quiet: bool,
) -> str:
    """Draw and write the same samples at each resolution, all as large as the last."""
    import torch
    from torch.nn import functional as F

    if not model.resolutions:
        raise CapabilityError(
            f"{model.name} has not grown through resolutions. Try zoo generate progan-celeba --growth."
        )
    sizes, side = model.resolutions, model.space.shape[1]
    target = fitting(target, model, n * len(sizes), stem, force=force, columns=n)
    target.check_captions(model.space, captions)
    with watching("drawn", n * len(sizes), quiet=quiet):
        grown = [
            F.interpolate(torch.cat(list(draw(resolution=size))), size=(side, side), mode="nearest") for size in sizes
        ]
    if target.kind == "folder":  # of a file for each sample
        head, seed = stem.rsplit("-", 1)
        rows = zip(sizes, grown, strict=True)
        return ", ".join(target.write([row], n, f"{head}-{size}-{seed}", model.space) for size, row in rows)
    below = [[f"{size}x{size}"] * n if captions else [] for size in sizes]
    if target.kind != "animation":
        every = [caption for row in below for caption in row]
        return target.write(grown, n * len(sizes), stem, model.space, columns=n, captions=every)
    return target.write_frames([framed(row, words) for row, words in zip(grown, below, strict=True)], stem)


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

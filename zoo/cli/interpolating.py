"""The way from one image to another: `zoo interpolate`. It imports torch when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo.cli import latents
from zoo.cli.arguments import conditions, settings, stem_of
from zoo.cli.options import BatchSize, Captions, Device, Force, Labels, Name, Options, Quiet, Temperature, Truncation
from zoo.cli.output import say
from zoo.cli.sampling import fitting, plain_options, watching
from zoo.cli.targets import Target, default_name
from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model


Seed = Annotated[int | None, typer.Option(min=0, help="Of the ends of each row; default: a new one.")]
Start = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Where the way starts: a seed, one of its samples (7:3 is the fourth of seed 7), an image file, or a "
        "table's first row.",
    ),
]
End = Annotated[str | None, typer.Option("--to", help="Where it ends: as for --from.")]
Steps = Annotated[
    int | None, typer.Option(min=2, help="Images in a row, both ends included. Default: 8, and 24 of an animation.")
]
Rows = Annotated[int, typer.Option(min=1, help="Rows, each with ends of its own.")]
Crossfade = Annotated[
    bool, typer.Option("--crossfade", help="Below each row: one end fading into the other, pixel by pixel.")
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        help="way.png: a picture, a row for each way; way.gif, .webp or .apng: an animation; way/: single files; of "
        "vectors way.csv; way.npy: an array. Default: NAME-path-seedSEED-COUNT.png, or .csv.",
    ),
]


def interpolate(
    name: Name,
    seed: Seed = None,
    start: Start = None,
    end: End = None,
    steps: Steps = None,
    rows: Rows = 1,
    crossfade: Crossfade = False,
    captions: Captions = False,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "auto",
    out: Out = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw the way from one image to another.

    The way leads through latent space, from seed to seed or from file to file. Several conditions and one row: the same
    way under each of them. Two texts, of a model conditioned on texts: from the first to the last, each row all of one
    latent unless --from and --to say otherwise. By --crossfade a row follows of what needs no model, from the files
    themselves where these are the ends.
    """
    _check(seed, start, end, rows)
    stem, options = stem_of(name), plain_options(settings(option), "interpolate")
    target = None if out is None else Target.parse(out, kinds=("samples", "animation", "array", "folder"), force=force)
    steps = steps or (24 if target and target.kind == "animation" else 8)
    model = zoo.load(name, device=device)
    model.require("decode")
    if crossfade and model.space.categorical:
        raise InvalidInput(f"--crossfade is of images and numbers, and this is a model of {model.space.noun}s.")
    (labels, texts), seed = _conditions(model, condition, rows), latents.seed(seed)
    ends = [f"seed{seed}"] if start is None or end is None else [latents.in_name([word]) for word in (start, end)]
    count = steps * (rows if rows > 1 or texts or not labels else len(labels))
    n = 2 * count if crossfade else count
    target = fitting(target, model, n, default_name(stem, "path", *ends), force=force, columns=steps)
    target.check_captions(model.space, captions)
    model.check_room(n, model.space.shape, "Take fewer --steps or --rows.")
    with watching("drawn", count, quiet=quiet):
        a, b, options = _both(model, start, end, rows, seed, labels, texts, options, temperature, truncation)
        z, chosen = _ways(model, a, b, steps, rows, labels, texts)
        options = latents.with_truncation(model, options, truncation)
        made = model.decode(z, condition=chosen, batch_size=batch_size, **options).cpu()
    made = _crossfaded(model, made, steps, start, end) if crossfade else made
    below = _captions(labels, texts, steps, n, crossfade) if captions else ()
    written = target.write([made], n, stem, model.space, columns=steps, captions=below)
    say(f"Wrote {written}, {f'seed {seed}' if start is None else f'from {start} to {end}'}.")


COMMANDS = {"interpolate": interpolate}


def _check(seed: int | None, start: str | None, end: str | None, rows: int) -> None:
    if (start is None) != (end is None):
        raise InvalidInput("--from and --to come together; give both, or --seed alone.")
    if start is not None and (seed is not None or rows > 1):
        raise InvalidInput("--from and --to fix the ends of one row; leave out --seed and --rows.")


def _conditions(model: Model, words: list[str] | None, rows: int) -> tuple[list[Any] | None, list[Any] | None]:
    """The conditions, and these once more where they are two texts, from the first of which to the last the way is to
    lead. Raises InvalidInput for another number than there are rows."""
    labels = conditions(words, model)
    texts = labels if model.condition.embedded and labels and len(labels) == 2 else None
    if labels and not texts and rows > 1 and len(labels) not in (1, rows):
        raise InvalidInput(f"{len(labels)} conditions came for {rows} rows. Pass one, or one for each row.")
    return labels, texts


def _both(
    model: Model,
    start: str | None,
    end: str | None,
    rows: int,
    seed: int,
    labels: list[Any] | None,
    texts: list[Any] | None,
    options: dict[str, Any],
    *drawn: Any,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Latents of both ends of each row, of two texts the same at both; and what options decoding takes."""
    if start is not None and end is not None:
        of_encode, options = latents.split_options(model, options, [start, end])
        a, b = _ends(model, (start, end), labels, of_encode, *drawn)
        return a, b, options
    both = latents.draw(model, 2 * rows, seed, 0, *drawn)
    return both[::2], both[::2] if texts else both[1::2], options


def _ends(
    model: Model, words: tuple[str, str], labels: list[Any] | None, options: dict[str, Any], *drawn: Any
) -> list[Tensor]:
    """The latents of both ends, under the first and the last of the conditions."""
    latents.check(model, words, most=1)
    classes = (labels[0], labels[-1]) if labels else (None, None)
    pairs = zip(words, classes, strict=True)
    return [latents.read(model, [word], label, options, *drawn, most=1) for word, label in pairs]


def _ways(
    model: Model, a: Tensor, b: Tensor, steps: int, rows: int, labels: list[Any] | None, texts: list[Any] | None
) -> tuple[Tensor, Any]:
    """Latents of all rows, and what they are decoded under."""
    import torch

    from zoo import latent

    z = torch.cat([latent.path(x, y, steps, spherical=model.spherical) for x, y in zip(a, b, strict=True)])
    if texts:
        first, last = model.embed(texts)
        return z, latent.path(first, last, steps, spherical=False).repeat(rows, 1)
    if labels and len(labels) > 1:
        z = z if rows > 1 else z.repeat(len(labels), *[1] * (z.ndim - 1))
        return z, [label for label in labels for _ in range(steps)]
    return z, labels


def _captions(labels: list[Any] | None, texts: list[Any] | None, steps: int, n: int, crossfade: bool) -> list[str]:
    """How far on the way each image is, at its ends between two texts these; and the condition of a row, or that its
    pixels fade."""
    shares = [f"{round(100 * step / (steps - 1))} %" for step in range(steps)]
    if texts:
        shares[0], shares[-1] = map(str, texts)
    rows = [f"{label}, " for label in labels] if labels and not texts else [""]
    rows = [each for row in rows for each in (row, "pixels, ")] if crossfade else rows
    return [f"{rows[row % len(rows)]}{share}" for row in range(n // steps) for share in shares]


def _crossfaded(model: Model, made: Tensor, steps: int, *ends: str | None) -> Tensor:
    """The rows of `steps` samples, below each of which its first sample fades into its last one, or files named as
    `ends`, which were read before, do."""
    import torch

    from zoo import latent

    rows = []
    for row in torch.split(made, steps):
        a, b = (
            drawn if word is None or latents.is_sample(word) else latents.sample(model, word).to(drawn)
            for word, drawn in zip(ends, (row[0], row[-1]), strict=True)
        )
        rows += [row, latent.path(a, b, steps, spherical=False)]
    return torch.cat(rows)

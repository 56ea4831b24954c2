"""The way from one image to another: `zoo interpolate`. It imports torch when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo.cli import latents
from zoo.cli.arguments import Target, conditions, settings, stem_of
from zoo.cli.output import say
from zoo.cli.sampling import BatchSize, Device, Labels, Name, Options, Temperature, Truncation, fitting, plain_options
from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model


Seed = Annotated[int | None, typer.Option(help="Of the ends of each row; default: a new one.")]
Start = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Where the way starts: a seed, one of its samples (7:3 is the fourth of seed 7), an image file, or a "
        "table's first row.",
    ),
]
End = Annotated[str | None, typer.Option("--to", help="Where it ends: as for --from.")]
Steps = Annotated[int, typer.Option(help="Images in a row, both ends included.")]
Rows = Annotated[int, typer.Option(help="Rows, each with ends of its own.")]
Out = Annotated[
    str | None, typer.Option(help="The picture, or the table of vectors. Default: NAME-path.png or NAME-path.csv.")
]


def interpolate(
    name: Name,
    seed: Seed = None,
    start: Start = None,
    end: End = None,
    steps: Steps = 8,
    rows: Rows = 1,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """Draw the way from one image to another.

    The way leads through latent space, from seed to seed or from file to file. Several conditions and one row: the same
    way under each of them. Two texts, of a model conditioned on texts: from the first to the last, each row all of one
    latent unless --from and --to say otherwise.
    """
    _check(seed, start, end, rows)
    stem, options = stem_of(name), plain_options(settings(option), "interpolate")
    target = None if out is None else Target.parse(out, kinds=("samples", "array"))
    model = zoo.load(name, device=device)
    target = fitting(target, model, f"{stem}-path")
    model.require("decode")
    labels = conditions(condition, model)
    texts = labels if model.condition.name == "text" and labels and len(labels) == 2 else None
    if labels and not texts and rows > 1 and len(labels) not in (1, rows):
        raise InvalidInput(f"{len(labels)} conditions came for {rows} rows. Pass one, or one for each row.")
    if start is not None and end is not None:
        of_encode, options = latents.split_options(model, options, [start, end])
        classes = (labels[0], labels[-1]) if labels else (None, None)
        a, b = (
            latents.read(model, [word], label, of_encode, temperature, truncation, most=1)
            for word, label in zip((start, end), classes, strict=True)
        )
        told = f"from {start} to {end}"
    else:
        seed = latents.seed(seed)
        ends = latents.draw(model, 2 * rows, seed, 0, temperature, truncation)
        a, b = ends[::2], ends[::2] if texts else ends[1::2]
        told = f"seed {seed}"
    z, chosen = _ways(model, a, b, steps, rows, labels, texts)
    made = model.decode(z, condition=chosen, batch_size=batch_size, **options)
    say(f"Wrote {target.write(made, stem, model.space, columns=steps)}, {told}.")


COMMANDS = {"interpolate": interpolate}


def _check(seed: int | None, start: str | None, end: str | None, rows: int) -> None:
    if rows < 1:
        raise InvalidInput(f"--rows {rows}; expected at least 1.")
    if (start is None) != (end is None):
        raise InvalidInput("--from and --to come together; give both, or --seed alone.")
    if start is not None and (seed is not None or rows > 1):
        raise InvalidInput("--from and --to fix the ends of one row; leave out --seed and --rows.")


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

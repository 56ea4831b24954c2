"""Using a model: `zoo generate`, `zoo encode`, `zoo score`. They import torch when they run."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo.cli.arguments import Target, conditions, sample_files, settings, stem_of
from zoo.cli.output import note, plural, say, say_json, table
from zoo.errors import CapabilityError, DataError, InvalidInput, LeftOut

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model

COUNT = 16  # images drawn when nobody says how many

Name = Annotated[
    str, typer.Argument(help="A release, an architecture with a default one, a folder, or hf:org/repo@revision.")
]
Files = Annotated[
    list[Path], typer.Argument(help="Image files, or folders of them; for models of vectors .csv or .npy tables.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        "-c",
        help="Class name or index; repeat it or separate with commas. Or a text, if the model takes texts; repeatable.",
    ),
]
BatchSize = Annotated[int | None, typer.Option(help="How many images are computed at once.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="An option of the model's own; repeatable.")
]
Temperature = Annotated[float, typer.Option(help="Below 1: more typical, less varied.")]
Truncation = Annotated[
    float | None,
    typer.Option(
        help="Of GANs: cut the latents' distribution off at this many standard deviations, such as 1.5; of those with "
        "styles, keep this share of the way from the mean, such as 0.7."
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Go on without files that cannot be read; they are listed, and the status is 1."),
]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …")]


def generate(
    name: Name,
    count: Annotated[
        int | None, typer.Option("--count", "-n", help=f"How many images; default {COUNT}, or one for each condition.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes the images; default: a new one, which is told.")] = None,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    whole: Annotated[
        bool, typer.Option("--round", help="Round the columns of a table that held whole numbers only.")
    ] = False,
    option: Options = None,
    device: Device = "cpu",
    out: Annotated[
        str | None,
        typer.Option(
            help="faces.png: a grid; faces/: single files; faces.npy: an array; points.csv: vectors. "
            "Default: NAME.png, of vectors NAME.csv."
        ),
    ] = None,
) -> None:
    """Draw images, or vectors."""
    stem = stem_of(name)
    # A wrong option or a place that cannot be written should show before a model is loaded.
    options = settings(option)
    target = None if out is None else Target.parse(out, kinds=("samples", "folder", "array"))
    model = zoo.load(name, device=device)
    if {"generate", "translate"} & model.capabilities() == {"translate"}:
        raise CapabilityError(f"{name} makes images from images. Call: zoo translate {name} IMAGES --out DIR.")
    target = fitting(target, model, stem)
    labels = conditions(condition, model)
    once = labels and (len(labels) > 1 or model.deterministic)  # an image that would be the same again is drawn once
    n = count if count is not None else len(labels) if labels and once else COUNT
    seed = secrets.randbits(32) if seed is None else seed
    options = plain_options(options, "generate", "truncation")
    if truncation is not None:
        options["truncation"] = truncation
    made = model.generate(n, condition=labels, seed=seed, temperature=temperature, batch_size=batch_size, **options)
    if whole:
        made = model.rounded(made)
    say(f"Wrote {target.write(made, stem, model.space)}, seed {seed}.")


def encode(
    name: Name,
    files: Files,
    condition: Labels = None,
    seed: Annotated[int, typer.Option(help="Where a search for latents starts, for models without an encoder.")] = 0,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "cpu",
    skip_bad: SkipBad = False,
    out: Annotated[
        str | None,
        typer.Option(help="Array (n, *latent_shape), in the order of the files, or .csv. Default: NAME-codes.npy."),
    ] = None,
    reconstructions: Annotated[
        str | None, typer.Option(metavar="PNG", help="Also draw each image beside its reconstruction.")
    ] = None,
) -> None:
    """Turn images, or the rows of tables, into latents.

    Says how well each image is reconstructed from them. Models without an encoder, such as GANs, search for the
    latents by optimisation.
    """
    import torch

    from zoo.spaces import Images

    options = settings(option)
    target = Target.parse(out or f"{stem_of(name)}-codes.npy", kinds=("array", "table"))
    picture = None if reconstructions is None else Target.parse(reconstructions, kinds=("picture",))
    model = zoo.load(name, device=device)
    model.require("encode")
    pictured = isinstance(model.space, Images)
    if picture is not None and not pictured:
        raise InvalidInput(f"--reconstructions draws images, this model is one of {model.space.noun}s. Leave it out.")
    bad: list[str] | None = [] if skip_bad else None
    (names, samples), labels = read_samples(model, files, bad=bad), conditions(condition, model)
    of_encode, of_decode = model.split_options(plain_options(options, "encode"))
    z = model.encode(samples, condition=labels, seed=seed, batch_size=batch_size, **of_encode)
    if "decode" in model.capabilities() and pictured:
        again = model.decode(z, condition=labels, batch_size=batch_size, **of_decode).cpu()
        errors = (again - samples).square().flatten(1).mean(1).tolist()
        rows = [(file, f"{error:.5f}") for file, error in zip(names, errors, strict=True)]
        table(("file", "mean squared error"), rows, right=("mean squared error",))
        if picture is not None:
            pairs = torch.stack([samples, again], dim=1).flatten(0, 1)
            say(f"Wrote {picture.write(pairs, name, model.space, columns=8)}.")
    elif picture is not None:
        model.require("decode")
    say(f"Wrote {target.write_array(z)}.")
    end(bad)


def score(
    name: Name,
    files: Files,
    condition: Labels = None,
    seed: Annotated[int, typer.Option(help="Of the noise in bounds, estimates and dequantisation.")] = 0,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "cpu",
    skip_bad: SkipBad = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how likely images are, or the rows of tables.

    For each image the log-density in nats, and the bits per dimension of its 8-bit pixels; for each row the former.
    """
    options = settings(option)
    model = zoo.load(name, device=device)
    model.require("log_prob")
    bad: list[str] | None = [] if skip_bad else None
    names, samples = read_samples(model, files, bad=bad)
    arguments: dict[str, Any] = {
        "condition": conditions(condition, model),
        "seed": seed,
        "batch_size": batch_size,
        **plain_options(options, "score"),
    }
    nats = model.log_prob(samples, **arguments).tolist()
    bits = None if not model.space.levels else model.bits_per_dim(samples, **arguments).tolist()
    if as_json:
        facts = [
            {"file": file, "log_prob": value, "kind": model.log_prob_kind}
            for file, value in zip(names, nats, strict=True)
        ]
        say_json(facts if bits is None else [{**a, "bits_per_dim": b} for a, b in zip(facts, bits, strict=True)])
        end(bad)
        return
    headers = ["file", f"log_prob, nats ({model.log_prob_kind})"]
    rows = [[file, f"{value:.2f}"] for file, value in zip(names, nats, strict=True)]
    if bits is not None:
        headers, rows = [*headers, "bits/dim"], [[*row, f"{b:.4f}"] for row, b in zip(rows, bits, strict=True)]
    table(headers, rows, right=headers[1:])
    end(bad)


COMMANDS = {"generate": generate, "encode": encode, "score": score}


def fitting(target: Target | None, model: Model, stem: str) -> Target:
    """`target`, if it takes what the model makes, or InvalidInput; without one, STEM with the suffix of such files."""
    chosen = target or Target.parse(f"{stem}{model.space.suffixes[0]}", kinds=("samples",))
    chosen.check(model.space)
    return chosen


def read_samples(
    model: Model, files: Sequence[Path], most: int | None = None, bad: list[str] | None = None
) -> tuple[list[str], Tensor]:
    """Samples of the model's space in files and folders of files, the first `most` of these, and a name for each.

    bad: a list, if files that cannot be read are to be left out; a sentence for each is added to it. Raises
    InvalidInput for what the model does not take, and DataError naming all that is missing or damaged, or when nothing
    is left.
    """
    import torch

    space = model.space
    paths = [path for path, _ in sample_files(files, space.takes, space.noun)[:most]]
    try:
        return space.read(paths)
    except DataError:
        if bad is None:
            raise
    names: list[str] = []
    parts: list[Tensor] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOut)  # which the attempt before has told
        for path in paths:
            try:
                own, samples = space.read([path])
            except DataError as error:
                bad.append(str(error))
            else:
                names += own
                parts.append(samples)
    if not parts:
        raise DataError(" ".join(bad))
    return names, torch.cat(parts)


def end(bad: list[str] | None, what: str = "file", done: str = "read") -> None:
    """List what went wrong, if anything did, and leave with status 1."""
    if bad:
        note(f"{plural(len(bad), what)} could not be {done}:")
        for sentence in bad:
            note(f"  {sentence}")
        raise typer.Exit(1)


def plain_options(options: dict[str, Any], command: str, *more: str) -> dict[str, Any]:
    """`options`, or InvalidInput for one that has an option of the command line to itself, one of `more` included."""
    for name in ("n", "images", "condition", "seed", "temperature", "batch_size", *more):
        if name in options:
            raise InvalidInput(f"--option {name}=… has an option of its own; see zoo {command} --help.")
    return options

"""Looking at files with a model: `zoo encode`, `zoo score`. They import torch when they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo.cli.arguments import conditions, settings, stem_of
from zoo.cli.options import BatchSize, Device, Files, Force, Json, Labels, Name, Options, Quiet, SkipBad
from zoo.cli.output import say, say_json, table
from zoo.cli.reading import end, finite, read_samples
from zoo.cli.sampling import plain_options, watching
from zoo.cli.targets import Target
from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from zoo.model import Model

COLUMNS = 8  # of pictures of reconstructions


Out = Annotated[
    str | None,
    typer.Option(
        "--out", "-o", help="Array (n, *latent_shape), in the order of the files, or .csv. Default: NAME-codes.npy."
    ),
]
Reconstructions = Annotated[
    str | None, typer.Option(metavar="PNG", help="Also draw each image beside its reconstruction.")
]


def encode(
    name: Name,
    files: Files,
    condition: Labels = None,
    seed: Annotated[int, typer.Option(help="Where a search for latents starts, for models without an encoder.")] = 0,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "auto",
    skip_bad: SkipBad = False,
    out: Out = None,
    reconstructions: Reconstructions = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Turn images, or the rows of tables, into latents.

    Says how well each image is reconstructed from them. Models without an encoder, such as GANs, search for the
    latents by optimisation.
    """
    options = settings(option)
    target = Target.parse(out or f"{stem_of(name)}-codes.npy", kinds=("array", "table"), force=force)
    drawn: dict[str, Any] = {"kinds": ("picture",), "force": force, "option": "--reconstructions"}
    picture = None if reconstructions is None else Target.parse(reconstructions, **drawn)
    import torch

    model = zoo.load(name, device=device)
    decodes = _check(model, target, picture)
    bad: list[str] | None = [] if skip_bad else None
    (names, samples), labels = read_samples(model, files, bad=bad), conditions(condition, model)
    of_encode, of_decode = model.split_options(plain_options(options, "encode"))
    if picture is not None:
        model.space.check_count(2 * len(names), picture.path, columns=COLUMNS)
    call: dict[str, Any] = {"condition": labels, "batch_size": batch_size, "keep_nan": True}
    with watching("encoded", len(names), quiet=quiet):
        z = model.encode(samples, seed=seed, **call, **of_encode).cpu()
    with watching("decoded", len(names), quiet=quiet or not decodes):
        again = model.decode(z.nan_to_num(), **call, **of_decode).cpu() if decodes else samples
    good = finite(model, names, torch.cat([z.flatten(1), again.flatten(1)], 1), bad)
    names, samples, z, again = [names[i] for i in good], samples[good], z[good], again[good]
    if decodes:
        errors = (again - samples).square().flatten(1).mean(1).tolist()
        rows = [(file, f"{error:.5f}") for file, error in zip(names, errors, strict=True)]
        table(("file", "mean squared error"), rows, right=("mean squared error",))
    if picture is not None:
        pairs = torch.stack([samples, again], dim=1).flatten(0, 1)
        say(f"Wrote {picture.write([pairs], len(pairs), name, model.space, columns=COLUMNS)}.")
    say(f"Wrote {target.write_array([z], len(z))}.")
    end(bad)


def score(
    name: Name,
    files: Files,
    condition: Labels = None,
    seed: Annotated[int, typer.Option(help="Of the noise in bounds, estimates and dequantisation.")] = 0,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "auto",
    skip_bad: SkipBad = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say how likely images are, or the rows of tables.

    For each image the log-density in nats, and the bits per dimension of its 8-bit pixels; for each row the former.
    """
    import torch

    options = settings(option)
    model = zoo.load(name, device=device)
    model.require("log_prob")
    bad: list[str] | None = [] if skip_bad else None
    names, samples = read_samples(model, files, bad=bad)
    arguments: dict[str, Any] = {
        "condition": conditions(condition, model),
        "seed": seed,
        "batch_size": batch_size,
        "keep_nan": True,
        **plain_options(options, "score"),
    }
    with watching("scored", len(names), quiet=quiet):
        numbers = [model.log_prob(samples, **arguments)]
    if model.space.levels:
        with watching("bits measured of", len(names), quiet=quiet):
            numbers.append(model.bits_per_dim(samples, **arguments))
    good = finite(model, names, torch.stack(numbers, 1), bad)
    names = [names[i] for i in good]
    nats, bits = numbers[0][good].tolist(), numbers[1][good].tolist() if numbers[1:] else None
    if as_json:
        facts = [
            {"file": file, "log_prob": value, "kind": model.log_prob_kind}
            for file, value in zip(names, nats, strict=True)
        ]
        say_json(facts if bits is None else [{**a, "bits_per_dim": b} for a, b in zip(facts, bits, strict=True)])
    else:
        columns = {"file": names, f"log_prob, nats ({model.log_prob_kind})": [f"{value:.2f}" for value in nats]}
        if bits is not None:
            columns["bits/dim"] = [f"{value:.4f}" for value in bits]
        table(list(columns), list(zip(*columns.values(), strict=True)), right=list(columns)[1:])
    end(bad)


COMMANDS = {"encode": encode, "score": score}


def _check(model: Model, target: Target, picture: Target | None) -> bool:
    """Whether there will be reconstructions, which are of images. Raises CapabilityError, and InvalidInput for latents
    or a `picture` that cannot be written."""
    from zoo.spaces import Images

    model.require("encode")
    if target.kind == "table" and len(model.latent_shape) != 1:
        raise InvalidInput(
            f"{target.path} takes rows; latents of {model.name} are {model.latent_shape}. Write a .npy array."
        )
    pictured = isinstance(model.space, Images)
    if picture is not None:
        if not pictured:
            noun = model.space.noun
            raise InvalidInput(f"--reconstructions draws images, this model is one of {noun}s. Leave it out.")
        model.require("decode")
    return pictured and "decode" in model.capabilities()

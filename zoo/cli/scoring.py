"""Looking at files with a model: `zoo encode`, `zoo score`. They import torch when they run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import zoo
from zoo.cli.arguments import conditions, settings, stem_of
from zoo.cli.output import Quiet, say, say_json, table
from zoo.cli.reading import Files, SkipBad, end, finite, read_samples
from zoo.cli.sampling import BatchSize, Device, Labels, Name, Options, plain_options, watching
from zoo.cli.targets import Force, Target
from zoo.errors import InvalidInput

COLUMNS = 8  # of pictures of reconstructions


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
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Turn images, or the rows of tables, into latents.

    Says how well each image is reconstructed from them. Models without an encoder, such as GANs, search for the
    latents by optimisation.
    """
    import torch

    from zoo.spaces import Images

    options = settings(option)
    target = Target.parse(out or f"{stem_of(name)}-codes.npy", kinds=("array", "table"), force=force)
    picture = None if reconstructions is None else Target.parse(reconstructions, kinds=("picture",), force=force)
    model = zoo.load(name, device=device)
    model.require("encode")
    pictured = isinstance(model.space, Images)
    if target.kind == "table" and len(model.latent_shape) != 1:
        raise InvalidInput(f"{target.path} takes rows; latents of {name} are {model.latent_shape}. Write a .npy array.")
    if picture is not None and not pictured:
        raise InvalidInput(f"--reconstructions draws images, this model is one of {model.space.noun}s. Leave it out.")
    bad: list[str] | None = [] if skip_bad else None
    (names, samples), labels = read_samples(model, files, bad=bad), conditions(condition, model)
    of_encode, of_decode = model.split_options(plain_options(options, "encode"))
    decodes = "decode" in model.capabilities() and pictured
    if picture is not None:
        model.require("decode")
        model.space.check_count(2 * len(names), picture.path, columns=COLUMNS)
    with watching("encoded", len(names) * (1 + decodes), quiet=quiet):
        call: dict[str, Any] = {"condition": labels, "batch_size": batch_size, "keep_nan": True}
        z = model.encode(samples, seed=seed, **call, **of_encode).cpu()
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
    device: Device = "cpu",
    skip_bad: SkipBad = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
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
    with watching("scored", len(names) * (2 if model.space.levels else 1), quiet=quiet):
        numbers = [model.log_prob(samples, **arguments)]
        if model.space.levels:
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
        end(bad)
        return
    headers = ["file", f"log_prob, nats ({model.log_prob_kind})"]
    rows = [[file, f"{value:.2f}"] for file, value in zip(names, nats, strict=True)]
    if bits is not None:
        headers, rows = [*headers, "bits/dim"], [[*row, f"{b:.4f}"] for row, b in zip(rows, bits, strict=True)]
    table(headers, rows, right=headers[1:])
    end(bad)


COMMANDS = {"encode": encode, "score": score}

"""Looking at files with a model: `zoo encode`, `zoo score`. They import torch when they run.

Several processes share the chunks of what is computed, and the first of them writes; in shards, they share the files.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo._util.processes import is_first
from zoo.cli import shards
from zoo.cli.arguments import conditions, settings, stem_of
from zoo.cli.options import BatchSize, Device, Files, Force, Json, Labels, Name, Options, Quiet, SkipBad
from zoo.cli.output import say, say_json, table
from zoo.cli.reading import end, finite, read_parts, read_samples
from zoo.cli.results import made_by
from zoo.cli.sampling import plain_options, watching
from zoo.cli.targets import Target
from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model

COLUMNS = 8  # of pictures of reconstructions
WATCHED = {"log_prob": "scored", "bits_per_dim": "bits measured of"}


Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        help="Array (n, *latent_shape), in the order of the files, or .csv; DIR/ with --shards. Default: "
        "NAME-codes.npy.",
    ),
]
Folder = Annotated[str | None, typer.Option("--out", "-o", metavar="DIR/", help="Where --shards go.")]
Reconstructions = Annotated[
    str | None, typer.Option(metavar="PNG", help="Also draw each image beside its reconstruction.")
]


def encode(
    name: Name,
    files: Files,
    condition: Labels = None,
    seed: Annotated[int, typer.Option(min=0, help="Where a search for latents starts, without an encoder.")] = 0,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "auto",
    skip_bad: SkipBad = False,
    out: Out = None,
    kind: shards.Kind = None,
    resume: shards.Resume = False,
    reconstructions: Reconstructions = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Turn images, or the rows of tables, into latents.

    Says how well each image is reconstructed from them. Models without an encoder, such as GANs, search for the
    latents by optimisation. Into --shards, files and all, it writes no more than those.
    """
    options = plain_options(settings(option), "encode")
    target, parted = _place(out, name, kind, resume=resume, force=force)
    drawn: dict[str, Any] = {"kinds": ("picture",), "force": force, "option": "--reconstructions"}
    picture = None if reconstructions is None else Target.parse(reconstructions, **drawn)
    if parted:
        _refuse(picture)
    from zoo.model.sharing import shared

    model = zoo.load(name, device=device)
    decodes = _check(model, target, picture)
    call = _Call(model, files, conditions(condition, model), seed, batch_size, [] if skip_bad else None, quiet)
    if kind:
        code = {"code": (model.latent_shape, functools.partial(model.encode, **options))}
        _write_parts("encode", call, code, options, target, kind, stem_of(name), resume=resume)
    else:
        with shared():
            encoded = _encoded(call, options, picture, decodes=decodes)
        _write_codes(model, encoded, target, picture, decodes=decodes)
    _end(call, parted)


def score(
    name: Name,
    files: Files,
    condition: Labels = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise in bounds, estimates and dequantisation.")] = 0,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "auto",
    skip_bad: SkipBad = False,
    out: Folder = None,
    kind: shards.Kind = None,
    resume: shards.Resume = False,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say how likely images are, or the rows of tables.

    For each image the log-density in nats, and the bits per dimension of its 8-bit pixels; for each row the former.
    """
    options = plain_options(settings(option), "score")
    target = None if out is None else Target.parse(out, kinds=("folder",), force=force)
    parted = shards.check(target, kind, resume=resume, what="numbers", single=False)
    if target is not None and not parted:
        raise InvalidInput(f"--out {out} is for numbers in shards. Pass --shards {shards.KINDS[0]} as well.")
    if target is not None:
        shards.check_place(target, f"{stem_of(name)}-score", resume=resume)
    from zoo.model.sharing import shared

    model = zoo.load(name, device=device)
    model.require("log_prob")
    call = _Call(model, files, conditions(condition, model), seed, batch_size, [] if skip_bad else None, quiet)
    numbers = {"log_prob": functools.partial(model.log_prob, **options)}
    if model.space.levels:
        numbers["bits_per_dim"] = functools.partial(model.bits_per_dim, **options)
    if kind and target:
        columns = {key: ((), compute) for key, compute in numbers.items()}
        _write_parts("score", call, columns, options, target, kind, stem_of(name), resume=resume)
    else:
        with shared():
            names, found = _scored(call, numbers)
        _say_numbers(model, names, found, as_json=as_json)
    _end(call, parted)


COMMANDS = {"encode": encode, "score": score}


@dataclasses.dataclass
class _Call:
    """What is looked at, and how. bad: a list to add to what is left out, None where nothing may be."""

    model: Model
    files: Sequence[Path]
    labels: list[Any] | None
    seed: int
    batch_size: int | None
    bad: list[str] | None
    quiet: bool

    @property
    def how(self) -> dict[str, Any]:
        """Arguments of what is computed of all the files."""
        return {"condition": self.labels, "batch_size": self.batch_size, "keep_nan": True}


def _encoded(
    call: _Call, options: dict[str, Any], picture: Target | None, *, decodes: bool
) -> tuple[list[str], Tensor, Tensor, Tensor]:
    """Of what can be encoded the names, samples and latents, and what these are decoded to, or the samples again.
    Raises InvalidInput for more than there is room for in the `picture`."""
    import torch

    model = call.model
    names, samples = read_samples(model, call.files, bad=call.bad)
    of_encode, of_decode = model.split_options(options)
    if picture is not None:
        model.space.check_count(2 * len(names), picture.path, columns=COLUMNS)
    with watching("encoded", len(names), quiet=call.quiet):
        z = model.encode(samples, seed=call.seed, **call.how, **of_encode).cpu()
    with watching("decoded", len(names), quiet=call.quiet or not decodes):
        again = model.decode(z.nan_to_num(), **call.how, **of_decode).cpu() if decodes else samples
    good = finite(model, names, torch.cat([z.flatten(1), again.flatten(1)], 1), call.bad)
    return [names[i] for i in good], samples[good], z[good], again[good]


def _write_codes(
    model: Model,
    encoded: tuple[list[str], Tensor, Tensor, Tensor],
    target: Target,
    picture: Target | None,
    *,
    decodes: bool,
) -> None:
    """Say the errors, and write pictures and latents; of several processes one does."""
    import torch

    names, samples, z, again = encoded
    if decodes:
        errors = (again - samples).square().flatten(1).mean(1).tolist()
        rows = [(file, f"{error:.5f}") for file, error in zip(names, errors, strict=True)]
        table(("file", "mean squared error"), rows, right=("mean squared error",))
    if not is_first():
        return
    if picture is not None:
        pairs = torch.stack([samples, again], dim=1).flatten(0, 1)
        say(f"Wrote {picture.write([pairs], len(pairs), model.name, model.space, columns=COLUMNS)}.")
    say(f"Wrote {target.write_array([z], len(z))}.")


def _scored(call: _Call, numbers: Mapping[str, Callable[..., Tensor]]) -> tuple[list[str], dict[str, list[float]]]:
    """Of what can be scored the names, and each of the numbers."""
    import torch

    names, samples = read_samples(call.model, call.files, bad=call.bad)
    found = []
    for name, compute in numbers.items():
        with watching(WATCHED[name], len(names), quiet=call.quiet):
            found.append(compute(samples, seed=call.seed, **call.how))
    good = finite(call.model, names, torch.stack(found, 1), call.bad)
    kept = {name: values[good].tolist() for name, values in zip(numbers, found, strict=True)}
    return [names[i] for i in good], kept


def _say_numbers(model: Model, names: list[str], found: Mapping[str, list[float]], *, as_json: bool) -> None:
    nats, bits = found["log_prob"], found.get("bits_per_dim")
    if as_json:
        facts = [
            {"file": file, "log_prob": value, "kind": model.log_prob_kind}
            for file, value in zip(names, nats, strict=True)
        ]
        say_json(facts if bits is None else [{**a, "bits_per_dim": b} for a, b in zip(facts, bits, strict=True)])
        return
    columns = {"file": names, f"log_prob, nats ({model.log_prob_kind})": [f"{value:.2f}" for value in nats]}
    if bits is not None:
        columns["bits/dim"] = [f"{value:.4f}" for value in bits]
    table(list(columns), list(zip(*columns.values(), strict=True)), right=list(columns)[1:])


def _write_parts(
    command: str,
    call: _Call,
    columns: Mapping[str, tuple[tuple[int, ...], Callable[..., Tensor]]],
    options: dict[str, Any],
    target: Target,
    kind: str,
    stem: str,
    *,
    resume: bool,
) -> None:
    """Compute columns, of the shapes that a sample has in them, of this process's parts of the files, and write them:
    a row for each sample, of NaN where it can neither be read nor computed with."""
    import torch

    from zoo.cli.columns import write

    model = call.model
    names, state, read = read_parts(model, call.files, call.bad)
    model.check_condition(call.labels, len(names))
    decided = made_by(model, {"seed": call.seed, "condition": call.labels, **options})
    about = {"command": command, "kind": kind, **decided, "skip_bad": call.bad is not None}
    about |= {"columns": list(columns), "files": names, "state": state}
    files, own = shards.named(target.path, f"{stem}-{command}", kind), shards.own(f"{stem}-{command}")
    work = shards.Shards(target.path, len(names), shards.SIZE, about, files, own, resume=resume, force=target.force)
    work.check_room(4 * sum(math.prod(shape) for shape, _ in columns.values()))
    everywhere = list(call.bad or ())  # what is read at once, in all processes
    with watching("computed", quiet=call.quiet):
        for rows, (path,) in work.to_do():
            told = len(call.bad or ())
            good, samples = read(rows)
            part, how = names[rows.start : rows.stop], {**call.how, "seed": call.seed, "first": rows.start}
            how["condition"] = shards.of(call.labels, rows)
            flat = [compute(samples, **how).cpu().reshape(len(rows), -1) for _, compute in columns.values()]
            if good:
                finite(model, [part[row] for row in good], torch.cat(flat, 1)[good], call.bad, part=True)
            lost = sorted(set(range(len(rows))) - set(good))
            found = {}
            for (name, (shape, _)), values in zip(columns.items(), flat, strict=True):
                values[lost] = torch.nan
                found[name] = values.reshape(len(rows), *shape)
            with work.writing(rows):
                shards.leave_out(path, (call.bad or [])[told:])
                write(path, found, rows.start, part)
    if call.bad is not None:
        call.bad[:] = everywhere + work.left_out()
    say(f"Wrote {work.told()}.")


def _place(out: str | None, name: str, kind: str | None, *, resume: bool, force: bool) -> tuple[Target, bool]:
    """Where codes go, and whether in shards."""
    stem, asked = stem_of(name), kind is not None or resume
    if asked and out is None:
        shards.check(None, kind, resume=resume, what="codes")
    kinds = ("folder",) if asked else ("array", "table")
    target = Target.parse(out or f"{stem}-codes.npy", kinds=kinds, force=force)
    if parted := shards.check(target, kind, resume=resume, what="codes", single=False):
        shards.check_place(target, f"{stem}-encode", resume=resume)
    return target, parted


def _refuse(picture: Target | None) -> None:
    """Raise InvalidInput for a picture of codes that go into shards."""
    if picture is not None:
        raise InvalidInput("--reconstructions shows codes that go into one file. Leave it out, or --shards.")


def _end(call: _Call, parted: bool) -> None:
    """List what was left out: each process that of its parts, or one of them what all have met."""
    end(call.bad if parted or is_first() else None)


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

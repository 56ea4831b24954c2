"""Adding and taking away what images show: `zoo arithmetic`. It imports torch when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import zoo
from zoo import releases
from zoo.cli import latents
from zoo.cli.arguments import conditions, settings, stem_of
from zoo.cli.arithmetic import DATASET, ROWS, STRENGTHS, Request
from zoo.cli.options import BatchSize, Captions, Device, Force, Labels, Name, Options, Quiet, Temperature, Truncation
from zoo.cli.sampling import plain_options, watching
from zoo.cli.targets import Target
from zoo.errors import InvalidInput

if TYPE_CHECKING:
    from zoo.model import Model


Items = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SEEDS OR FILES]...",
        help=f"What is changed: seeds, their samples (7:3 is the fourth of seed 7) or image files. Default: {ROWS} "
        "samples of --seed.",
    ),
]
Attributes = Annotated[
    list[str] | None,
    typer.Option("--attribute", "-a", help="Repeat it or separate with commas. Default: all that are known."),
]
Data = Annotated[Path | None, typer.Option(help="Folder of a data set that knows its images' attributes.")]
DataName = Annotated[str, typer.Option(help="Which one that is.")]
Examples = Annotated[
    int | None, typer.Option(help="How many images with, and without, each attribute are looked at; default: 500.")
]
Strengths = Annotated[
    str, typer.Option(metavar="NUMBERS", help="How much of the attribute is added: 1 is as much as others have.")
]
Save = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Keep the directions, found or of the card, as .safetensors.")
]
Directions = Annotated[Path | None, typer.Option(metavar="FILE", help="Directions kept by --save, in place of --data.")]
AnyData = Annotated[
    bool, typer.Option("--any-data", help="Take --data for pictures of the kind that the model was trained on.")
]
Write = Annotated[bool, typer.Option("--write", help="Write the directions to the card of the release.")]
Plus = Annotated[
    list[str] | None,
    typer.Option(help="Add the mean of these: seeds, samples or files, separated by commas; repeatable."),
]
Minus = Annotated[list[str] | None, typer.Option(help="Take away the mean of these; repeatable.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the samples that are changed; default: a new one.")]
Out = Annotated[str | None, typer.Option("--out", "-o", help="The picture. Default: NAME-arithmetic-seedSEED.png.")]


def arithmetic(
    name: Name,
    items: Items = None,
    attribute: Attributes = None,
    data: Data = None,
    dataset: DataName = DATASET,
    examples: Examples = None,
    strengths: Strengths = STRENGTHS,
    save: Save = None,
    directions: Directions = None,
    any_data: AnyData = False,
    write: Write = False,
    plus: Plus = None,
    minus: Minus = None,
    seed: Seed = None,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "auto",
    out: Out = None,
    captions: Captions = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Add and take away what images show, in latent space.

    \b
    zoo arithmetic glow-celeba --data DIR -a smiling        a row for each sample, from -1 to 2 times a smile
    zoo arithmetic cgan-celeba -a smiling,bangs             a model that knows them: all combinations
    zoo arithmetic dcgan-celeba --plus 3,9,12 --minus 4,7 --plus 5,8    the means, then what comes out

    Where an attribute lies in latent space is learned from images that have it and images that have not; that takes a
    minute or two for models without an encoder. Latents of files are encoded, by models without an encoder searched.
    """
    found = (data, dataset, examples, strengths, save, directions, any_data, write, releases.find(name))
    request = Request.read(items, plus, minus, attribute, seed, *found)
    stem, options = stem_of(name), plain_options(settings(option), "arithmetic")
    named = (stem, "arithmetic", *request.name_parts(start := latents.seed(seed)))
    target = Target.picture(out, *named, kinds=("picture", "array"), force=force)
    latents.check_save(save, force=force)
    model = zoo.load(name, device=device)
    label = _label(model, condition)
    of_encode, of_decode = latents.split_options(model, options, request.named)
    target.check_captions(model.space, captions)
    with watching("computed", quiet=quiet):
        sheet = request.sheet(model, start, label, of_encode, {"temperature": temperature, "truncation": truncation})
        images = sheet.decoded(model, batch_size, latents.with_truncation(model, of_decode, truncation))
    request.end(sheet, sheet.written(images, target, stem, model.space, captions))


COMMANDS = {"arithmetic": arithmetic}


def _label(model: Model, words: Sequence[str] | None) -> str | int | None:
    """The one condition of all images, or InvalidInput where there are several, or no images."""
    model.require("decode")
    if model.space.noun != "image":
        raise InvalidInput(f"{model.name} is a model of {model.space.name}; zoo arithmetic is about what images show.")
    labels = conditions(words, model)
    if labels and len(labels) > 1:
        raise InvalidInput(f"{len(labels)} conditions came; expected one, that of all images.")
    return labels[0] if labels else None

"""Adding and taking away what images show: `zoo arithmetic`. It imports torch when it runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import zoo
from zoo.cli import latents
from zoo.cli.arguments import Target, conditions, settings, stem_of
from zoo.cli.output import note, plural, say
from zoo.cli.sampling import BatchSize, Device, Labels, Name, Options, Temperature, Truncation, plain_options
from zoo.errors import InvalidInput, UnknownName, WeightsError, nearest

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model

STRENGTHS = "-1,-0.5,0,0.5,1,1.5,2"
ROWS = 3  # samples that are changed when nobody names any


def arithmetic(
    name: Name,
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SEEDS OR FILES]...",
            help=f"What is changed: seeds, their samples (7:3 is the fourth of seed 7) or image files. Default: {ROWS} "
            "samples of --seed.",
        ),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", "-a", help="Repeat it or separate with commas. Default: all that are known."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of a data set that knows its images' attributes.")] = None,
    dataset: Annotated[str, typer.Option(help="Which one that is.")] = "celeba-attributes",
    examples: Annotated[
        int | None, typer.Option(help="How many images with, and without, each attribute are looked at; default: 500.")
    ] = None,
    strengths: Annotated[
        str, typer.Option(metavar="NUMBERS", help="How much of the attribute is added: 1 is as much as others have.")
    ] = STRENGTHS,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the directions found, as .safetensors.")
    ] = None,
    directions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Directions kept by --save, in place of --data.")
    ] = None,
    plus: Annotated[
        list[str] | None,
        typer.Option(help="Add the mean of these: seeds, samples or files, separated by commas; repeatable."),
    ] = None,
    minus: Annotated[list[str] | None, typer.Option(help="Take away the mean of these; repeatable.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the samples that are changed; default: a new one.")] = None,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "cpu",
    out: Annotated[str | None, typer.Option(help="The picture. Default: NAME-arithmetic.png.")] = None,
) -> None:
    """Add and take away what images show, in latent space.

    \b
    zoo arithmetic glow-celeba --data DIR -a smiling        a row for each sample, from -1 to 2 times a smile
    zoo arithmetic cgan-celeba -a smiling,bangs             a model that knows them: all combinations
    zoo arithmetic dcgan-celeba --plus 3,9,12 --minus 4,7 --plus 5,8    the means, then what comes out

    Where an attribute lies in latent space is learned from images that have it and images that have not; that takes a
    minute or two for models without an encoder. Latents of files are encoded, by models without an encoder searched.
    """
    import torch

    from zoo import latent
    from zoo.conditions import attributes

    aside = [items, attribute, data, directions, save, examples, seed is not None, strengths != STRENGTHS]
    if (plus or minus) and any(aside):
        raise InvalidInput(
            "--plus and --minus are all there is to it: leave out seeds, files, --seed, --attribute, --strengths, "
            "--data and what goes with it."
        )
    if items and seed is not None:
        raise InvalidInput("--seed is of the samples that are changed when none are named; leave it out.")
    if minus and not plus:
        raise InvalidInput("--minus takes away from --plus; give both.")
    if directions is not None and (data or save or examples is not None):
        raise InvalidInput("--directions stands in place of --data, --examples and --save; leave those out.")
    stem, options = stem_of(name), plain_options(settings(option), "arithmetic")
    target = Target.parse(out or f"{stem}-arithmetic.png", kinds=("picture", "array"))
    wanted = list(dict.fromkeys(part.strip() for word in attribute or () for part in word.split(",") if part.strip()))
    factors = _numbers(strengths)
    model = zoo.load(name, device=device)
    model.require("decode")
    if model.vectors:
        raise InvalidInput(f"{name} is a model of vectors; zoo arithmetic is about what images show.")
    labels = conditions(condition, model)
    if labels and len(labels) > 1:
        raise InvalidInput(f"{len(labels)} conditions came; expected one, that of all images.")
    label = labels[0] if labels else None
    lists = [latents.words(each) for each in (*(plus or ()), *(minus or ()))]
    of_encode, of_decode = latents.split_options(model, options, [*(items or ()), *itertools.chain(*lists)])

    def read(words: Sequence[str]) -> Tensor:
        return latents.read(model, words, label, of_encode, temperature, truncation)

    chosen: Any = label
    ways: dict[str, Tensor] = {}
    if plus:
        operands = [read(each) for each in lists]
        outcome = latent.arithmetic(operands[: len(plus)], operands[len(plus) :])
        z = torch.cat([*(each.mean(0, keepdim=True) for each in operands), outcome])
        columns, told = len(z), "the mean of each, and last what comes out"
    else:
        if items:
            z, told = read(items), f"of {', '.join(items)}"
        else:
            start = latents.seed(seed)
            z, told = latents.draw(model, latent.Noise(start, 0, ROWS), temperature, truncation), f"seed {start}"
        if attributes(model.classes):
            if data or directions or save or examples is not None or strengths != STRENGTHS:
                raise InvalidInput(
                    f"{name} is conditioned on attributes, which it has or has not; leave out --data, --examples, "
                    "--directions, --save and --strengths."
                )
            combined = _combined(model.classes, wanted, label)
            columns, chosen = len(combined), combined * len(z)
            z = z.repeat_interleave(columns, 0)
        else:
            ways = _ways(model, wanted, data, dataset, examples, directions, save)
            z = torch.cat([torch.stack([one + k * way for k in factors]) for way in ways.values() for one in z])
            columns, told = len(factors), f"{', '.join(ways)} at {strengths}, {told}"
    try:
        images = model.decode(z, condition=chosen, batch_size=batch_size, **of_decode)
    except WeightsError as error:
        if not ways:
            raise
        raise InvalidInput(f"{error} Or it was led too far away: try --strengths 0,0.5,1.") from error
    if ways and model.log_prob_kind == "exact":
        _warn(model, z, images)
    say(f"Wrote {target.write(images, stem, columns=columns)}, {told}.")


COMMANDS = {"arithmetic": arithmetic}


def _numbers(words: str) -> list[float]:
    try:
        found = [float(word) for word in words.split(",")]
    except ValueError:
        found = []
    if not found or not all(math.isfinite(number) for number in found):
        raise InvalidInput(f"--strengths {words}; expected numbers separated by commas, such as {STRENGTHS}.")
    return found


def _combined(classes: Sequence[str], wanted: Sequence[str], base: str | int | None) -> list[int]:
    """Indices of all combinations of the attributes `wanted`, or of all there are; of the others as `base` has them."""
    from zoo.conditions import attributes, parse_labels

    known = [attribute.casefold() for attribute in attributes(classes)]
    for attribute in wanted:
        if attribute.casefold() not in known:
            raise UnknownName(f"the model knows no attribute {attribute!r}. {nearest(attribute, attributes(classes))}")
    bits = [1 << known.index(attribute.casefold()) for attribute in wanted] or [1 << k for k in range(len(known))]
    start = 0 if base is None else int(parse_labels(base, 1, classes)[0]) & ~sum(bits)
    combined = [start]
    for bit in bits:
        combined += [index | bit for index in combined]
    return combined


def _ways(
    model: Model,
    wanted: Sequence[str],
    data: Path | None,
    dataset: str,
    examples: int | None,
    directions: Path | None,
    save: Path | None,
) -> dict[str, Tensor]:
    """The direction of each attribute: from a file, or found in the images of a data set."""
    if directions is not None:
        return latents.load_directions(directions, model, wanted)
    if model.classes:
        raise InvalidInput(
            "this model is conditioned on classes, which zoo generate --condition draws; --attribute is of models "
            "without, or of such as are conditioned on attributes. Means can be added all the same: --plus, --minus."
        )
    latents.check_save(save)
    from zoo._util import inputs
    from zoo.data import attributes, loading

    count = attributes.EXAMPLES if examples is None else inputs.whole("--examples", examples, 1)
    # Nothing is measured, so nothing is held out.
    images = loading.load(dataset, data, "train", shape=model.image_shape)
    ways = attributes.directions(model, images, wanted, examples=count)
    if save is not None:
        latents.save_directions(save, ways)
    return ways


def _warn(model: Model, z: Tensor, images: Tensor) -> None:
    """Note how many images of a flow fell apart: they no longer encode to the latents that they were decoded from."""
    off = (model.encode(images).cpu() - z.cpu()).flatten(1).norm(dim=1)
    broken = int((off > z.cpu().flatten(1).norm(dim=1)).sum())
    if broken:
        note(
            f"{plural(broken, 'image')} fell apart: flows are not reliable far from what they were trained on. "
            "Try smaller --strengths, or --temperature 0.7."
        )

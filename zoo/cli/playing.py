"""Adding and taking away what images show: `zoo arithmetic`. It imports torch when it runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
Save = Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the directions found, as .safetensors.")]
Directions = Annotated[Path | None, typer.Option(metavar="FILE", help="Directions kept by --save, in place of --data.")]
Plus = Annotated[
    list[str] | None,
    typer.Option(help="Add the mean of these: seeds, samples or files, separated by commas; repeatable."),
]
Minus = Annotated[list[str] | None, typer.Option(help="Take away the mean of these; repeatable.")]
Seed = Annotated[int | None, typer.Option(help="Of the samples that are changed; default: a new one.")]
Out = Annotated[str | None, typer.Option(help="The picture. Default: NAME-arithmetic.png.")]


def arithmetic(
    name: Name,
    items: Items = None,
    attribute: Attributes = None,
    data: Data = None,
    dataset: DataName = "celeba-attributes",
    examples: Examples = None,
    strengths: Strengths = STRENGTHS,
    save: Save = None,
    directions: Directions = None,
    plus: Plus = None,
    minus: Minus = None,
    seed: Seed = None,
    condition: Labels = None,
    temperature: Temperature = 1.0,
    truncation: Truncation = None,
    batch_size: BatchSize = None,
    option: Options = None,
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """Add and take away what images show, in latent space.

    \b
    zoo arithmetic glow-celeba --data DIR -a smiling        a row for each sample, from -1 to 2 times a smile
    zoo arithmetic cgan-celeba -a smiling,bangs             a model that knows them: all combinations
    zoo arithmetic dcgan-celeba --plus 3,9,12 --minus 4,7 --plus 5,8    the means, then what comes out

    Where an attribute lies in latent space is learned from images that have it and images that have not; that takes a
    minute or two for models without an encoder. Latents of files are encoded, by models without an encoder searched.
    """
    request = Request(
        items=tuple(items or ()),
        plus=tuple(latents.words(each) for each in plus or ()),
        minus=tuple(latents.words(each) for each in minus or ()),
        wanted=_parts(attribute or ()),
        data=data,
        dataset=dataset,
        examples=examples,
        strengths=strengths,
        save=save,
        directions=directions,
        seed=seed,
    )
    request.check()
    stem, options = stem_of(name), plain_options(settings(option), "arithmetic")
    target = Target.parse(out or f"{stem}-arithmetic.png", kinds=("picture", "array"))
    factors = _numbers(strengths)
    model = zoo.load(name, device=device)
    model.require("decode")
    if model.space.noun != "image":
        raise InvalidInput(f"{name} is a model of {model.space.name}; zoo arithmetic is about what images show.")
    labels = conditions(condition, model)
    if labels and len(labels) > 1:
        raise InvalidInput(f"{len(labels)} conditions came; expected one, that of all images.")
    label = labels[0] if labels else None
    of_encode, of_decode = latents.split_options(model, options, request.named)

    def read(words: Sequence[str]) -> Tensor:
        return latents.read(model, words, label, of_encode, temperature, truncation)

    sheet = _sheet(request, model, read, label, factors, (temperature, truncation))
    images = _decoded(model, sheet, batch_size, of_decode)
    say(f"Wrote {target.write(images, stem, model.space, columns=sheet.columns)}, {sheet.told}.")


COMMANDS = {"arithmetic": arithmetic}


@dataclass(frozen=True)
class Request:
    """What is asked for: means to be added (`plus`, `minus`), or `items`, by default samples of a seed, to be led along
    the directions of the attributes `wanted`."""

    items: tuple[str, ...]
    plus: tuple[list[str], ...]
    minus: tuple[list[str], ...]
    wanted: tuple[str, ...]
    data: Path | None
    dataset: str
    examples: int | None
    strengths: str
    save: Path | None
    directions: Path | None
    seed: int | None

    @property
    def named(self) -> list[str]:
        """All seeds, samples and files that are named."""
        return [*self.items, *itertools.chain(*self.plus, *self.minus)]

    @property
    def searches(self) -> bool:
        """Whether anything is said of how directions are found or how far they lead."""
        found = self.data or self.directions or self.save or self.examples is not None
        return bool(found) or self.strengths != STRENGTHS

    def check(self) -> None:
        """Raise InvalidInput for options that do not go together."""
        if (self.plus or self.minus) and (self.items or self.wanted or self.seed is not None or self.searches):
            raise InvalidInput(
                "--plus and --minus are all there is to it: leave out seeds, files, --seed, --attribute, --strengths, "
                "--data and what goes with it."
            )
        if self.items and self.seed is not None:
            raise InvalidInput("--seed is of the samples that are changed when none are named; leave it out.")
        if self.minus and not self.plus:
            raise InvalidInput("--minus takes away from --plus; give both.")
        if self.directions is not None and (self.data or self.save or self.examples is not None):
            raise InvalidInput("--directions stands in place of --data, --examples and --save; leave those out.")


@dataclass(frozen=True)
class Sheet:
    """Latents and conditions of the picture, how many stand in a row, what is told of it, and whether it was led along
    directions."""

    z: Tensor
    condition: Any
    columns: int
    told: str
    led: bool = False


def _sheet(
    request: Request,
    model: Model,
    read: Callable[[Sequence[str]], Tensor],
    label: Any,
    factors: list[float],
    drawn: tuple[float, float | None],
) -> Sheet:
    """What is asked for, in latents. drawn: temperature and truncation of samples when none are named."""
    if request.plus:
        return _means(request, read, label)
    if request.items:
        z, told = read(request.items), f"of {', '.join(request.items)}"
    else:
        start = latents.seed(request.seed)
        z, told = latents.draw(model, ROWS, start, 0, *drawn), f"seed {start}"
    return _combinations(request, model, z, told, label) or _directions(request, model, z, told, label, factors)


def _decoded(model: Model, sheet: Sheet, batch_size: int | None, options: dict[str, Any]) -> Tensor:
    """The images of a sheet, with a note where a flow was led too far."""
    try:
        images = model.decode(sheet.z, condition=sheet.condition, batch_size=batch_size, **options)
    except WeightsError as error:
        if not sheet.led:
            raise
        raise InvalidInput(f"{error} Or it was led too far away: try --strengths 0,0.5,1.") from error
    if sheet.led and model.log_prob_kind == "exact":
        _warn(model, sheet.z, images)
    return images


def _means(request: Request, read: Callable[[Sequence[str]], Tensor], label: Any) -> Sheet:
    """The mean of each list, and what comes out when they are added and taken away."""
    import torch

    from zoo import latent

    plus, minus = ([read(words) for words in lists] for lists in (request.plus, request.minus))
    means = [each.mean(0, keepdim=True) for each in (*plus, *minus)]
    z = torch.cat([*means, latent.arithmetic(plus, minus)])
    return Sheet(z, label, len(z), "the mean of each, and last what comes out")


def _combinations(request: Request, model: Model, z: Tensor, told: str, label: Any) -> Sheet | None:
    """Each latent under all combinations of the attributes that the model is conditioned on; None for other models."""
    from zoo.conditions import attributes

    classes = getattr(model.condition, "classes", ())
    if not attributes(classes):
        return None
    if request.searches:
        raise InvalidInput(
            f"{model.name} is conditioned on attributes, which it has or has not; leave out --data, --examples, "
            "--directions, --save and --strengths."
        )
    combined = _combined(classes, request.wanted, label)
    return Sheet(z.repeat_interleave(len(combined), 0), combined * len(z), len(combined), told)


def _directions(request: Request, model: Model, z: Tensor, told: str, label: Any, factors: list[float]) -> Sheet:
    """Each latent led along the direction of each attribute, as far as each of `factors`."""
    import torch

    ways = _ways(model, request)
    led = torch.cat([torch.stack([one + k * way for k in factors]) for way in ways.values() for one in z])
    return Sheet(led, label, len(factors), f"{', '.join(ways)} at {request.strengths}, {told}", led=True)


def _parts(words: Sequence[str]) -> tuple[str, ...]:
    """Of lists with commas the parts, each once."""
    parts = (part.strip() for word in words for part in word.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


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


def _ways(model: Model, request: Request) -> dict[str, Tensor]:
    """The direction of each attribute: from a file, or found in the images of a data set."""
    if request.directions is not None:
        return latents.load_directions(request.directions, model, request.wanted)
    if model.condition.name == "label":
        raise InvalidInput(
            "this model is conditioned on classes, which zoo generate --condition draws; --attribute is of models "
            "without, or of such as are conditioned on attributes. Means can be added all the same: --plus, --minus."
        )
    latents.check_save(request.save)
    from zoo._util import inputs
    from zoo.data import attributes, loading

    count = attributes.EXAMPLES if request.examples is None else inputs.whole("--examples", request.examples, 1)
    # Nothing is measured, so nothing is held out.
    images = loading.load(request.dataset, request.data, "train", shape=model.space.shape)
    ways = attributes.directions(model, images, request.wanted, examples=count)
    if request.save is not None:
        latents.save_directions(request.save, ways)
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

"""What `zoo arithmetic` is asked for, and the latents that come of it. It imports torch when it runs."""
# Long because directions come from three places, and each option is refused where it would be passed over.

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo._util import matching
from zoo._util.paths import real_path
from zoo.cli import latents
from zoo.cli.output import note, plural, say
from zoo.errors import InvalidInput, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.cli.targets import Target
    from zoo.model import Model
    from zoo.releases import Release
    from zoo.spaces import Space

Found = Callable[[], "Tensor"]
DATASET = "celeba-attributes"
STRENGTHS = "-1,-0.5,0,0.5,1,1.5,2"
ROWS = 3  # samples that are changed when nobody names any


@dataclass(frozen=True)
class Request:
    """What is asked for: means to be added (`plus`, `minus`), or `items`, by default samples of a seed, to be led along
    the directions of the attributes `wanted`; of `release`."""

    items: tuple[str, ...]
    plus: tuple[list[str], ...]
    minus: tuple[list[str], ...]
    wanted: tuple[str, ...]
    seed: int | None
    data: Path | None
    dataset: str
    examples: int | None
    strengths: str
    save: Path | None
    directions: Path | None
    any_data: bool
    write: bool
    release: Release

    @classmethod
    def read(
        cls,
        items: Sequence[str] | None,
        plus: Sequence[str] | None,
        minus: Sequence[str] | None,
        attributes: Sequence[str] | None,
        seed: int | None,
        *found: Any,
    ) -> Request:
        """From the words of the command line; `found` are the fields from `data` on. Raises InvalidInput
        for options that do not go together."""
        added, taken = (tuple(latents.listed(each) for each in words or ()) for words in (plus, minus))
        request = cls(tuple(items or ()), added, taken, _parts(attributes or ()), seed, *found)
        request.check()
        return request

    @property
    def named(self) -> list[str]:
        """All seeds, samples and files that are named."""
        return [*self.items, *itertools.chain(*self.plus, *self.minus)]

    @property
    def searches(self) -> bool:
        """Whether anything is said of how directions are found or how far they lead."""
        found = self.has_data or self.directions or self.save or self.any_data or self.examples is not None
        return bool(found) or self.strengths != STRENGTHS

    @property
    def has_data(self) -> bool:
        """Whether a data set is named, in whose images directions are to be found."""
        return self.data is not None or self.dataset != DATASET

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
        of_data = self.any_data or self.examples is not None
        if self.directions is not None and (self.has_data or self.save or of_data):
            raise InvalidInput("--directions stands in place of --data, what goes with it and --save; leave those out.")
        if of_data and not self.has_data:
            raise InvalidInput("--examples and --any-data are of the images in --data; pass that, or leave them out.")
        if self.write and not (self.has_data or self.directions):
            raise InvalidInput("--write is of directions that are found; pass --data, or --directions.")
        if self.write and self.release.origin:
            raise InvalidInput(
                f"--write changes a card; that of {self.release.name} is the Hub's. Copy it first: zoo download"
            )
        _numbers(self.strengths)

    def name_parts(self, start: int) -> list[str]:
        """What is asked for as parts of a file's name, with samples of the seed `start` when none are named."""
        if self.plus:
            lists = (("plus", each) for each in self.plus), (("minus", each) for each in self.minus)
            return [part for sign, each in itertools.chain(*lists) for part in (sign, latents.in_name(each))]
        return [*self.wanted, latents.in_name(self.items) if self.items else f"seed{start}"]

    def end(self, sheet: Sheet, written: str) -> None:
        """Say what was `written`; then write the directions to the card, beside those of other attributes, if asked."""
        say(f"Wrote {written}, {sheet.origin}.")
        if not self.write:
            return
        from zoo.releases.cards import CARD

        card = self.release.card.with_directions({name: way.flatten().tolist() for name, way in sheet.ways.items()})
        card.write()
        say(f"Wrote the directions of {', '.join(sheet.ways)} to {card.folder / CARD}.")

    def sheet(self, model: Model, start: int, label: Any, options: dict[str, Any], drawn: dict[str, Any]) -> Sheet:
        """What is asked for, in latents, with samples of the seed `start` when none are named. options: of encode;
        drawn: temperature and truncation of what is drawn."""
        latents.check(model, self.named)

        def read(words: Sequence[str]) -> Tensor:
            return latents.read(model, words, label, options, **drawn)

        if self.plus:
            return _means(self, read, label)
        origin = f"of {', '.join(self.items)}" if self.items else f"seed {start}"
        seen = None if self.items else latents.draw(model, ROWS, start, **drawn)

        def found() -> Tensor:  # called last, since it may be a search of minutes
            return read(self.items) if seen is None else seen

        return _combinations(self, model, found, origin, label) or _directions(self, model, found, origin, label)


@dataclass(frozen=True)
class Sheet:
    """Latents and conditions of the picture, how many stand in a row, what it was made of, what each image is, and
    the directions that it was led along, by attribute."""

    z: Tensor
    condition: Any
    columns: int
    origin: str
    captions: list[str]
    ways: Mapping[str, Tensor] = field(default_factory=dict)

    def decoded(self, model: Model, batch_size: int | None, options: dict[str, Any]) -> Tensor:
        """Its images, with a note where a flow was led too far."""
        try:
            images = model.decode(self.z, condition=self.condition, batch_size=batch_size, **options)
        except (WeightsError, InvalidInput) as error:
            if not self.ways:
                raise
            raise InvalidInput(f"{error} Or it was led too far away: try --strengths 0,0.5,1.") from error
        if self.ways and model.log_prob_kind == "exact":
            _warn(model, self.z, images)
        return images

    def written(self, images: Tensor, target: Target, stem: str, space: Space, captions: bool) -> str:
        """Write its images, with what each is if `captions`; what was written, in words."""
        below = self.captions if captions else ()
        return target.write([images], len(images), stem, space, columns=self.columns, captions=below)


def _means(request: Request, read: Callable[[Sequence[str]], Tensor], label: Any) -> Sheet:
    """The mean of each list, and what comes out when they are added and taken away."""
    import torch

    from zoo import latent

    plus, minus = ([read(words) for words in lists] for lists in (request.plus, request.minus))
    means = [each.mean(0, keepdim=True) for each in (*plus, *minus)]
    z = torch.cat([*means, latent.arithmetic(plus, minus)])
    lists = [*((each, "+") for each in request.plus), *((each, "−") for each in request.minus)]
    captions = [f"{sign} {', '.join(each)}" for each, sign in lists]
    return Sheet(z, label, len(z), "the mean of each, and last what comes out", [*captions, "="])


def _combinations(request: Request, model: Model, found: Found, origin: str, label: Any) -> Sheet | None:
    """Each latent that is `found` under all combinations of the attributes that the model is conditioned on; None for
    other models."""
    from zoo.conditions import Labels, attributes

    if not isinstance(model.condition, Labels) or not attributes(model.condition.classes):
        return None
    if request.searches:
        raise InvalidInput(
            f"{model.name} is conditioned on attributes, which it has or has not; leave out --data, --examples, "
            "--directions, --save and --strengths."
        )
    combined, z = _combined(model.condition.classes, request.wanted, label), found()
    captions = [str(model.condition.classes[index]) for index in combined] * len(z)
    return Sheet(z.repeat_interleave(len(combined), 0), combined * len(z), len(combined), origin, captions)


def _directions(request: Request, model: Model, found: Found, origin: str, label: Any) -> Sheet:
    """Each latent that is `found` led along the direction of each attribute, as far as each of the strengths."""
    import torch

    ways, factors, z = _ways(model, request), _numbers(request.strengths), found()
    led = torch.cat([torch.stack([one + k * way for k in factors]) for way in ways.values() for one in z])
    captions = [f"{way} {k:+g}" if k else "before" for way in ways for _ in z for k in factors]
    what = f"{', '.join(ways)} at {request.strengths}, {origin}"
    return Sheet(led, label, len(factors), what, captions, ways)


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

    known = attributes(classes)
    places = [matching.find(attribute, known, "the model knows no attribute") for attribute in wanted]
    bits = [1 << place for place in places or range(len(known))]
    start = 0 if base is None else int(parse_labels(base, 1, classes)[0]) & ~sum(bits)
    combined = [start]
    for bit in bits:
        combined += [index | bit for index in combined]
    return combined


def _ways(model: Model, request: Request) -> dict[str, Tensor]:
    """The direction of each attribute: from a file, from the card, or found in the images of a data set; kept in a file
    if that is asked for."""
    from zoo.data import attributes

    if request.directions is not None:
        return latents.load_directions(request.directions, model, request.wanted)
    if not request.has_data and request.release.card.directions:
        known = attributes.directions_of(request.release.card, model)
        ways = latents.named(known, request.wanted, f"the card of {model.name} has no direction")
    else:
        ways = _found(model, request)
    if request.save is not None:
        latents.save_directions(request.save, ways, model)
    return ways


def _found(model: Model, request: Request) -> dict[str, Tensor]:
    """The direction of each attribute, found in the images of a data set."""
    if model.condition.name == "label":
        raise InvalidInput(
            "this model is conditioned on classes, which zoo generate --condition draws; --attribute is of models "
            "without, or of such as are conditioned on attributes. Means can be added all the same: --plus, --minus."
        )
    if not request.has_data:
        kind = f", {model.provenance.dataset}" if model.provenance.dataset else ""
        raise InvalidInput(
            f"the card of {model.name} has no directions. They can be found in pictures of the kind that it was "
            f"trained on{kind}, if a table says which attributes each has: pass --data a folder of both, as {DATASET} "
            "is of faces."
        )
    from zoo._util import inputs
    from zoo.data import attributes, loading
    from zoo.images import Reader

    count = attributes.EXAMPLES if request.examples is None else inputs.integer("--examples", request.examples, 1)
    _check_kind(model, request)
    # Nothing is measured, so nothing is held out.
    reader = Reader(model.space.fit)
    images = loading.load(request.dataset, request.data, "train", shape=model.space.shape, reader=reader)
    reader.tell(model.space.shape)
    return attributes.directions(model, images, request.wanted, examples=count)


def _check_kind(model: Model, request: Request) -> None:
    """Raise InvalidInput for the attributes of pictures of another kind than the model was trained on, as far as names
    tell: of the data set, or of its folder."""
    trained, recipe = model.provenance.dataset, model.provenance.training.get("dataset")
    folder = real_path(request.data).name if request.data else ""
    names = [matching.plain(name) for name in (folder, request.dataset, request.dataset.rpartition("-")[0])]
    fits = request.any_data or not trained or not folder or matching.plain(trained) in names
    if not fits and recipe != request.dataset:
        raise InvalidInput(
            f"{model.name} was trained on {trained}, whose pictures may have none of the attributes of {folder} "
            f"({request.dataset}). Pass --data of what it was trained on, or --any-data if the kind is the same."
        )


def _warn(model: Model, z: Tensor, images: Tensor) -> None:
    """Note how many images of a flow fell apart: they no longer encode to the latents that they were decoded from."""
    off = (model.encode(images).cpu() - z.cpu()).flatten(1).norm(dim=1)
    broken = int((off > z.cpu().flatten(1).norm(dim=1)).sum())
    if broken:
        note(
            f"{plural(broken, 'image')} fell apart: flows are not reliable far from what they were trained on. "
            "Try smaller --strengths, or --temperature 0.7."
        )

"""The one protocol by which every number on a card is measured, and how the numbers get onto the card.

Generated images are drawn with `seed` and rounded to 8 bits, as the real ones are. They are as many as the held-out
images of the test split (at most 10,000); the reference is at most 10,000 training images, drawn by `seed`. A Fréchet
distance depends on the number of images and on the features, so beside each score stands its floor, the same score of
the held-out images, and the record says everything else that the number depends on. Where the splits of a data set are
not alike, the floor is high; `floor_train`, the score of as many other training images, then shows how low it could be.

Vectors are measured as they are, without rounding and without a feature network.
"""
# Long because a number is what the whole protocol makes it: what is drawn, of which data, and how it gets onto a card.

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo import registry
from zoo._util.processes import say
from zoo.conditions import Images as ImageCondition
from zoo.conditions import Labels, Texts
from zoo.data import loading as data
from zoo.data.captions import embedded
from zoo.data.dataset import Dataset, floats
from zoo.data.memory import at_hand
from zoo.errors import CapabilityError, DataError, InvalidInput, OtherData, outside
from zoo.images import Reader
from zoo.metrics.keeping import keeping
from zoo.metrics.named import metric
from zoo.model import Model
from zoo.model.sharing import computed
from zoo.nn import features as networks
from zoo.nn.features import CHUNK, FeatureNetwork
from zoo.nn.named import TIMM
from zoo.recipe import Recipe
from zoo.registry.entries import Metric
from zoo.releases.cards import CARD, Card
from zoo.releases.record import Record
from zoo.spaces import Images

MOST = 10_000  # images in any sample


@dataclass(frozen=True, eq=False)
class Subject:
    """What is measured, and against what. Whatever two metrics share is computed once, when first asked for.

    train, test: the data set's splits. n: how many images are generated and held out. flip: whether training mirrored
    images. Images are uint8 (n, channels, height, width), which `floats` turns into [0, 1]; for a model of vectors read
    float (n, features). network: the feature network, None for vectors.
    """

    model: Model
    network: FeatureNetwork | None
    train: Dataset
    test: Dataset
    n: int
    seed: int = 0
    flip: bool = False

    @property
    def features(self) -> FeatureNetwork:
        """The feature network. Raises CapabilityError for vectors, of which there is none."""
        if self.network is None:
            raise CapabilityError("vectors have no feature network. A metric that uses one needs images.")
        return self.network

    @functools.cached_property
    def reference(self) -> Tensor:
        """At most 10,000 training images, drawn by `seed`."""
        return self.train.stored[draw(len(self.train), MOST, self.seed)]

    @functools.cached_property
    def others(self) -> Tensor | None:
        """`n` training images outside of the reference, or None when not so many are left."""
        rows = draw(len(self.train), self.n, self.seed, skip=MOST)
        return self.train.stored[rows] if len(rows) == self.n else None

    @functools.cached_property
    def held_out_rows(self) -> Tensor:
        """Rows of the `n` test images used, drawn by `seed`."""
        return draw(len(self.test), self.n, self.seed)

    @functools.cached_property
    def held_out(self) -> Tensor:
        """The `n` test images."""
        return self.test.stored[self.held_out_rows]

    @functools.cached_property
    def condition(self) -> Any:
        """The model's class indices (n,) of the held-out images, embeddings (n, text_dim) of their first captions, what
        they are to be made from where that is of a space as well, examples of a plugin's condition, or None for a model
        of none, or of images.

        Raises DataError when the data set has no captions, no labels or lacks a class of the model.
        """
        kind = self.model.condition
        if isinstance(kind, Texts):
            return embedded(self.model, self.test, self.held_out_rows)
        if kind.space is not None and self.test.sources is not None:
            return self.test.sources[self.held_out_rows]
        of_plugin = kind.name is not None and not isinstance(kind, ImageCondition)
        if not isinstance(kind, Labels):
            return kind.example(self.n) if of_plugin else None
        indices = self.test.indices(kind.classes)
        if indices is None:
            has = ", ".join(self.test.classes) or "no labels"
            wanted = ", ".join(kind.classes)
            raise DataError(f"the model is conditioned on {wanted}, but {self.test.name} has {has}. Use its data set.")
        found = indices[self.held_out_rows]
        if unlabelled := int((found < 0).sum()):
            raise DataError(
                f"{unlabelled} of {self.n} held-out samples of {self.test.name} have no label, by which the model "
                "would make as many. Hold out labelled samples alone."
            )
        return found

    @functools.cached_property
    def generated(self) -> Tensor:
        """`n` images of the model, for the classes or captions of the held-out images if it is conditional, rounded to
        8 bits."""
        made = self.model.generate(self.n, condition=self.condition, seed=self.seed).cpu()
        return self.model.space.store(made)

    @functools.cached_property
    def reference_features(self) -> Tensor:
        """Features (n_real, d) of `reference`."""
        return self.measure(self.reference)

    @functools.cached_property
    def held_out_features(self) -> Tensor:
        """Features (n, d) of `held_out`."""
        return self.measure(self.held_out)

    @functools.cached_property
    def generated_features(self) -> Tensor:
        """Features (n, d) of `generated`."""
        return self.measure(self.generated)

    @functools.cached_property
    def other_features(self) -> Tensor | None:
        """Features (n, d) of `others`, or None when there are none."""
        return None if self.others is None else self.measure(self.others)

    def measure(self, images: Tensor) -> Tensor:
        """Features of uint8 images, without holding all of them as floats at once."""
        parts = torch.split(images, CHUNK)
        return torch.cat(list(computed(lambda part: self.features.features(floats(part)), parts)))

    def record(self, type: str, name: str, value: float, *, features: bool = False, **args: Any) -> Record:
        """A record of `value`, rounded like all numbers to 4 significant digits, with the seed and, when `features`
        took part, the network, its sha256 and the resize in its args."""
        protocol: dict[str, Any] = {}
        if features:
            network = self.features
            resize = network.resize(self.model.space.shape)
            protocol = {"features": network.name, "sha256": network.sha256, "resize": resize}
        protocol |= {key: _round(value) if isinstance(value, float) else value for key, value in args.items()}
        return Record(type, name, _round(value), {**protocol, "seed": self.seed})


def evaluate(
    model: Model,
    card: Card,
    root: Any,
    *,
    features: str | None = None,
    n: int | None = None,
    seed: int = 0,
    download: bool = False,
    metrics: Sequence[str] | None = None,
    cache: bool = True,
    keep: Path | None = None,
    tell: Callable[[str], object] = str,
) -> list[Record]:
    """Measure `model` on the data set of its card and return the records, in the order of the registered metrics.

    root: the folder or file of the data, None where they are made from a seed. features: name of a feature network,
    default the shipped one for the model's number of channels; types of numbers by another end in its name. n: images
    to generate, default as many as the test split has, at most 10,000. metrics: names of some of them; default all that
    the model can be measured by, but for those registered with `default=False`, which depend on the machine. keep: a
    folder for what is computed until all is measured, by which the same call goes on after an interruption. tell:
    called with the name of each metric before it is measured. The same call gives the same numbers (of default
    metrics), and the global random state is left alone. Raises DataError when the data set has no
    held-out images to compare with, UnknownName for a metric or feature network, CapabilityError for a metric that the
    model cannot be measured by, and InvalidInput for a feature network for vectors.
    """
    chosen = [(entry.name, entry.resolve()) for entry in _choose(model, metrics)]  # what is missing is said at once
    pictures = isinstance(model.space, Images)
    if features and not pictures:
        raise InvalidInput(
            f"the feature network {features!r} is for images, and this is a model of {model.space.name}. Name none."
        )
    usual = networks.default(model.space.shape[0]) if pictures else ""
    network = networks.load(features or usual) if pictures else None
    train, test = splits(card, root, download=download, cache=cache, model=model)
    most = min(MOST, len(test))
    if most < 2 or len(train) < 2:
        raise DataError(
            f"{test.name}: {len(train)} training and {len(test)} test samples; at least 2 of each are needed."
        )
    if n is not None and not 2 <= n <= most:
        raise InvalidInput(f"n={n}; {test.name} allows 2 to {most}: as many images are held out as are generated.")
    records: list[Record] = []
    with model.evaluating() as evaluated:
        subject = Subject(evaluated, network, train, test, n or most, seed, Recipe.parse(card.training).flip)
        with keeping(keep, subject, [name for name, _ in chosen]):
            for name, measure in chosen:
                tell(name)
                records += measure(subject)
    return [_of_another_network(record, usual) for record in records] if features else records


def _of_another_network(record: Record, usual: str) -> Record:
    """The record of features of a network other than the `usual`, shipped one under a type of its own, so that a card
    holds both; any other record as it is."""
    network = record.args.get("features", usual)
    return record if network == usual else replace(record, type=f"{record.type}-{network.removeprefix(TIMM)}")


def splits(
    card: Card, root: Any, *, download: bool = False, cache: bool = True, model: Model | None = None
) -> tuple[Dataset, Dataset]:
    """The data set of the card, in `root`, parted as the card says: training and test. cache: as of `read`. model: the
    release's, which some data are read for.

    Warns (OtherData) when the data, or what is held out of them, are not those of the training, so far as the card
    tells, and (Converted) of images that are changed to be of the card's shape. Raises DataError.
    """
    recipe = trained_on(card)
    root = at_hand(root)
    holding: Any = {"holdout": recipe.holdout, "holdout_seed": recipe.holdout_seed, "exclude": recipe.exclude}
    holding |= {"cache": cache, "model": model}
    train, test = read(card, recipe.dataset, root, "train", "test", fit=recipe.fit, download=download, **holding)
    division, count = card.zoo["data"].get("split"), card.weights.get("images", len(train))
    if (division or test.division) != test.division or count != len(train):
        where = root if isinstance(root, (str, os.PathLike)) else train.name
        warnings.warn(
            f"{card.name} was trained on {count} samples of {card.dataset}; {where} is split into "
            f"{len(train)} and {len(test)} others, of which some held out may have been trained on. The numbers are "
            "not those of the card.",
            OtherData,
            stacklevel=outside(),
        )
    return train, test


def trained_on(card: Card) -> Recipe:
    """The recipe of a card, which names the data. Raises DataError for one without, as of weights from elsewhere."""
    if not card.training:
        raise DataError(
            f"{card.name}: its card does not say what it was trained on, nor what was held out. Write that into "
            f"{card.folder / CARD}, below zoo, as training: {{dataset: image-folder, holdout: 1000, fit: crop}}."
        )
    return Recipe.parse(card.training)


def read(
    card: Card,
    dataset: str,
    root: Any,
    *parts: str,
    fit: str,
    exclude: tuple[str, ...] = (),
    cache: bool = True,
    **holding: Any,
) -> list[Dataset]:
    """The splits `parts` of a data set, the card's own or another, whose samples are made those of the card's shape.
    fit, exclude: as of a recipe; cache: whether what is decoded of many files is kept on the disk; holding: as of
    `zoo.data.load`. Warns (Converted); raises DataError."""
    reader = Reader(fit, exclude=exclude, store="disk" if cache else "none", say=say)
    found = [data.load(dataset, root, part, shape=card.shape, reader=reader, **holding) for part in parts]
    reader.tell(card.shape)
    return found


def to_card(card: Card, records: Sequence[Record]) -> Card:
    """`card` with `records` in its model-index, in the form the Hub reads. Writing it is the caller's.

    They take the place of what the card has of the same types; numbers of other types stay, and new ones follow. A
    record that came out as it was before keeps the spread over seeds that was measured with it.
    """
    new: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        new.setdefault(record.type, []).append(_with_spread(record.to_dict(), card.metrics))
    types = dict.fromkeys([*(metric["type"] for metric in card.metrics), *new])
    metrics = [
        metric for type in types for metric in new.get(type) or [old for old in card.metrics if old["type"] == type]
    ]
    result = {
        "task": {"type": card.front["pipeline_tag"]},
        "dataset": {"name": card.dataset, "type": (card.front["datasets"] or [card.dataset])[0]},
        "metrics": metrics,
    }
    return card.replace(model_index=[{"name": card.name, "results": [result]}])


def _with_spread(metric: dict[str, Any], former: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`metric` with the values over seeds of the same metric among `former`, if there is one that is the same."""
    for old in former:
        args = dict(old.get("args") or {})
        if (seeds := args.pop("seeds", None)) and {**old, "args": args} == metric:
            return {**metric, "args": {**args, "seeds": seeds}}
    return metric


def _choose(model: Model, names: Sequence[str] | None) -> list[Metric]:
    known, able = registry.list_entries("metrics"), _able(model)
    if names is None:
        return [entry for entry in known if entry.default and entry.needs <= able]
    chosen = [metric(name) for name in names]
    for entry in chosen:
        if not entry.needs <= able:
            lacks, has = ", ".join(sorted(entry.needs - able)), ", ".join(sorted(able))
            raise CapabilityError(f"metric {entry.name!r} needs {lacks}, but the model has only {has}. Leave it out.")
    return chosen


def _able(model: Model) -> frozenset[str]:
    """What a metric may need and `model` has: capabilities, and its space, binary images being images too."""
    return model.capabilities() | {model.space.name} | ({"images"} if isinstance(model.space, Images) else set())


def draw(size: int, n: int, seed: int, *, skip: int = 0) -> Tensor:
    """At most n of the rows 0 … size − 1 in rising order: those after the first `skip` of a shuffle."""
    rows = torch.randperm(size, generator=torch.Generator("cpu").manual_seed(seed), device="cpu")
    return rows[skip : skip + n].sort().values


def _round(value: float) -> float:
    return float(f"{value:.4g}")

"""Few labels: do images of a kind lie together in what an encoder learned without being told kinds?

Some training images, drawn by a seed and as many of each class, have their labels told; those of the others take no
part in what follows. From them images are told apart in six ways:

    codes          logistic regression on the codes of the frozen encoder
    first-layer    … on the activations of its first layer
    fine-tuned     the encoder trained further, with a linear layer on its codes, which begins as their regression
    scratch        the same network from new weights
    pixels         logistic regression on the pixels, which needs no encoder
    pca            … on as many principal components as a code has numbers

An encoder is worth its training where the first three beat the last three; often they do not. The accuracy is that on
held-out images, as a mean over `RUNS` seeds, which choose the images and, of networks, the new weights and the batches.

Logistic regression (scikit-learn's) has the same C = 1 for all. What that means depends on the unit of features, so
they are moved and scaled, all by one number, to have the mean and the total variance of the pixels of 10,000 training
images; to give each column a deviation of its own would weaken pixels and components, of which most say little. This
way of scaling was the best of three for pixels on 4,000 held-out images of Fashion-MNIST; nothing else is chosen by
held-out images, and nothing for one way apart from the others.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.data.dataset import floats
from zoo.errors import CapabilityError, DataError, InvalidInput
from zoo.metrics.evaluate import Subject
from zoo.metrics.fine_tuning import fine_tune
from zoo.metrics.reconstruction import principal_components
from zoo.metrics.regression import in_unit, regression, variance
from zoo.model import Model
from zoo.spaces import Images

COUNTS = (100, 500, 1000, None)  # labels told; None: all
RUNS = 5
WIDEST = 4096  # activations of an image: larger feature maps are averaged over squares of 2 × 2 pixels, once or more
CHUNK = 500  # images of which activations are computed at once

Represent = Callable[[Tensor], Tensor]  # images (n, …) in [0, 1] to features (n, d)


@dataclass(frozen=True)
class Accuracy:
    """The share of held-out images that were told apart rightly in a `way`, from so many labels: once for each run."""

    way: str
    labels: int
    runs: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.runs)

    @property
    def spread(self) -> float | None:
        """The sample standard deviation; None for a single run."""
        return statistics.stdev(self.runs) if len(self.runs) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "mean": self.mean, "spread": self.spread}


def probe(
    subject: Subject,
    counts: Sequence[int | None] | None = None,
    *,
    networks: bool = True,
    tell: Callable[[str], object] = str,
) -> list[Accuracy]:
    """The accuracy of each way for each of `counts`, the number of labels told, None being all there are; unless given,
    those of `COUNTS` for which there are images enough.

    networks: whether the encoder is fine-tuned as well, which takes longest. Ways that the model does not allow are
    left out: the first layer's, fine-tuning and scratch where it has no `first_layer`, the first layer's also where it
    is the code, components where a code is no
    smaller than an image. From all labels a regression is the same in each run, and is done once. tell: called with
    what is measured next. The same call gives the same numbers, and the global random state is left alone.
    Raises CapabilityError for a model that has no encoder, needs to be told the class, or is of vectors, and DataError
    or InvalidInput where there are no classes, or too few images of one.
    """
    model = subject.model
    check(model)
    labels, truth = labels_of(subject)
    counts = fitting(labels, COUNTS) if counts is None else counts
    chosen = {count: [draw_labelled(labels, count, subject.seed + run) for run in range(RUNS)] for count in counts}
    known = truth >= 0
    test, truth = subject.held_out[known], truth[known]
    found = []
    for way, represent in _ways(subject).items():
        of_test = represent(test)
        for count, draws in chosen.items():
            tell(_saying(way, count))
            runs = []
            for rows in draws if count else draws[:1]:
                fitted = regression(represent(subject.train.stored[rows]), labels[rows])
                runs.append(_share(torch.from_numpy(fitted.predict(of_test.numpy())), truth))
            found.append(Accuracy(way, len(draws[0]), tuple(runs)))
    for way in ("fine-tuned", "scratch") if networks and model.first_layer() is not None else ():
        for count, draws in chosen.items():
            tell(_saying(way, count))
            runs = []
            for run, rows in enumerate(draws):
                images = floats(subject.train.stored[rows])
                predict = fine_tune(model, images, labels[rows], subject.seed + run, anew=way == "scratch")
                runs.append(_share(predict(floats(test)), truth))
            found.append(Accuracy(way, len(draws[0]), tuple(runs)))
    return found


def draw_labelled(labels: Tensor, count: int | None, seed: int) -> Tensor:
    """`count` of the rows of `labels` (n,), drawn by `seed`, of each class as many, or one more; None: all of them.
    −1 is no label. Of one seed the fewer are among the more. Raises InvalidInput and DataError for a count that cannot
    be had."""
    order = torch.randperm(len(labels), generator=torch.Generator("cpu").manual_seed(seed), device="cpu")
    order = order[labels[order] >= 0]
    if count is None:
        return order
    classes, sizes = torch.unique(labels[order], return_counts=True)
    least, most = len(classes), len(classes) * int(sizes.min())
    if count < least:
        raise InvalidInput(f"labels={count} of {least} classes; expected at least one of each.")
    if count > most:
        raise DataError(
            f"labels={count} cannot be as many of each class: one of the {least} has {sizes.min()} training images "
            f"with a label. Ask for at most {most}, or for all."
        )
    place = torch.empty_like(order)  # of an image among those of its class
    for label in classes:
        place[labels[order] == label] = torch.arange(int((labels == label).sum()), device="cpu")
    return order[place.argsort(stable=True)][:count]


def total(subject: Subject) -> int:
    """How many labels there are. Raises DataError without classes."""
    return int((labels_of(subject)[0] >= 0).sum())


def check(model: Model) -> None:
    """Raise CapabilityError for a model that cannot be probed."""
    model.require("encode")
    if not isinstance(model.space, Images):
        raise CapabilityError(f"{model.name} encodes {model.space.noun}s, which have no classes. Probe one of images.")
    if model.condition.name is not None:
        raise CapabilityError(f"{model.name} encodes an image and its {model.condition.name}; probe one without.")
    if model.encodes_by != "network":
        raise CapabilityError(
            f"{model.name} encodes by {model.encodes_by}, which takes too long for thousands of images. Probe a model "
            "with an encoder: zoo list --family autoencoders."
        )


def labels_of(subject: Subject) -> tuple[Tensor, Tensor]:
    """The labels of training and of held-out images, −1 where there is none. Raises DataError without classes."""
    train, test = subject.train, subject.test
    labels, truth = train.labels, test.indices(train.classes)
    if labels is None or truth is None or len(torch.unique(labels[labels >= 0])) < 2:
        raise DataError(f"{train.name} has no classes to tell apart. Pass images in folders, one for each class.")
    truth = truth[subject.held_out_rows]
    if not (truth >= 0).any():
        raise DataError(f"no held-out image of {test.name} has a label. Hold out some that have.")
    return labels, truth


def fitting(labels: Tensor, counts: Sequence[int | None]) -> list[int | None]:
    """Those of `counts` for which there are images enough."""
    _, sizes = torch.unique(labels[labels >= 0], return_counts=True)
    return [count for count in counts if count is None or len(sizes) <= count <= len(sizes) * int(sizes.min())]


def _ways(subject: Subject) -> dict[str, Represent]:
    """What a regression is done on: of uint8 images (n, …) the features (n, d), in the unit of pixels."""
    model, reference = subject.model, subject.reference
    unit = variance(floats(reference).flatten(1))
    ways: dict[str, Represent] = {"codes": lambda x: model.encode(x, seed=subject.seed).flatten(1)}
    if (first := model.first_layer()) is not None and not _is_code(model, first, reference[:2]):
        ways["first-layer"] = lambda x: _narrowed(first(x.to(model.device, model.dtype))).flatten(1)
    ways["pixels"] = lambda x: x.flatten(1)
    if (size := math.prod(model.latent_shape)) < min(model.space.dimensions, len(reference)):
        mean, components = principal_components(floats(reference), size)
        ways["pca"] = lambda x: (x.flatten(1) - mean) @ components
    return {way: _in_unit(represent, reference, unit) for way, represent in ways.items()}


def _is_code(model: Model, first: nn.Module, images: Tensor) -> bool:
    """Whether the first layer is all there is of the encoder."""
    x = floats(images).to(model.device, model.dtype)
    given, code = first(x).flatten(1), model.encode(x).flatten(1)
    return given.shape == code.shape and bool(torch.equal(given, code))


def _in_unit(represent: Represent, reference: Tensor, unit: Tensor) -> Represent:
    """`represent` of uint8 images, moved and scaled by one number so that of `reference` the variance is `unit`."""

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        return torch.cat([represent(floats(part)).float().cpu() for part in torch.split(images, CHUNK)])

    mean, factor = in_unit(features(reference), unit)
    return lambda images: features(images).sub_(mean).mul_(factor)


def _narrowed(maps: Tensor) -> Tensor:
    """Feature maps (n, c, h, w) averaged until they are at most `WIDEST`; rows (n, d) as they are."""
    while maps.ndim == 4 and maps[0].numel() > WIDEST and min(maps.shape[2:]) > 1:
        maps = F.avg_pool2d(maps, 2)
    return maps


def _share(given: Tensor, truth: Tensor) -> float:
    return float((given == truth).double().mean())


def _saying(way: str, count: int | None) -> str:
    return f"{way}, {'all' if count is None else f'{count:,}'} labels"

"""Is an image unlike the training data? Scores that are meant to say so, and how well each of them does.

The obvious score, a low likelihood, has a known failure: a density over pixels counts local detail, so a model may find
simple images of a kind it never saw likelier than those it was trained on (Nalisnick et al. 2018, arXiv:1810.09136; for
flows in particular Kirichenko et al. 2020, arXiv:2006.08545). `compare` shows it beside two corrections, on images of
two data sets that are known apart. With b(x) the bits per dimension of an 8-bit image x, `Model.bits_per_dim`, the
scores are, a larger one meaning less like the training data,

    likelihood    b(x)
    typicality    |b(x) − mean of b over training images|, the distance from where typical images lie
                  (Nalisnick et al. 2019, arXiv:1906.02994)
    complexity    b(x) − bits per dimension of x as a PNG, a likelihood ratio against a model of images in general
                  (Serrà et al. 2019, arXiv:1909.11480)

Of a model whose encoder is a network, and which gives back no more than its code holds, there is another,

    reconstruction    the mean squared error of decode(encode(x)), of columns in units of their own

It has a known failure too: an autoencoder may copy strangers as well as what it was trained on (Gong et al. 2019,
arXiv:1904.02639, section 1), and what is simple better. Of `vae-fashion-mnist` and `autoencoder-fashion-mnist` it tells
digits from clothes (AUROC 0.98 both, where the likelihood of `realnvp-fashion-mnist` has 0.08), but images of a single
grey hardly, 0.63 and 0.76.

None of them knows what an image shows, and all notice how it was made: outsiders that were resized to fit the model may
be told apart by that alone. Images known to come together may be judged together: b(x) and the size of the PNG are then
means over the group, before the distance is taken.
"""

from __future__ import annotations

import io
import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from zoo import images as imaging
from zoo._util import inputs
from zoo.data.dataset import Dataset
from zoo.errors import CapabilityError, DataError
from zoo.metrics.units import standardised
from zoo.model import Model
from zoo.spaces import BinaryImages, Images

MOST = 1000  # images of each kind unless n says otherwise


@dataclass(frozen=True)
class Score:
    """How one score tells outsiders from held-out images. inside, outside: its means, in bits per dimension but for
    `reconstruction`. auroc: `auroc` of the two."""

    name: str
    inside: float
    outside: float
    auroc: float


@dataclass(frozen=True)
class Comparison:
    """`scores`, and what they were measured on: data sets, the number of images of each kind, how many were judged
    together, the kind of density, empty without one, the seed."""

    inside: str
    outside: str
    n_train: int
    n_inside: int
    n_outside: int
    together: int
    kind: str
    seed: int
    scores: list[Score]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def compare(
    model: Model,
    train: Dataset,
    inside: Dataset,
    outside: Dataset,
    *,
    n: int | None = None,
    together: int = 1,
    seed: int = 0,
) -> Comparison:
    """Score images of `inside`, held out from training, against those of `outside`, another data set.

    By the density, where the model has one, and by what it reconstructs, where it can. train: where the mean of the
    typicality is taken, and the units of columns. n: images drawn of each, by `seed`; default 1,000, or as many as
    there are. together: how many are judged at once, as a group. Raises InvalidInput for a bad number, DataError when
    there are fewer than `together` images, CapabilityError for a model that can do neither, or that is told a label or
    a text of each image, which an outsider does not have. Vectors have no PNG and no score by it.
    """
    check(model)
    n, together = MOST if n is None else inputs.integer("n", n, 1), inputs.integer("together", together, 1)
    start = inputs.seed(seed)
    for data in (inside, outside):
        most = min(n, len(data))
        if most < together:
            raise DataError(f"{data.name}: {most} images make no group of {together}. Judge fewer at once.")
    chosen = [_draw(len(data), n, start) for data in (train, inside, outside)]
    usual, *both = (data.floats(rows) for data, rows in zip((train, inside, outside), chosen, strict=True))
    pairs: dict[str, list[Tensor]] = {}
    if "log_prob" in model.capabilities():
        middle = _bits(model, usual, start).mean()
        pairs["likelihood"] = bits = [_groups(_bits(model, x, start), together) for x in both]
        pairs["typicality"] = [(values - middle).abs() for values in bits]
        if isinstance(model.space, Images) and model.space.levels:  # of as many levels as a file has
            files = [data.stored[rows] for data, rows in zip((inside, outside), chosen[1:], strict=True)]
            png = [_groups(png_bits(images), together) for images in files]
            pairs["complexity"] = [values - size for values, size in zip(bits, png, strict=True)]
    if _reconstructs(model):
        pairs["reconstruction"] = [_groups(_errors(model, x, usual, start), together) for x in both]
    scores = [Score(name, float(a.mean()), float(b.mean()), auroc(a, b)) for name, (a, b) in pairs.items()]
    counts = dict(zip(("n_train", "n_inside", "n_outside"), map(len, chosen), strict=True))
    kind = model.log_prob_kind or ""
    return Comparison(inside.name, outside.name, **counts, together=together, kind=kind, seed=start, scores=scores)


def check(model: Model) -> None:
    """Raise CapabilityError, as `compare` does, for a model that no score can be taken of."""
    if not _reconstructs(model):
        model.require("log_prob")
    if model.condition.name is not None:
        raise CapabilityError(
            f"{model.name} looks at an image and a {model.condition.name}, and outsiders have none. Use an "
            "unconditional model."
        )


def auroc(inside: Tensor, outside: Tensor) -> float:
    """Area under the ROC curve of scores (n,) and (m,): the probability that an outsider scores higher.

    The Mann–Whitney statistic (#{a < b} + ½·#{a = b}) / (n·m) over all pairs of a in `inside` and b in `outside`
    (Hanley & McNeil 1982, "The meaning and use of the area under a ROC curve"). 0.5 is chance; below it, outsiders
    tend to score lower.
    """
    ordered, outside = inside.double().sort().values, outside.double()
    lower, not_higher = (torch.searchsorted(ordered, outside, right=right) for right in (False, True))
    return float((lower + not_higher).double().mean()) / (2 * len(ordered))


def png_bits(images: Tensor) -> Tensor:
    """Bits per dimension of uint8 images (n, 1 or 3, height, width) as PNG files, (n,) float64.

    The file's overhead of some 60 bytes is in it: of one size, all images share it.
    """
    lengths = []
    for image in images:
        file = io.BytesIO()
        to_pil_image(image).save(file, format="PNG", optimize=True)
        lengths.append(8 * file.tell() / image.numel())
    return torch.tensor(lengths, dtype=torch.float64, device="cpu")


def _bits(model: Model, x: Tensor, seed: int) -> Tensor:
    """b (n,) float64: of vectors and binary pixels, which are not dequantised, that of their log_prob. Grey images are
    made binary by chance for a model of these."""
    if isinstance(model.space, BinaryImages):
        x = imaging.binarise(x, seed=seed)
    if not model.space.levels:
        return -model.log_prob(x, seed=seed).cpu().double() / (model.space.dimensions * math.log(2))
    return model.bits_per_dim(x, seed=seed).cpu().double()


def _reconstructs(model: Model) -> bool:
    """Whether an error of reconstruction says anything: a flow has none, and a search makes up for much."""
    able = {"encode", "decode"} <= model.capabilities()
    return able and model.encodes_by == "network" and model.log_prob_kind != "exact"


def _errors(model: Model, x: Tensor, usual: Tensor, seed: int) -> Tensor:
    """Mean squared errors (n,) float64 of what `model` makes of `x` again; of vectors in units of `usual` ones."""
    pair = [model.reconstruct(x, seed=seed).cpu(), x]
    made, given = pair if isinstance(model.space, Images) else (standardised(part, usual) for part in pair)
    return (made.double() - given).square().flatten(1).mean(1)


def _groups(values: Tensor, size: int) -> Tensor:
    """Means of `size` values at a time; what is left over is dropped."""
    return values[: len(values) // size * size].view(-1, size).mean(1)


def _draw(size: int, n: int, seed: int) -> Tensor:
    """At most n of the rows 0 … size − 1, shuffled: a group holds images from anywhere in the data set."""
    return torch.randperm(size, generator=torch.Generator("cpu").manual_seed(seed), device="cpu")[:n]

"""Precision and recall, density and coverage: is what is generated good, and is all that is real generated?

All four compare two samples in the space of features by balls, around each point of one sample with the distance to its
k-th nearest neighbour in that sample, itself excluded, as radius. With real points x (n of them) and generated y (m),

    precision   share of y that lie in the ball of some x        (Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 1–2)
    recall      share of x that lie in the ball of some y
    density     mean over y of the number of balls of x that y lies in, over k
                                                                 (Naeem et al. 2020, arXiv:2002.09797, eq. 3)
    coverage    share of x whose own ball holds some y           (eq. 4)

k is 3 for the first two and 5 for the others, as their authors chose. One real outlier, whose ball is huge, may lift
precision to 1, but density by no more than 1/k and coverage by 1/n; generated outliers do the same to recall. Where
both samples come from one distribution, density is 1 on average, and may exceed it, coverage is 1 − 2⁻ᵏ ≈ 0.97, and
precision and recall fall the further short of 1 the more dimensions there are. So each is to be read beside its floor,
the same of real images.

Samples are compared in equal numbers, as by the authors: of a larger one neighbours are nearer, and balls smaller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.errors import InvalidInput
from zoo.metrics.evaluate import Subject
from zoo.metrics.units import standardised
from zoo.releases.record import Record

NEAR, K = 3, 5  # neighbours that set the radius: of precision and recall; of density and coverage
CHUNK = 500  # rows whose distances to all others are held at once: 40 MB for 10,000 others


@dataclass(frozen=True)
class Comparison:
    """The four shares of a generated sample against a real one; all in [0, 1] but density, which is not negative."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Balls:
    """Points (n, d), float64, and the radii (n,) of the balls around them: `near` to the third neighbour, `far` to the
    fifth."""

    points: Tensor
    near: Tensor
    far: Tensor

    @classmethod
    def around(cls, points: Tensor) -> Balls:
        """The balls of `points` (n, d). Raises InvalidInput for another shape, for too few or for ones not finite."""
        points = _check(points)
        # A point is its own nearest neighbour, at distance 0.
        smallest = torch.cat([d.topk(K + 1, largest=False).values for _, d in _distances(points, points)])
        return cls(points, smallest[:, NEAR], smallest[:, K])


def compare(real: Tensor | Balls, generated: Tensor | Balls) -> Comparison:
    """The four numbers of `generated` (m, d) against `real` (n, d): at least 6 finite vectors each, or their balls.

    Raises InvalidInput for anything else.
    """
    x, y = (sample if isinstance(sample, Balls) else Balls.around(sample) for sample in (real, generated))
    if x.points.shape[1] != y.points.shape[1]:
        raise InvalidInput(
            f"samples have {x.points.shape[1]} and {y.points.shape[1]} dimensions. Use one feature network."
        )
    recalled, covered = [], []
    precise = torch.zeros(len(y.points), dtype=torch.bool, device="cpu")
    held = 0
    for rows, distances in _distances(x.points, y.points):
        precise |= (distances <= x.near[rows, None]).any(0)
        recalled.append((distances <= y.near).any(1))
        inside = distances <= x.far[rows, None]
        held += int(inside.sum())
        covered.append(inside.any(1))
    return Comparison(
        precision=float(precise.double().mean()),
        recall=float(torch.cat(recalled).double().mean()),
        density=held / (K * len(y.points)),
        coverage=float(torch.cat(covered).double().mean()),
    )


def coverage(subject: Subject) -> list[Record]:
    """The metric: generated images against as many of the reference, in the feature space; of vectors, in their own,
    each column divided by its standard deviation in the reference. The floor is the same of held-out images;
    `floor_train`, where enough are left, that of as many training images outside of the reference.

    No record where fewer than 6 images are held out, of which none has a fifth neighbour, or of whole numbers, which
    have no distances.
    """
    n = min(subject.n, len(subject.reference))
    if n <= K or (subject.network is None and not subject.reference.is_floating_point()):
        return []
    # The reference is in the order of the data set, which may be that of its classes.
    rows = torch.randperm(
        len(subject.reference), generator=torch.Generator("cpu").manual_seed(subject.seed), device="cpu"
    )[:n]
    seen = subject.network is not None
    samples = _features(subject) if seen else _vectors(subject)
    real = Balls.around(samples.pop("reference")[rows])
    found = {name: asdict(compare(real, sample)) for name, sample in samples.items()}
    where = f" ({subject.features.name})" if seen else ""
    args: dict[str, Any] = {"split": "train", "n_real": n, "n_generated": subject.n}
    return [
        subject.record(
            kind,
            f"{kind}{where}",
            value,
            features=seen,
            **args,
            k=NEAR if kind in ("precision", "recall") else K,
            **{name: found[name][kind] for name in ("floor", "floor_train") if name in found},
        )
        for kind, value in found["generated"].items()
    ]


def _features(subject: Subject) -> dict[str, Tensor]:
    samples = {
        "reference": subject.reference_features,
        "generated": subject.generated_features,
        "floor": subject.held_out_features,
    }
    return samples if subject.other_features is None else {**samples, "floor_train": subject.other_features}


def _vectors(subject: Subject) -> dict[str, Tensor]:
    samples = {"reference": subject.reference, "generated": subject.generated, "floor": subject.held_out}
    if subject.others is not None:
        samples["floor_train"] = subject.others
    return {name: standardised(sample, subject.reference) for name, sample in samples.items()}


def _distances(first: Tensor, second: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Some rows of `first` (n, d) at a time, and their Euclidean distances (≤ CHUNK, m) to all of `second` (m, d)."""
    for start in range(0, len(first), CHUNK):
        rows = slice(start, start + CHUNK)
        yield rows, torch.cdist(first[rows], second)


def _check(points: Tensor) -> Tensor:
    if points.ndim != 2 or len(points) <= K:
        raise InvalidInput(
            f"a sample came with shape {tuple(points.shape)}; expected (n, d) with n of at least {K + 1}."
        )
    if not torch.isfinite(points).all():
        raise InvalidInput("a sample holds NaN or infinite values. Look at the images, or at the feature network.")
    # In float32 a distance by way of products is off in the fourth digit for near neighbours.
    return points.detach().cpu().double()

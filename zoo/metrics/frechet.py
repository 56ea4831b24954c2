"""Fréchet distance between Gaussians fitted to two samples of features (Heusel et al. 2017, arXiv:1706.08500, eq. 6):

    d² = ‖μ₁ − μ₂‖² + tr S₁ + tr S₂ − 2 tr (S₁ S₂)^½

It is an FID only over the features of one certain Inception network (TensorFlow's of 2015-12-05), which is not among
timm's: `timm:inception_v3.tf_in1k` has TF-Slim's weights of 2016. So only that of `inception-fid` is called FID, and
each other is named after its features. FIDs of papers are mostly of 50,000 images; a record says of how many it is.

Everything is float64 on the CPU: in float32 the result is off in the fourth digit. The last trace needs no matrix
square root, whose general algorithm is an order of magnitude slower and returns complex numbers for singular input.
Three routes lead to it, and the result says which was taken:

    cholesky  S₁ = L Lᵀ; the eigenvalues of S₁ S₂ are those of the symmetric Lᵀ S₂ L
    eigh      S₁ = A Aᵀ from its eigenvectors, when S₁ is singular and Cholesky fails
    gram      the nuclear norm of X₁ X₂ᵀ, X the centred samples over √(n − 1), when images are fewer than features; it
              never squares a singular value, so it keeps the digits that the others lose there
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from scipy.linalg import blas
from torch import Tensor

from zoo.errors import InvalidInput
from zoo.nn.named import INCEPTION

if TYPE_CHECKING:
    from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record


@dataclass(frozen=True)
class Distance:
    """A squared Fréchet distance, as everyone reports it, and the route by which its trace was computed."""

    value: float
    route: str


def between_samples(first: Tensor, second: Tensor) -> Distance:
    """The distance between Gaussians fitted to features (n, d) and (m, d). Raises InvalidInput for unusable ones."""
    first, second = _check(first), _check(second)
    if first.shape[1] != second.shape[1]:
        raise InvalidInput(f"features have {first.shape[1]} and {second.shape[1]} dimensions. Use one feature network.")
    means = first.mean(0), second.mean(0)
    x1, x2 = first - means[0], second - means[1]
    n1, n2, dimensions = len(x1) - 1, len(x2) - 1, first.shape[1]
    variances = x1.square().sum() / n1 + x2.square().sum() / n2
    if min(len(first), len(second)) > dimensions:
        factor, route = _factor(_lower(x1) / n1)
        if len(x2) < 2 * dimensions:  # of few images the shorter way to Fᵀ S₂ F
            product = _lower(x2 @ factor)
        else:
            half = _lower(x2)
            product = factor.T @ (half + half.tril(-1).T) @ factor
        return _distance(means[0] - means[1], variances, _trace(product / n2), route)
    # A sample of more images than features is as well represented by R of X = Q R: Q changes no singular value.
    y1, y2 = (torch.linalg.qr(x, mode="r").R if len(x) > dimensions else x for x in (x1, x2))
    trace = torch.linalg.svdvals(y1 @ y2.T).sum() / (n1 * n2) ** 0.5
    return _distance(means[0] - means[1], variances, trace, "gram")


def between_gaussians(mean1: Tensor, covariance1: Tensor, mean2: Tensor, covariance2: Tensor) -> Distance:
    """The distance between N(mean1, covariance1) and N(mean2, covariance2): means (d,), covariances (d, d)."""
    given = mean1, covariance1, mean2, covariance2
    mean1, covariance1, mean2, covariance2 = (x.detach().cpu().double() for x in given)
    factor, route = _factor(covariance1)
    trace = _trace(factor.T @ covariance2 @ factor)
    return _distance(mean1 - mean2, covariance1.trace() + covariance2.trace(), trace, route)


def frechet(subject: Subject) -> list[Record]:
    """The metric: generated images against the reference. The floor is that of as many held-out images; `floor_train`,
    where enough are left, that of as many training images outside of the reference."""
    distance = between_samples(subject.generated_features, subject.reference_features)
    floor = between_samples(subject.held_out_features, subject.reference_features)
    args = {"floor": floor.value}
    if subject.other_features is not None:
        args["floor_train"] = between_samples(subject.other_features, subject.reference_features).value
    return [
        subject.record(
            "frechet-distance",
            "FID" if subject.features.name == INCEPTION else f"Fréchet distance ({subject.features.name})",
            distance.value,
            features=True,
            split="train",
            n_real=len(subject.reference),
            n_generated=len(subject.generated),
            **args,
            route=distance.route,
        )
    ]


def _factor(covariance: Tensor) -> tuple[Tensor, str]:
    """F of a covariance F Fᵀ, whose lower triangle counts, and by which route."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return factor, "cholesky"
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp_min(0).sqrt(), "eigh"


def _trace(product: Tensor) -> Tensor:
    """tr (Fᵀ S F)^½ of the lower triangle of that product."""
    values: Tensor = torch.linalg.eigvalsh(product)
    return values.clamp_min(0).sqrt().sum()  # those that are zero may come out slightly below


def _lower(x: Tensor) -> Tensor:
    """The lower triangle of xᵀ x (d, d) of float64 (n, d), in half the time of all of it; zeros above."""
    return torch.from_numpy(blas.dsyrk(1.0, x.contiguous().numpy().T).T)


def _distance(difference: Tensor, variances: Tensor, trace: Tensor, route: str) -> Distance:
    value = difference.square().sum() + variances - 2 * trace
    # Of equal Gaussians rounding may leave a hair less than nothing.
    return Distance(max(0.0, float(value)), route)


def _check(features: Tensor) -> Tensor:
    if features.ndim != 2 or len(features) < 2:
        raise InvalidInput(f"features came with shape {tuple(features.shape)}; expected (n, d) with n of at least 2.")
    if not torch.isfinite(features).all():
        raise InvalidInput("features hold NaN or infinite values. Look at the images, or at the feature network.")
    return features.detach().cpu().double()

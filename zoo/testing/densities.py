"""Checks of what makes a density a density: its mass, its Jacobian, and the bits that follow from it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.model import Model
from zoo.noise import Noise
from zoo.spaces import BinaryImages, Images, Vectors
from zoo.testing.contract import (
    SAME_NATS,
    Check,
    described,
    expect,
    gap,
    listed,
)
from zoo.testing.examples import (
    classes,
    conditions,
    generate,
    log_prob,
    quick,
    samples,
)

# Quadrature is exact enough in two dimensions, a Jacobian is cheap up to some dozens, and so are sums of 2^10 terms.
INTEGRABLE, DIFFERENTIABLE, SUMMABLE = 2, 64, 10

NODES, NODES_UNBOUNDED = 96, 256  # of the quadrature, along each dimension
MASS = 0.02  # how far the integral of a density may be from 1
# A bound or an estimate varies with its seed: its logarithm is averaged over so many of them, the integral is taken at
# POINTS spread evenly, and it may be off by ERRORS standard errors. An estimate may be off by as much as DRIFT beside.
SEEDS, POINTS, ERRORS, DRIFT = {"exact": 1, "lower-bound": 8, "estimate": 4}, 2304, 4.0, 0.1
REACH = 4  # of the integral of a bound over the real line, in standard deviations of samples


def checks(model: Model) -> Iterator[Check]:
    """Those of the density or the probability that log_prob is the logarithm of."""
    if not isinstance(model.space, (Images, Vectors)):
        return  # whose values are to be integrated over is not known
    if model.space.levels:
        yield check_bits_per_dim
    if isinstance(model.space, BinaryImages):
        if model.space.dimensions <= SUMMABLE:
            yield check_probabilities_sum
    elif model.log_prob_kind != "exact":
        if model.space.dimensions <= INTEGRABLE:
            yield check_bound_holds
    elif model.space.dimensions <= INTEGRABLE:
        yield check_density_integrates
    elif model.space.dimensions <= DIFFERENTIABLE and has_standard_normal_latents(model):
        yield check_change_of_variables


def check_density_integrates(model: Model) -> None:
    """An exact density in one or two dimensions integrates to 1 over the model's support. One of dequantised pixels
    integrates to at most 1 over [0, 1], else the code lengths in bits_per_dim belong to no code."""
    low, high = model.support
    for label in range(len(classes(model))) or [None]:
        given = f" given {classes(model)[label]!r}." if label is not None else "."
        mass = _mass(model, "_log_prob", low, high, label)
        if mass is None:
            return  # check_log_prob_shape speaks of this
        expect(
            abs(mass - 1) <= MASS,
            "An exact density integrates to 1: exp(log_prob) over all images.",
            f"Over [{low:.4g}, {high:.4g}]^{model.space.dimensions} it integrates to {mass:.4g}{given}",
            "Look for bits instead of nats, a forgotten Jacobian or normalising constant, or density outside of these "
            "limits, which an attribute `support = (low, high)` of the class sets.",
        )
        if not isinstance(model.space, Images) or model._density_hook == "_log_prob":
            continue
        mass = _mass(model, model._density_hook, 0.0, 1.0, label) or 0.0
        expect(
            mass <= 1 + MASS,
            "The density of dequantised pixels integrates to at most 1.",
            f"Over [0, 1]^{model.space.dimensions} that of {model._density_hook} integrates to {mass:.4g}{given}",
            "Return ln p(y) in nats from the hook that _density_hook names, where a level has the volume 1/256.",
        )


def check_bound_holds(model: Model) -> None:
    """A lower bound or an estimate of a density in one or two dimensions integrates to at most 1, to its own error."""
    points, volume = _strata(model, *model.support)
    for label in range(len(classes(model))) or [None]:
        mass, error = _noisy_mass(model, points, volume, label)
        given = f" given {classes(model)[label]!r}." if label is not None else "."
        expect(
            mass <= (1 + MASS) * error,
            f"A log_prob of the kind {model.log_prob_kind!r} belongs to a density: it integrates to at most 1.",
            f"Over points from {points.min():.4g} to {points.max():.4g}, exp(log_prob) integrates to {mass:.4g}, where "
            f"up to {(1 + MASS) * error:.4g} might be chance{given}",
            "Look for bits instead of nats, a KL term or normalising constant left out, or a wrong sign.",
        )


def check_probabilities_sum(model: Model) -> None:
    """The probabilities of all images of a model of few binary pixels sum to 1; lower bounds of them to at most 1."""
    states = torch.arange(2**model.space.dimensions)
    points = (states[:, None] >> torch.arange(model.space.dimensions) & 1).double().view(-1, *model.space.shape)
    for label in range(len(classes(model))) or [None]:
        mass, error = _noisy_mass(model, points, torch.ones(len(points)).double(), label, exhaustive=True)
        given = f" given {classes(model)[label]!r}," if label is not None else ""
        short = model.log_prob_kind != "lower-bound" and mass < (1 - MASS) / error
        expect(
            mass <= (1 + MASS) * error and not short,
            "The probabilities of all binary images sum to 1, or to at most 1 where log_prob is a lower bound.",
            f"Those of all {len(points)} images {model.space.shape} sum to {mass:.4g},{given} where a factor of "
            f"{(1 + MASS) * error:.4g} might be chance.",
            "Look for bits instead of nats, a density instead of a probability, or a normalising constant left out.",
        )


def check_change_of_variables(model: Model) -> None:
    """An exact density is that of standard normal latents times |det dz/dx|, by autograd, in float64."""
    copied = copy.deepcopy(model).double().requires_grad_(False)
    x = samples(model, 2).double().to(model.device)
    condition = torch.tensor(conditions(model, 2), device=model.device) if classes(model) else None

    def latents_of(row: Tensor, i: int) -> Tensor:
        label = None if condition is None else condition[i : i + 1]
        return copied._encode(row.unsqueeze(0), label, Noise(0, i, 1, device=row.device, dtype=row.dtype)).flatten()

    expected = []
    with copied.evaluating() as copied:
        for i, row in enumerate(x):
            jacobian = torch.autograd.functional.jacobian(partial(latents_of, i=i), row)  # type: ignore[no-untyped-call]
            log_det = torch.linalg.slogdet(jacobian.reshape(model.space.dimensions, model.space.dimensions)).logabsdet
            z = latents_of(row, i)
            expected.append(log_det - 0.5 * (z.square() + math.log(2 * math.pi)).sum())
    got = log_prob(copied, x)
    if got.numel() != len(x):
        return  # check_log_prob_shape speaks of this
    largest = gap(got.flatten(), torch.stack(expected), relative=True)
    expect(
        largest <= SAME_NATS,
        "An exact density is ln N(z; 0, I) + ln |det dz/dx| of z = encode(x).",
        f"For {described(x)} log_prob gave {listed(got)}, autograd {listed(torch.stack(expected))}.",
        "Look for bits instead of nats, or a layer whose log-determinant is wrong or left out.",
    )


def check_bits_per_dim(model: Model) -> None:
    """bits_per_dim is (ln q(y | k) − ln p(y)) / (dimensions · ln 2) of the dequantised image y = (k + u)/256, where q
    is a density over the cell of k: uniform unless the model learned another."""
    x = samples(model, 3).to(model.device, model.dtype)
    levels = (x * 255).round()
    noise = model.noise_class(0, 0, 3, stream="dequantisation", device=model.device, dtype=model.dtype)
    with torch.inference_mode(), model.evaluating() as evaluated:
        y, spent = evaluated._dequantise(levels, noise)
    moved = (256 * y.double() - levels.double() - 0.5).abs().max().item()
    flat = torch.full_like(spent, math.log(256))
    uneven = gap(spent / model.space.dimensions, flat) if model.dequantisation == "uniform" else 0.0
    expect(
        moved <= 0.501 and uneven <= SAME_NATS,
        "Dequantisation stays within the cell of each pixel, and is uniform unless `dequantisation` says otherwise.",
        f"It moved a pixel by {moved:.3g} levels from the middle of its cell, with a density off by {uneven:.3g} nats.",
        "Return (levels + u)/256 with u in [0, 1], and ln q of that, or leave _dequantise to Model.",
    )
    options = quick(getattr(model, model._density_hook))
    nats = model.per_sample(model._density_hook, y, conditions(model, 3), 0, None, options)
    got = model.bits_per_dim(x, condition=conditions(model, 3), **options)
    expected = (spent - nats) / (model.space.dimensions * math.log(2))
    largest = gap(got, expected, relative=True) if got.shape == expected.shape else math.inf
    expect(
        largest <= SAME_NATS,
        "bits_per_dim follows from the density and the model's dequantisation.",
        f"For {described(x)} it gave {listed(got)}, the density implies {listed(expected)}.",
        "Leave bits_per_dim to Model.",
    )


def _quadrature(model: Model, low: float, high: float) -> tuple[list[Tensor], list[Tensor]]:
    """For each dimension the nodes of a Gauss-Legendre quadrature over [low, high] and their weights, in float64.

    The whole real line is x = m + s·t/(1 − t²) with t in (−1, 1), where m and s are the middle and spread of samples,
    or 0 and 1 for a model that cannot generate.
    """
    t, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(NODES_UNBOUNDED if math.isinf(high) else NODES))
    if math.isfinite(high):
        half = (high - low) / 2
        return [low + half * (t + 1)] * model.space.dimensions, [half * weights] * model.space.dimensions
    middle, spread = _spread(model)
    x, slope = t / (1 - t**2), (1 + t**2) / (1 - t**2) ** 2
    pairs = list(zip(middle, spread, strict=True))
    return [m + s * x for m, s in pairs], [s * slope * weights for _, s in pairs]


def _spread(model: Model) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (dimensions,) of samples in float64, or 0 and 1 for a model that cannot generate."""
    if "generate" not in model.capabilities():
        return torch.zeros(model.space.dimensions).double(), torch.ones(model.space.dimensions).double()
    samples = generate(model, 64).double().cpu().flatten(1)
    return samples.mean(0), samples.std(0).clamp_min(1e-6)


def _mass(model: Model, hook: str, low: float, high: float, label: int | None) -> float | None:
    """The integral over [low, high] of the density that `hook` gives, or None: it did not give one value a point."""
    axes, widths = _quadrature(model, low, high)
    points = torch.cartesian_prod(*axes).reshape(-1, *model.space.shape)
    volume = torch.cartesian_prod(*widths).reshape(len(points), -1).prod(1)
    nats = _density(model, hook, points, label)
    return (nats.flatten().exp() * volume).sum().item() if nats.numel() == len(points) else None


def _strata(model: Model, low: float, high: float) -> tuple[Tensor, Tensor]:
    """About POINTS points (n, *shape) over [low, high] in float64, one at random in each cell of a regular grid,
    and the volumes (n,) they stand for. Of the whole real line, where samples are: part of it will do for a bound."""
    count = round(POINTS ** (1 / model.space.dimensions))
    cells = torch.cartesian_prod(*[torch.arange(count)] * model.space.dimensions).reshape(-1, model.space.dimensions)
    t = (cells + Noise(0, stream="strata").uniform(len(cells), model.space.dimensions)[0].double()) / count
    if math.isfinite(high):
        first, size = torch.tensor(low).double(), torch.full((model.space.dimensions,), high - low).double()
    else:
        middle, spread = _spread(model)
        first, size = middle - REACH * spread, 2 * REACH * spread
    volume = size.prod() / len(t)
    return (first + size * t).view(-1, *model.space.shape), volume.expand(len(t))


def _noisy_mass(
    model: Model, points: Tensor, volume: Tensor, label: int | None, *, exhaustive: bool = False
) -> tuple[float, float]:
    """The integral of exp(log_prob), a sum over `points` that stand for `volume`, and the factor, at least 1, by which
    it may be off by chance.

    The mean over seeds of a bound's logarithm is a bound too, where that of its exponentials would be none.
    """
    estimated, seeds = model.log_prob_kind == "estimate", range(SEEDS.get(model.log_prob_kind or "", 1))
    # A bound holds at any value of the costly options, while an estimate is one at its own.
    options = {} if estimated else quick(model._log_prob)
    nats = torch.stack([_density(model, "_log_prob", points, label, seed, options).flatten() for seed in seeds])
    if nats.shape[1] != len(points):
        return 1.0, 1.0  # check_log_prob_shape speaks of this
    logs = nats.mean(0) + volume.log()
    log_mass = logs.logsumexp(0)
    share = (logs - log_mass).exp()
    off = DRIFT if estimated else 0.0
    if len(seeds) > 1:
        # That of the mean, by the first order of a logarithm of a sum, whatever noise the points have in common; and as
        # noise makes exponentials larger on average, twice what it would if it were normal.
        error = ((nats - nats.mean(0)) * share).sum(1).std() / math.sqrt(len(nats))
        off += float(ERRORS * error + (share * nats.var(0)).sum() / len(nats))
    if not exhaustive:  # neighbouring cells tell how much depends on where in them the points are
        off += ERRORS * float((share[::2] - share[1::2]).square().sum().sqrt())
    return float(log_mass.exp()), math.exp(min(off, 700.0))


def _density(
    model: Model, hook: str, points: Tensor, label: int | None, seed: int = 0, options: Mapping[str, Any] | None = None
) -> Tensor:
    """ln p at `points` in float64, by the hook itself: the support may be wider than [0, 1]."""
    copied = copy.deepcopy(model).double()
    parts = []
    with torch.inference_mode(), copied.evaluating() as copied:
        for start in range(0, len(points), 4096):
            x = points[start : start + 4096].to(copied.device)
            condition = None if label is None else torch.full((len(x),), label, device=x.device)
            noise = copied.noise_class(seed, start, len(x), device=copied.device, dtype=copied.dtype)
            parts.append(getattr(copied, hook)(x, condition, noise, **(options or {})).cpu())
    return torch.cat(parts)


def has_standard_normal_latents(model: Model) -> bool:
    """Whether images are decoded standard normal latents of the same dimension, as in a normalizing flow."""
    by_decoding = type(model)._generate is Model._generate and type(model)._draw is Model._draw
    return by_decoding and "encode" in model.capabilities() and math.prod(model.latent_shape) == model.space.dimensions

"""Checks of encode and log_prob: shapes, determinism, inverses and what makes a density a density."""

from __future__ import annotations

import copy
import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from zoo.latent import Noise
from zoo.model import Model
from zoo.registry import LIKELIHOODS
from zoo.testing.contract import (
    SAME_LATENT,
    SAME_NATS,
    decode,
    encode,
    expect,
    gap,
    generate,
    images,
    labels,
    log_prob,
    quick,
)

NODES, NODES_UNBOUNDED = 96, 256  # of the quadrature, along each dimension
INVERSE = 1e-3  # largest difference of a pixel between an image and its reconstruction by an invertible model
MASS = 0.02  # how far the integral of a density may be from 1


def check_latent_shape(model: Model) -> None:
    """encode returns finite floats (n, *latent_shape)."""
    got = encode(model, images(model, 3))
    expected = (3, *model.latent_shape)
    expect(
        tuple(got.shape) == expected and got.is_floating_point() and bool(torch.isfinite(got).all()),
        "encode returns finite latents of the declared shape.",
        f"Got {got.dtype} {tuple(got.shape)} instead of floats {expected}, or values that are not finite.",
        "Correct _encode, or latent_shape.",
    )


def check_encode_deterministic(model: Model) -> None:
    """Encoding the same images twice gives the same latents."""
    x = images(model, 2)
    first, second = encode(model, x), encode(model, x)
    expect(
        torch.equal(first, second),
        "encode is deterministic.",
        f"Two calls on the same images differ by up to {gap(first, second):.3g}.",
        "Return the mean of the posterior, or draw from `noise` only.",
    )


def check_encode_per_image(model: Model) -> None:
    """The latents of an image do not depend on the other images of its batch."""
    x = images(model, 3)
    whole = encode(model, x)
    if not torch.equal(whole, encode(model, x)):
        return  # check_encode_deterministic speaks of this
    alone = encode(model, x, batch_size=1)
    other = encode(model, torch.cat([x[:1], x[:1].flip(-1), x[2:]]))
    largest = max(gap(alone, whole, relative=True), gap(other[::2], whole[::2], relative=True))
    expect(
        largest <= SAME_LATENT,
        "An image's latents do not depend on the rest of its batch.",
        f"They moved by up to {largest:.3g} when the images were encoded one by one or another was replaced.",
        "Compute each row alone: no mean, norm or statistic over the batch.",
    )


def check_inverse(model: Model) -> None:
    """decode inverts encode, in float64, for models with an exact density."""
    x = images(model, 2).double()
    twin = copy.deepcopy(model).double()
    z = encode(twin, x)
    if tuple(z.shape) != (len(x), *model.latent_shape):
        return  # check_latent_shape speaks of this
    got = decode(twin, z)
    if got.shape != x.shape:
        return  # check_image_shapes speaks of this
    largest = gap(got.cpu(), x)
    expect(
        largest <= INVERSE,
        "decode(encode(x)) returns x where the density is exact.",
        f"Pixels differ by up to {largest:.3g}.",
        "Make _decode the inverse of _encode, layer by layer.",
    )


def check_log_prob_shape(model: Model) -> None:
    """log_prob returns one finite number for each image, of a declared kind."""
    got = log_prob(model, images(model, 3))
    expect(
        tuple(got.shape) == (3,) and got.is_floating_point() and bool(torch.isfinite(got).all()),
        "log_prob returns one finite number for each image.",
        f"For 3 images came {got.dtype} {tuple(got.shape)}: {got.flatten()[:3].tolist()}.",
        "Sum over all dimensions but the first, as in .flatten(1).sum(1), and keep logarithms away from 0.",
    )
    expect(
        model.log_prob_kind in LIKELIHOODS,
        "A model says of which kind its log_prob is.",
        f"log_prob_kind is {model.log_prob_kind!r}.",
        f"Set it to one of {', '.join(LIKELIHOODS)}.",
    )


def check_log_prob_per_image(model: Model) -> None:
    """The log_prob of an image does not depend on the other images of its batch."""
    x = images(model, 3)
    whole = log_prob(model, x)
    alone = log_prob(model, x, batch_size=1)
    other = log_prob(model, torch.cat([x[:1], x[:1].flip(-1), x[2:]]))
    largest = max(gap(alone, whole, relative=True), gap(other[::2], whole[::2], relative=True))
    expect(
        largest <= SAME_NATS,
        "An image's log_prob does not depend on the rest of its batch.",
        f"It moved by up to {largest:.3g} of itself when the images came one by one or another was replaced.",
        "Compute each row alone, and draw from `noise`, which belongs to the row.",
    )


def check_log_prob_deterministic(model: Model) -> None:
    """The same seed gives the same log_prob; an exact one does not depend on the seed at all."""
    x = images(model, 2)
    seeds = (0, 1) if model.log_prob_kind == "exact" else (0, 0)
    first, second = (log_prob(model, x, seed=seed) for seed in seeds)
    expect(
        torch.equal(first, second),
        "log_prob follows from the images and the seed; an exact one from the images alone.",
        f"Seeds {seeds[0]} and {seeds[1]} gave {first.tolist()} and {second.tolist()}.",
        "Draw from `noise` only, or declare log_prob_kind 'lower-bound' or 'estimate'.",
    )


def check_density_integrates(model: Model) -> None:
    """An exact density in one or two dimensions integrates to 1 over the model's support. One of dequantised pixels
    integrates to at most 1 over [0, 1], else the code lengths in bits_per_dim belong to no code."""
    low, high = getattr(model, "support", (-math.inf, math.inf) if model.vectors else (0.0, 1.0))
    for label in range(len(model.classes)) or [None]:
        given = f" given {model.classes[label]!r}." if label is not None else "."
        mass = _mass(model, "_log_prob", low, high, label)
        if mass is None:
            return  # check_log_prob_shape speaks of this
        expect(
            abs(mass - 1) <= MASS,
            "An exact density integrates to 1.",
            f"Over [{low:.4g}, {high:.4g}]^{model.dimensions} it integrates to {mass:.4g}{given}",
            "Look for bits instead of nats, a forgotten Jacobian, or a `support` other than declared.",
        )
        if model.vectors or model._density_hook == "_log_prob":
            continue
        mass = _mass(model, model._density_hook, 0.0, 1.0, label) or 0.0
        expect(
            mass <= 1 + MASS,
            "The density of dequantised pixels integrates to at most 1.",
            f"Over [0, 1]^{model.dimensions} that of {model._density_hook} integrates to {mass:.4g}{given}",
            "Return ln p(y) in nats from the hook that _density_hook names, where a level has the volume 1/256.",
        )


def check_change_of_variables(model: Model) -> None:
    """An exact density is that of standard normal latents times |det dz/dx|, by autograd, in float64."""
    twin = copy.deepcopy(model).double().requires_grad_(False)
    x = images(model, 2).double().to(model.device)
    condition = torch.tensor(labels(model, 2), device=model.device) if model.classes else None

    def latents_of(row: Tensor, i: int) -> Tensor:
        label = None if condition is None else condition[i : i + 1]
        return twin._encode(row.unsqueeze(0), label, Noise(0, i, 1, device=row.device, dtype=row.dtype)).flatten()

    expected = []
    with twin.evaluating():
        for i, row in enumerate(x):
            jacobian = torch.autograd.functional.jacobian(partial(latents_of, i=i), row)  # type: ignore[no-untyped-call]
            log_det = torch.linalg.slogdet(jacobian.reshape(model.dimensions, model.dimensions)).logabsdet
            z = latents_of(row, i)
            expected.append(log_det - 0.5 * (z.square() + math.log(2 * math.pi)).sum())
    got = log_prob(twin, x)
    if got.numel() != len(x):
        return  # check_log_prob_shape speaks of this
    largest = gap(got.flatten(), torch.stack(expected), relative=True)
    expect(
        largest <= SAME_NATS,
        "An exact density is ln N(z; 0, I) + ln |det dz/dx| of z = encode(x).",
        f"log_prob gave {got.flatten().tolist()}, autograd {[e.item() for e in expected]}.",
        "Look for bits instead of nats, or a layer whose log-determinant is wrong or left out.",
    )


def check_bits_per_dim(model: Model) -> None:
    """bits_per_dim is (ln q(y | k) − ln p(y)) / (dimensions · ln 2) of the dequantised image y = (k + u)/256, where q
    is a density over the cell of k: uniform unless the model learned another."""
    x = images(model, 3).to(model.device, model.dtype)
    levels = (x * 255).round()
    noise = Noise(0, 0, 3, stream="dequantisation", device=model.device, dtype=model.dtype)
    with torch.inference_mode(), model.evaluating():
        y, spent = model._dequantise(levels, noise)
    moved = (256 * y.double() - levels.double() - 0.5).abs().max().item()
    flat = torch.full_like(spent, math.log(256))
    uneven = gap(spent / model.dimensions, flat) if model.dequantisation == "uniform" else 0.0
    expect(
        moved <= 0.501 and uneven <= SAME_NATS,
        "Dequantisation stays within the cell of each pixel, and is uniform unless `dequantisation` says otherwise.",
        f"It moved a pixel by {moved:.3g} levels from the middle of its cell, with a density off by {uneven:.3g} nats.",
        "Return (levels + u)/256 with u in [0, 1], and ln q of that, or leave _dequantise to Model.",
    )
    options = quick(getattr(model, model._density_hook))
    nats = model._per_image(model._density_hook, y, labels(model, 3), 0, None, options)
    got = model.bits_per_dim(x, condition=labels(model, 3), **options)
    expected = (spent - nats) / (model.dimensions * math.log(2))
    largest = gap(got, expected, relative=True) if got.shape == expected.shape else math.inf
    expect(
        largest <= SAME_NATS,
        "bits_per_dim follows from the density and the model's dequantisation.",
        f"It gave {got.flatten().tolist()}, the density implies {expected.flatten().tolist()}.",
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
        return [low + half * (t + 1)] * model.dimensions, [half * weights] * model.dimensions
    middle, spread = torch.zeros(model.dimensions), torch.ones(model.dimensions)
    if "generate" in model.capabilities():
        samples = generate(model, 64).double().cpu().flatten(1)
        middle, spread = samples.mean(0), samples.std(0).clamp_min(1e-6)
    x, slope = t / (1 - t**2), (1 + t**2) / (1 - t**2) ** 2
    pairs = list(zip(middle, spread, strict=True))
    return [m + s * x for m, s in pairs], [s * slope * weights for _, s in pairs]


def _mass(model: Model, hook: str, low: float, high: float, label: int | None) -> float | None:
    """The integral over [low, high] of the density that `hook` gives, or None: it did not give one value a point."""
    axes, widths = _quadrature(model, low, high)
    points = torch.cartesian_prod(*axes).reshape(-1, *model.image_shape)
    volume = torch.cartesian_prod(*widths).reshape(len(points), -1).prod(1)
    nats = _density(model, hook, points, label)
    return (nats.flatten().exp() * volume).sum().item() if nats.numel() == len(points) else None


def _density(model: Model, hook: str, points: Tensor, label: int | None) -> Tensor:
    """ln p at `points` in float64, by the hook itself: the support may be wider than [0, 1]."""
    twin = copy.deepcopy(model).double()
    noise = Noise(0, device=twin.device, dtype=twin.dtype)  # an exact density draws nothing
    parts = []
    with torch.inference_mode(), twin.evaluating():
        for start in range(0, len(points), 4096):
            x = points[start : start + 4096].to(twin.device)
            condition = None if label is None else torch.full((len(x),), label, device=x.device)
            parts.append(getattr(twin, hook)(x, condition, noise).cpu())
    return torch.cat(parts)


def has_standard_normal_latents(model: Model) -> bool:
    """Whether images are decoded standard normal latents of the same dimension, as in a normalizing flow."""
    by_decoding = type(model)._generate is Model._generate and type(model)._draw is Model._draw
    return by_decoding and "encode" in model.capabilities() and math.prod(model.latent_shape) == model.dimensions

"""Checks of log_prob: one number for each image, which depends on nothing else."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch

from zoo.model import Model
from zoo.registry.entries import LIKELIHOODS
from zoo.spaces import BinaryImages
from zoo.testing import densities
from zoo.testing.contract import (
    SAME_NATS,
    Check,
    described,
    expect,
    gap,
    listed,
)
from zoo.testing.examples import (
    decode,
    encode,
    log_prob,
    samples,
)

INVERSE = 1e-3  # largest difference of a pixel between an image and its reconstruction by an invertible model


def checks(model: Model) -> Iterator[Check]:
    """Those of a model with a density, or a probability of binary pixels."""
    yield check_log_prob_shape
    yield check_log_prob_per_image
    yield check_log_prob_deterministic
    yield from densities.checks(model)
    exact = model.log_prob_kind == "exact" and not isinstance(model.space, BinaryImages)  # of a density, not a mass
    if exact and samples(model, 1).is_floating_point() and {"encode", "decode"} <= model.capabilities():
        yield check_inverse


def check_log_prob_shape(model: Model) -> None:
    """log_prob returns one finite number for each image, of a declared kind."""
    got = log_prob(model, samples(model, 3))
    expect(
        tuple(got.shape) == (3,) and got.is_floating_point() and bool(torch.isfinite(got).all()),
        "log_prob returns one finite number for each image.",
        f"For 3 images {model.space.shape} came {described(got)}: {listed(got)}.",
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
    x = samples(model, 3)
    whole = log_prob(model, x)
    alone = log_prob(model, x, batch_size=1)
    other = log_prob(model, torch.cat([x[:1], model.space.opposite(x[1:2]), x[2:]]))
    largest = max(gap(alone, whole, relative=True), gap(other[::2], whole[::2], relative=True))
    expect(
        largest <= SAME_NATS,
        "An image's log_prob does not depend on the rest of its batch.",
        f"{listed(whole)} moved by up to {largest:.3g} of 1 + |log_prob| when the images came one by one or another "
        "was replaced.",
        "Compute each row alone, and draw from `noise`, which belongs to the row.",
    )


def check_log_prob_deterministic(model: Model) -> None:
    """The same seed gives the same log_prob; an exact one does not depend on the seed at all."""
    x = samples(model, 2)
    seeds = (0, 1) if model.log_prob_kind == "exact" else (0, 0)
    first, second = (log_prob(model, x, seed=seed) for seed in seeds)
    expect(
        torch.equal(first, second),
        "log_prob follows from the images and the seed; an exact one from the images alone.",
        f"Seeds {seeds[0]} and {seeds[1]} gave {listed(first)} and {listed(second)} for images {tuple(x.shape)}.",
        "Draw from `noise` only, or declare log_prob_kind 'lower-bound' or 'estimate'.",
    )


def check_inverse(model: Model) -> None:
    """decode inverts encode, in float64, for models with an exact density."""
    x = samples(model, 2).double()
    copied = copy.deepcopy(model).double()
    z = encode(copied, x)
    if tuple(z.shape) != (len(x), *model.latent_shape):
        return  # check_latent_shape speaks of this
    got = decode(copied, z)
    if got.shape != x.shape:
        return  # check_image_shapes speaks of this
    largest = gap(got.cpu(), x)
    expect(
        largest <= INVERSE,
        "decode(encode(x)) returns x where the density is exact.",
        f"Of {described(x)} by way of {described(z)} came {described(got)}, which differs by up to {largest:.3g}.",
        "Make _decode the inverse of _encode, layer by layer.",
    )

"""Checks of encode and log_prob: shapes, determinism and inverses."""

from __future__ import annotations

import copy

import torch

from zoo.model import Model
from zoo.registry.architectures import LIKELIHOODS
from zoo.testing.contract import (
    SAME_LATENT,
    SAME_NATS,
    decode,
    encode,
    expect,
    gap,
    images,
    labels,
    listed,
    log_prob,
    opposite,
    told,
)

INVERSE = 1e-3  # largest difference of a pixel between an image and its reconstruction by an invertible model
INVERSION = 0.05  # root mean square difference of pixels where a sampler is inverted
ENCODERS = ("network", "optimisation", "inversion")


def check_latent_shape(model: Model) -> None:
    """encode returns finite floats (n, *latent_shape)."""
    x = images(model, 3)
    got = encode(model, x)
    expected = (3, *model.latent_shape)
    expect(
        tuple(got.shape) == expected and got.is_floating_point() and bool(torch.isfinite(got).all()),
        "encode returns finite latents of the declared shape.",
        f"Of images {tuple(x.shape)} came {told(got)}, not floats {expected}.",
        "Correct the shape of what _encode returns, or latent_shape in __init__.",
    )
    expect(
        model.encodes_by in ENCODERS,
        "A model says how it encodes.",
        f"encodes_by is {model.encodes_by!r}.",
        f"Set it to one of {', '.join(ENCODERS)}.",
    )


def check_encode_deterministic(model: Model) -> None:
    """Encoding the same images twice gives the same latents."""
    x = images(model, 2)
    first, second = encode(model, x), encode(model, x)
    expect(
        torch.equal(first, second),
        "encode is deterministic.",
        f"Two calls on the same images {tuple(x.shape)} gave {told(first)} and latents that differ from them by up to "
        f"{gap(first, second):.3g}.",
        "Return the mean of the posterior, or draw from `noise` only.",
    )


def check_encode_per_image(model: Model) -> None:
    """The latents of an image do not depend on the other images of its batch."""
    x = images(model, 3)
    whole = encode(model, x)
    if not torch.equal(whole, encode(model, x)):
        return  # check_encode_deterministic speaks of this
    alone = encode(model, x, batch_size=1)
    other = encode(model, torch.cat([x[:1], opposite(model, x[1:2]), x[2:]]))
    largest = max(gap(alone, whole, relative=True), gap(other[::2], whole[::2], relative=True))
    expect(
        largest <= SAME_LATENT,
        "An image's latents do not depend on the rest of its batch.",
        f"{told(whole)} moved by up to {largest:.3g} of 1 + |z| when the images were encoded one by one or another was "
        "replaced.",
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
        f"Of {told(x)} by way of {told(z)} came {told(got)}, which differs by up to {largest:.3g}.",
        "Make _decode the inverse of _encode, layer by layer.",
    )


def check_inversion(model: Model) -> None:
    """Where encode inverts the sampler, decode(encode(x)) returns x, at the options' default values."""
    x = images(model, 2)
    condition = labels(model, 2)
    z = model.encode(x, condition=condition)
    got = model.decode(z, condition=condition).cpu()
    if got.shape != x.shape:
        return  # check_image_shapes speaks of this
    error = (got - x).double().square().mean().sqrt().item()
    expect(
        error <= INVERSION,
        "decode(encode(x)) returns x where encodes_by is 'inversion'.",
        f"Of {told(x)} by way of {told(z)} came {told(got)}, off by {error:.3g} in the root mean square.",
        "Take the sampler's steps backwards, each solved for where it began, and enough of them by default.",
    )


def check_log_prob_shape(model: Model) -> None:
    """log_prob returns one finite number for each image, of a declared kind."""
    got = log_prob(model, images(model, 3))
    expect(
        tuple(got.shape) == (3,) and got.is_floating_point() and bool(torch.isfinite(got).all()),
        "log_prob returns one finite number for each image.",
        f"For 3 images {model.image_shape} came {told(got)}: {listed(got)}.",
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
    other = log_prob(model, torch.cat([x[:1], opposite(model, x[1:2]), x[2:]]))
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
    x = images(model, 2)
    seeds = (0, 1) if model.log_prob_kind == "exact" else (0, 0)
    first, second = (log_prob(model, x, seed=seed) for seed in seeds)
    expect(
        torch.equal(first, second),
        "log_prob follows from the images and the seed; an exact one from the images alone.",
        f"Seeds {seeds[0]} and {seeds[1]} gave {listed(first)} and {listed(second)} for images {tuple(x.shape)}.",
        "Draw from `noise` only, or declare log_prob_kind 'lower-bound' or 'estimate'.",
    )

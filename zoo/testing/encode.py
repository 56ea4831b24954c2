"""Checks of encode: shapes, determinism and inverses."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from zoo.model import Model
from zoo.testing.contract import (
    SAME_LATENT,
    Check,
    described,
    expect,
    gap,
)
from zoo.testing.examples import (
    conditions,
    encode,
    samples,
)

INVERSION = 0.05  # root mean square difference of pixels where a sampler is inverted
ENCODERS = ("network", "optimisation", "inversion")


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that encodes."""
    yield check_latent_shape
    yield check_encode_deterministic
    if model.encodes_by == "network":  # an unfinished search magnifies rounding
        yield check_encode_per_image
    if model.encodes_by == "inversion" and "decode" in model.capabilities():
        yield check_inversion


def check_latent_shape(model: Model) -> None:
    """encode returns finite floats (n, *latent_shape)."""
    x = samples(model, 3)
    got = encode(model, x)
    expected = (3, *model.latent_shape)
    expect(
        tuple(got.shape) == expected and got.is_floating_point() and bool(torch.isfinite(got).all()),
        "encode returns finite latents of the declared shape.",
        f"Of images {tuple(x.shape)} came {described(got)}, not floats {expected}.",
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
    x = samples(model, 2)
    first, second = encode(model, x), encode(model, x)
    expect(
        torch.equal(first, second),
        "encode is deterministic.",
        f"Two calls on the same images {tuple(x.shape)} gave {described(first)} and latents that differ from them by "
        f"up to {gap(first, second):.3g}.",
        "Return the mean of the posterior, or draw from `noise` only.",
    )


def check_encode_per_image(model: Model) -> None:
    """The latents of an image do not depend on the other images of its batch."""
    x = samples(model, 3)
    whole = encode(model, x)
    if not torch.equal(whole, encode(model, x)):
        return  # check_encode_deterministic speaks of this
    alone = encode(model, x, batch_size=1)
    other = encode(model, torch.cat([x[:1], model.space.opposite(x[1:2]), x[2:]]))
    largest = max(gap(alone, whole, relative=True), gap(other[::2], whole[::2], relative=True))
    expect(
        largest <= SAME_LATENT,
        "An image's latents do not depend on the rest of its batch.",
        f"{described(whole)} moved by up to {largest:.3g} of 1 + |z| when the images were encoded one by one or "
        "another was replaced.",
        "Compute each row alone: no mean, norm or statistic over the batch.",
    )


def check_inversion(model: Model) -> None:
    """Where encode inverts the sampler, decode(encode(x)) returns x, at the options' default values."""
    x = samples(model, 2)
    condition = conditions(model, 2)
    z = model.encode(x, condition=condition)
    got = model.decode(z, condition=condition).cpu()
    if got.shape != x.shape:
        return  # check_image_shapes speaks of this
    error = (got - x).double().square().mean().sqrt().item()
    expect(
        error <= INVERSION,
        "decode(encode(x)) returns x where encodes_by is 'inversion'.",
        f"Of {described(x)} by way of {described(z)} came {described(got)}, off by {error:.3g} in the root mean "
        "square.",
        "Take the sampler's steps backwards, each solved for where it began, and enough of them by default.",
    )

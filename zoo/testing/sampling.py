"""Checks of generate and decode: shapes, range, seeds, conditions and refused arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from zoo.model import Model
from zoo.testing.contract import (
    SAME_IMAGE,
    decode,
    encode,
    expect,
    gap,
    generate,
    images,
    in_range,
    latents,
    log_prob,
    result_shape,
    same_condition,
    told,
)

REPEATED = 1e-5  # largest difference between two calls: some kernels of a GPU add up in any order


def check_image_shapes(model: Model) -> None:
    """generate and decode return floats (n, *image_shape) in the model's dtype, on its device; or of the size that
    follows from an image they are conditioned on."""
    made = _made(model, 3)
    if {"encode", "decode"} <= model.capabilities():
        z = encode(model, images(model, 3))
        if tuple(z.shape) == (3, *model.latent_shape):  # otherwise check_latent_shape speaks
            made["decode(encode(x))"] = decode(model, z)
    expected = (3, *result_shape(model))
    for name, got in made.items():
        sound = tuple(got.shape) == expected and got.dtype == model.dtype and got.device == model.device
        expect(
            sound,
            "Images have the declared shape and the model's dtype and device.",
            f"{name} gave {told(got)} on {got.device}, not {str(model.dtype).removeprefix('torch.')} {expected} on "
            f"{model.device}.",
            "Correct what the hook returns, as by .view(-1, *self.image_shape), or image_shape in __init__.",
        )


def check_image_range(model: Model) -> None:
    """generate and decode return finite pixels in [0, 1], or finite vectors, at any temperature."""
    promise, change = "Pixels are finite and in [0, 1].", "Map the network's range inside the hook, as in (x + 1) / 2."
    if model.vectors:
        promise, change = "Vectors are finite.", "Bound the scales of the layers."
    made = _made(model, 3)
    made |= {f"generate(temperature={t})": generate(model, 3, temperature=t) for t in (0.0, 1.5)}
    for name, got in made.items():
        expect(in_range(model, got), promise, f"{name} gave {told(got)}.", change)


def check_binary_samples(model: Model) -> None:
    """A model of binary pixels generates pixels of 0 and 1 only, at any temperature."""
    for temperature in (1.0, 0.0, 1.5):
        got = generate(model, 3, temperature=temperature)
        grey = (got > 0) & (got < 1)
        expect(
            not grey.any(),
            "A model of binary pixels generates pixels of 0 and 1 only.",
            f"generate(3, temperature={temperature}) gave {told(got)}, {int(grey.sum())} pixels between.",
            "Draw pixels from their probabilities in _generate, as in noise.uniform(…) < p; only decode may give p.",
        )


def check_temperature_matters(model: Model) -> None:
    """Temperature 0 gives other images than temperature 1."""
    condition = same_condition(model)
    still, usual = (generate(model, 16, temperature=t, condition=condition) for t in (0.0, 1.0))
    expect(
        not torch.equal(still, usual),
        "The temperature is a factor on the spread of what is drawn.",
        f"generate(16, temperature=0) and temperature=1 both gave the same {told(usual)}.",
        "Multiply the latents that _generate draws by its argument `temperature`.",
    )


def check_decode_deterministic(model: Model) -> None:
    """Decoding the same latents twice gives the same images."""
    z = latents(model, 2)
    first, second = decode(model, z), decode(model, z)
    largest = gap(first, second, relative=model.vectors)
    expect(
        largest <= REPEATED,
        "decode is deterministic.",
        f"Two calls on the same {told(z)} gave {told(first)} and images that differ from them by up to {largest:.3g}.",
        "Return the mean image, and draw from `noise` in _generate only.",
    )


def check_seed_determines_samples(model: Model) -> None:
    """Sample i of a seed is the same whatever n and batch_size."""
    promise = "Sample i of a seed is the same whatever n and batch_size."
    whole = generate(model, 4, seed=5)
    for name, got in (
        ("the same call again", generate(model, 4, seed=5)),
        ("n=2", generate(model, 2, seed=5)),
        ("batch_size=3", generate(model, 4, seed=5, batch_size=3)),
        ("batch_size=1", generate(model, 4, seed=5, batch_size=1)),
    ):
        largest = gap(got, whole[: len(got)], relative=model.vectors)  # vectors may be of any size
        seen = f"generate(4, seed=5) gave {told(whole)}; {name} differs by up to {largest:.3g} in the same samples."
        change = "Draw from the hook's `noise` only, not from torch.randn or another generator, and let no sample's "
        change += "computation depend on the others in its batch."
        expect(largest <= SAME_IMAGE, promise, seen, change)


def check_seeds_differ(model: Model) -> None:
    """Different seeds, and different samples of a seed, give different images."""
    promise = "Different seeds and samples give different images."
    condition = same_condition(model)
    one, other = (generate(model, 8, seed=seed, condition=condition) for seed in (0, 1))
    change = "Use `noise`: all of it, for every sample."
    expect(not torch.equal(one, other), promise, f"Seeds 0 and 1 gave equal images, {told(one)}.", change)
    seen = f"All samples of seed 0 are equal, {told(one)}."
    expect(not torch.equal(one, one[:1].expand_as(one)), promise, seen, change)


def check_deterministic(model: Model) -> None:
    """What is said to be deterministic does not depend on seed or temperature."""
    condition = same_condition(model)
    usual = generate(model, 2, condition=condition)
    for what, arguments in (("seed=1", {"seed": 1}), ("temperature=0", {"temperature": 0.0})):
        largest = gap(generate(model, 2, condition=condition, **arguments), usual)
        expect(
            largest <= SAME_IMAGE,
            "A deterministic model gives a condition's one result.",
            f"generate(2, seed=0) gave {told(usual)}; {what} differs by up to {largest:.3g}.",
            "Draw nothing, or set deterministic = False in the class.",
        )


def check_labels_by_name(model: Model) -> None:
    """A label given by name, by index or in a sequence means the same."""
    promise = "A label by name, by index or in a sequence means the same."
    name, last = model.classes[-1], len(model.classes) - 1
    by_index = generate(model, 2, condition=last)
    for what, condition in (
        (repr(name), name),
        (repr(name.upper()), name.upper()),
        (repr([last, name]), [last, name]),
        (repr(torch.tensor([last])), torch.tensor([last])),
    ):
        largest = gap(generate(model, 2, condition=condition), by_index)
        seen = f"condition={last} gave {told(by_index)}; condition={what} differs by up to {largest:.3g}."
        expect(largest <= SAME_IMAGE, promise, seen, "Leave the reading of labels to Model.check_condition.")


def check_labels_matter(model: Model) -> None:
    """Different labels give different images from the same latents, and one image different densities."""
    calls: dict[str, Callable[..., torch.Tensor]] = {
        "generate": partial(generate, model, 4),
        "decode": partial(decode, model, latents(model, 4)),
        "log_prob": partial(log_prob, model, images(model, 4)),
    }
    for name in [name for name in calls if name in model.capabilities()]:
        first, second = (calls[name](condition=label) for label in (0, 1))
        # A model that does not say how it generates does so by decoding.
        hook = "_decode" if name == "generate" and type(model)._generate is Model._generate else f"_{name}"
        expect(
            not torch.equal(first, second),
            "Different labels give different images and densities.",
            f"Under {model.classes[0]!r} and {model.classes[1]!r}, {name} gave the same {told(first)}.",
            f"Use the argument `condition` of {hook}, class indices of shape (n,).",
        )


def _made(model: Model, n: int) -> dict[str, torch.Tensor]:
    made = {"generate": generate(model, n)}
    if "decode" in model.capabilities():
        made["decode"] = decode(model, latents(model, n))
    return made

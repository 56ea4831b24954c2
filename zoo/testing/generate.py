"""Checks of generate: shapes, range, seeds, temperature and refused arguments."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from zoo.errors import ContractError
from zoo.model import Model
from zoo.spaces import Images
from zoo.testing.contract import (
    SAME_IMAGE,
    Check,
    described,
    expect,
    first_line,
    gap,
    refused,
)
from zoo.testing.examples import (
    conditions,
    decode,
    encode,
    generate,
    latents,
    quick,
    same_condition,
    samples,
)


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that generates."""
    yield check_image_shapes
    yield check_image_range
    yield check_seed_determines_samples
    yield check_sample_ranges
    yield check_chunks
    # Of a model that also translates, but is not conditioned on what, it is said of translations.
    if model.deterministic and (model.condition.name is not None or "translate" not in model.capabilities()):
        yield check_deterministic
    else:
        yield check_seeds_differ
        yield check_temperature_matters
    yield check_wrong_arguments_refused
    yield check_dtypes


def check_image_shapes(model: Model) -> None:
    """generate and decode return samples of the space's shape, floats in the model's dtype, on its device."""
    made = _made(model, 3)
    if {"encode", "decode"} <= model.capabilities():
        z = encode(model, samples(model, 3))
        if tuple(z.shape) == (3, *model.latent_shape):  # otherwise check_latent_shape speaks
            made["decode(encode(x))"] = decode(model, z)
    expected, kind = (3, *model.space.shape), _dtype(model)
    for name, got in made.items():
        sound = tuple(got.shape) == expected and got.dtype == kind and got.device == model.device
        expect(
            sound,
            "Images have the declared shape and the model's dtype and device.",
            f"{name} gave {described(got)} on {got.device}, not {str(kind).removeprefix('torch.')} {expected} on "
            f"{model.device}.",
            "Correct what the hook returns, as by .view(-1, *self.space.shape), or self.space in __init__.",
        )


def check_image_range(model: Model) -> None:
    """generate and decode return finite pixels in [0, 1], or finite vectors, at any temperature."""
    promise, change = "Pixels are finite and in [0, 1].", "Map the network's range inside the hook, as in (x + 1) / 2."
    if not isinstance(model.space, Images):
        promise, change = "Samples belong to the model's space.", "Bound the scales of the layers."
    made = _made(model, 3)
    made |= {f"generate(temperature={t})": generate(model, 3, temperature=t) for t in (0.0, 1.5)}
    for name, got in made.items():
        expect(model.space.contains(got), promise, f"{name} gave {described(got)}.", change)


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
        largest = gap(got, whole[: len(got)], relative=not model.space.bounded)
        seen = (
            f"generate(4, seed=5) gave {described(whole)}; {name} differs by up to {largest:.3g} in the same samples."
        )
        change = "Draw from the hook's `noise` only, not from torch.randn or another generator, and let no sample's "
        change += "computation depend on the others in its batch."
        expect(largest <= SAME_IMAGE, promise, seen, change)


def check_deterministic(model: Model) -> None:
    """What is said to be deterministic does not depend on seed or temperature."""
    condition = same_condition(model)
    usual = generate(model, 2, condition=condition)
    for what, arguments in (("seed=1", {"seed": 1}), ("temperature=0", {"temperature": 0.0})):
        largest = gap(generate(model, 2, condition=condition, **arguments), usual)
        expect(
            largest <= SAME_IMAGE,
            "A deterministic model gives a condition's one result.",
            f"generate(2, seed=0) gave {described(usual)}; {what} differs by up to {largest:.3g}.",
            "Draw nothing, or set deterministic = False in the class.",
        )


def check_sample_ranges(model: Model) -> None:
    """generate(first=k) draws the samples k … of a seed."""
    # One by one: that samples do not depend on their batch is what check_seed_determines_samples is about.
    given = {"condition": same_condition(model)} if model.condition.required else {}
    whole = generate(model, 4, seed=5, batch_size=1, **given)
    part = generate(model, 2, seed=5, first=2, batch_size=1, **given)
    largest = gap(part, whole[2:], relative=not model.space.bounded)
    expect(
        largest <= SAME_IMAGE,
        "generate(n, first=k) draws samples k … k + n − 1 of a seed.",
        f"generate(2, first=2) differs from the last two of generate(4) by up to {largest:.3g}.",
        "Leave `first` to Model.generate, and draw from the hook's `noise` only.",
    )


def check_chunks(model: Model) -> None:
    """The chunks of generate_chunks are together what generate gives."""
    given = conditions(model, 5) if model.condition.required else None
    options = quick(model._generate)
    chunks = list(model.generate_chunks(5, seed=5, batch_size=2, condition=given, **options))
    whole = model.generate(5, seed=5, batch_size=2, condition=given, **options)
    sizes, together = [len(chunk) for chunk in chunks], torch.cat(chunks)
    largest = gap(together, whole, relative=not model.space.bounded)
    expect(
        sizes == [2, 2, 1] and largest <= SAME_IMAGE,
        "generate_chunks yields what generate gives, batch_size samples at a time.",
        f"Of 5 samples came chunks of {sizes}, which differ from generate's by up to {largest:.3g}.",
        "Leave generate and generate_chunks to Model.",
    )


def check_seeds_differ(model: Model) -> None:
    """Different seeds, and different samples of a seed, give different images."""
    promise = "Different seeds and samples give different images."
    condition = same_condition(model)
    one, other = (generate(model, 8, seed=seed, condition=condition) for seed in (0, 1))
    change = "Use `noise`: all of it, for every sample."
    expect(not torch.equal(one, other), promise, f"Seeds 0 and 1 gave equal images, {described(one)}.", change)
    seen = f"All samples of seed 0 are equal, {described(one)}."
    expect(not torch.equal(one, one[:1].expand_as(one)), promise, seen, change)


def check_temperature_matters(model: Model) -> None:
    """Temperature 0 gives other images than temperature 1."""
    condition = same_condition(model)
    still, usual = (generate(model, 16, temperature=t, condition=condition) for t in (0.0, 1.0))
    expect(
        not torch.equal(still, usual),
        "The temperature is a factor on the spread of what is drawn.",
        f"generate(16, temperature=0) and temperature=1 both gave the same {described(usual)}.",
        "Multiply the latents that _generate draws by its argument `temperature`.",
    )


def check_wrong_arguments_refused(model: Model) -> None:
    """Counts below 1, bad seeds and bad temperatures are refused."""
    usual = {"condition": same_condition(model)}
    wrong: list[dict[str, Any]] = [
        {"n": 0}, {"n": -1}, {"n": 1.0}, {"n": True}, {"seed": -1}, {"first": -1}, {"seed": 0.5}, {"seed": "0"},
        {"batch_size": 0}, {"temperature": -1.0}, {"temperature": float("nan")}, {"temperature": "hot"},
    ]  # fmt: skip
    calls = {f"generate({w})": partial(generate, model, **{"n": 1, **usual, **w}) for w in wrong}
    refused("Arguments out of range are refused.", calls)


def check_dtypes(model: Model) -> None:
    """A model cast to float64 or bfloat16 generates images of that dtype in [0, 1], or finite vectors."""
    promise = "A model cast to another dtype generates images of that dtype in [0, 1], or finite vectors."
    change = "Make new tensors with the dtype of the hook's arguments, and clamp where rounding may leave [0, 1]."
    range_is_kept = model.space.contains(generate(model, 2))  # otherwise check_image_range speaks of this
    for dtype in (torch.float64, torch.bfloat16):
        try:
            got = generate(copy.deepcopy(model).to(dtype), 2)
        except RuntimeError as error:
            raise ContractError(f"{promise} In {dtype} it raised: {first_line(error)} {change}") from error
        seen = f"In {dtype} came {described(got)}."
        expect(
            got.dtype == _dtype(model, dtype) and (model.space.contains(got) or not range_is_kept),
            promise,
            seen,
            change,
        )


def _made(model: Model, n: int) -> dict[str, torch.Tensor]:
    made = {"generate": generate(model, n)}
    if "decode" in model.capabilities():
        made["decode"] = decode(model, latents(model, n))
    return made


def _dtype(model: Model, dtype: torch.dtype | None = None) -> torch.dtype:
    """Of the samples of a model in `dtype`: the same, unless they are whole numbers by the space, or columns of data in
    float64, which are given back as such."""
    kind = samples(model, 1).dtype
    if model.standard is not None and model.standard.location.dtype == torch.float64:
        return torch.float64
    return (dtype or model.dtype) if kind.is_floating_point else kind

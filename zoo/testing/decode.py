"""Checks of decode: that it is a function of the latents, and which it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from zoo.model import Model
from zoo.testing.contract import (
    SAME_IMAGE,
    Check,
    described,
    expect,
    gap,
    of,
    refused,
)
from zoo.testing.examples import (
    conditions,
    decode,
    generate,
    latents,
    same_condition,
)

TRIED = {"truncation": 0.5}  # options of latents that decode may take as well
REPEATED = 1e-5  # largest difference between two calls: some kernels of a GPU add up in any order


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that decodes."""
    yield check_decode_deterministic
    yield check_wrong_latents_refused
    if _shared(model):
        yield check_shared_options


def check_decode_deterministic(model: Model) -> None:
    """Decoding the same latents twice gives the same images."""
    z = latents(model, 2)
    first, second = decode(model, z), decode(model, z)
    largest = gap(first, second, relative=not model.space.bounded)
    expect(
        largest <= REPEATED,
        "decode is deterministic.",
        f"Two calls on the same {described(z)} gave {described(first)} and images that differ from them by up to "
        f"{largest:.3g}.",
        "Return the mean image, and draw from `noise` in _generate only.",
    )


def check_wrong_latents_refused(model: Model) -> None:
    """decode refuses latents of wrong type, dtype or shape, NaN and empty batches."""
    z = latents(model, 2)
    nan = z.clone()
    nan.view(-1)[0] = float("nan")
    wrong: dict[str, Any] = {
        "NaN": nan, "integers": z.long(), "no batch dimension": z[0], "an empty batch": z[:0], "a list": z.tolist(),
        "one dimension too many": z.unsqueeze(1), "too long rows": torch.cat([z, z], dim=-1),
    }  # fmt: skip
    condition = same_condition(model)
    calls = {of("decode", what, bad): partial(model.decode, bad, condition=condition) for what, bad in wrong.items()}
    refused("Wrong latents are refused.", calls)


def check_shared_options(model: Model) -> None:
    """Latents drawn and decoded with an option that both take are what generate gives with it."""
    tried, condition = _shared(model), conditions(model, 3)
    made = decode(model, model.latents(3, seed=0, **tried), **tried)
    largest = gap(made, generate(model, 3, condition=condition, **tried), relative=not model.space.bounded)
    said = ", ".join(f"{name}={value}" for name, value in tried.items())
    expect(
        largest <= SAME_IMAGE,
        "Latents that are drawn and decoded with an option are what generate gives with it.",
        f"decode(latents(3, {said}), {said}) differs from generate(3, {said}) by up to {largest:.3g}.",
        "Hand the option to both _latents and _decode in _generate.",
    )


def _shared(model: Model) -> dict[str, Any]:
    """Of the options that are tried those that generate, latents and decode all take."""
    taken = [inspect.signature(hook).parameters for hook in (model._generate, model._latents, model._decode)]
    return {name: value for name, value in TRIED.items() if all(name in each for each in taken)}

"""Checks of models conditioned on labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    refused,
)
from zoo.testing.examples import (
    classes,
    decode,
    generate,
    latents,
    log_prob,
    samples,
)


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that is conditioned on labels, or on nothing: it then knows none."""
    if "generate" not in model.capabilities():
        return
    if classes(model):
        yield check_labels_by_name
        yield check_labels_matter
    yield check_unknown_labels_refused


def check_labels_by_name(model: Model) -> None:
    """A label given by name, by index or in a sequence means the same."""
    promise = "A label by name, by index or in a sequence means the same."
    name, last = classes(model)[-1], len(classes(model)) - 1
    by_index = generate(model, 2, condition=last)
    for what, condition in (
        (repr(name), name),
        (repr(name.upper()), name.upper()),
        (repr([last, name]), [last, name]),
        (repr(torch.tensor([last])), torch.tensor([last])),
    ):
        largest = gap(generate(model, 2, condition=condition), by_index)
        seen = f"condition={last} gave {described(by_index)}; condition={what} differs by up to {largest:.3g}."
        expect(largest <= SAME_IMAGE, promise, seen, "Leave the reading of labels to Model.check_condition.")


def check_labels_matter(model: Model) -> None:
    """Different labels give different images from the same latents, and one image different densities."""
    calls: dict[str, Callable[..., torch.Tensor]] = {
        "generate": partial(generate, model, 4),
        "decode": partial(decode, model, latents(model, 4)),
        "log_prob": partial(log_prob, model, samples(model, 4)),
    }
    for name in [name for name in calls if name in model.capabilities()]:
        first, second = (calls[name](condition=label) for label in (0, 1))
        # A model that does not say how it generates does so by decoding.
        hook = "_decode" if name == "generate" and type(model)._generate is Model._generate else f"_{name}"
        expect(
            not torch.equal(first, second),
            "Different labels give different images and densities.",
            f"Under {classes(model)[0]!r} and {classes(model)[1]!r}, {name} gave the same {described(first)}.",
            f"Use the argument `condition` of {hook}, class indices of shape (n,).",
        )


def check_unknown_labels_refused(model: Model) -> None:
    """Labels the model does not know, too many of them and missing ones are refused; all of them, if it knows none."""
    bad: list[Any] = ["no such class", len(classes(model)), -1, 0.5, True, [0, 1], torch.tensor([0.0])]
    calls = {f"condition={label!r}": partial(generate, model, 1, condition=label) for label in bad}
    if classes(model) and "decode" in model.capabilities():
        calls["decode without a condition"] = partial(model.decode, latents(model, 1))
    refused("Labels that the model does not know are refused.", calls)

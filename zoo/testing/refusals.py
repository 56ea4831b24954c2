"""Checks of what a model refuses: arguments out of range, labels it does not know, wrong images and latents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from zoo.errors import InvalidInput, UnknownName
from zoo.model import Model
from zoo.testing.contract import (
    ContractError,
    decode,
    encode,
    generate,
    images,
    latents,
    log_prob,
    same_condition,
    told,
)

KEEP_CHECKING = "Leave the checking to Model's public methods and override the private hooks only."


def check_unknown_labels_refused(model: Model) -> None:
    """Labels the model does not know, too many of them and missing ones are refused; all of them, if it knows none."""
    bad: list[Any] = ["no such class", len(model.classes), -1, 0.5, True, [0, 1], torch.tensor([0.0])]
    calls = {f"condition={label!r}": partial(generate, model, 1, condition=label) for label in bad}
    if model.classes and "decode" in model.capabilities():
        calls["decode without a condition"] = partial(model.decode, latents(model, 1))
    refused("Labels that the model does not know are refused.", calls)


def check_wrong_arguments_refused(model: Model) -> None:
    """Counts below 1, bad seeds and bad temperatures are refused."""
    usual = {"condition": same_condition(model)}
    wrong: list[dict[str, Any]] = [
        {"n": 0}, {"n": -1}, {"n": 1.0}, {"n": True}, {"seed": -1}, {"seed": 0.5}, {"seed": "0"}, {"batch_size": 0},
        {"temperature": -1.0}, {"temperature": float("nan")}, {"temperature": "hot"},
    ]  # fmt: skip
    calls = {f"generate({w})": partial(generate, model, **{"n": 1, **usual, **w}) for w in wrong}
    refused("Arguments out of range are refused.", calls)


def check_undeclared_options_refused(model: Model) -> None:
    """Options that a hook does not declare are refused."""
    calls: dict[str, Callable[..., Any]] = {
        "generate": partial(generate, model, 1),
        "decode": partial(decode, model, latents(model, 1)),
        "encode": partial(encode, model, images(model, 1)),
        "log_prob": partial(log_prob, model, images(model, 1)),
    }
    bad = {f"{name}(no_such_option=1)": partial(calls[name], no_such_option=1) for name in model.capabilities()}
    refused(
        "Options that a hook does not declare are refused.",
        bad,
        change="Declare options keyword-only, not as **kwargs.",
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
    calls = {_of("decode", what, bad): partial(model.decode, bad, condition=condition) for what, bad in wrong.items()}
    refused("Wrong latents are refused.", calls)


def check_grey_refused(model: Model) -> None:
    """The log_prob of a model of binary pixels refuses grey ones, whose probability would be 0."""
    white = torch.ones(2, *model.image_shape)
    nearly = white.clone()
    nearly.view(-1)[0] = 0.99
    wrong = {"grey images": 0.5 * white, "one pixel of 0.99": nearly}
    condition = same_condition(model)
    calls = {
        _of("log_prob", what, bad): partial(model.log_prob, bad, condition=condition) for what, bad in wrong.items()
    }
    refused("A probability of binary pixels is one of 0 and 1 only.", calls)


def check_wrong_images_refused(model: Model) -> None:
    """encode and log_prob refuse images of wrong type, dtype, shape or range, NaN and empty batches; and such vectors,
    whose range is theirs."""
    x = images(model, 2)
    nan = x.clone()
    nan.view(-1)[0] = float("nan")
    wrong = {
        "NaN": nan, "integers": (255 * x).long(), "no batch dimension": x[0], "an empty batch": x[:0],
        "a list": x.tolist(), "too wide ones": torch.cat([x, x], dim=-1),
    }  # fmt: skip
    if not model.vectors:
        wrong |= {"pixels below 0": x - 1, "pixels up to 255": 255 * x, "pixels of 1.01": x - x.max() + 1.01}
    condition = same_condition(model)
    for name in sorted({"encode", "log_prob"} & model.capabilities()):
        method = getattr(model, name)
        calls = {_of(name, what, bad): partial(method, bad, condition=condition) for what, bad in wrong.items()}
        refused("Wrong images are refused, never rescaled.", calls)


def _of(method: str, what: str, bad: Any) -> str:
    return f"{method} of {what}{f', {told(bad)},' if isinstance(bad, torch.Tensor) else ''}"


def refused(promise: str, calls: Mapping[str, Callable[[], Any]], change: str = KEEP_CHECKING) -> None:
    """Raise ContractError unless each of `calls`, by what it is, raises InvalidInput or UnknownName."""
    for name, call in calls.items():
        try:
            call()
            seen = "was accepted"
        except (InvalidInput, UnknownName):
            continue
        except Exception as error:
            seen = f"raised {type(error).__name__} ({error})"
        raise ContractError(f"{promise} {name} {seen} instead of raising InvalidInput or UnknownName. {change}")

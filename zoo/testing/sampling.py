"""Checks of generate and decode: shapes, range, seeds, conditions and refused arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from zoo.errors import InvalidInput, UnknownName
from zoo.model import Model
from zoo.testing.contract import (
    SAME_IMAGE,
    ContractError,
    decode,
    encode,
    expect,
    gap,
    generate,
    images,
    in_range,
    latents,
    log_prob,
)

KEEP_CHECKING = "Leave the checking to Model's public methods and override the private hooks only."


def check_image_shapes(model: Model) -> None:
    """generate and decode return floats (n, *image_shape) in the model's dtype, on its device."""
    made = _made(model, 3)
    if {"encode", "decode"} <= model.capabilities():
        z = encode(model, images(model, 3))
        if tuple(z.shape) == (3, *model.latent_shape):  # otherwise check_latent_shape speaks
            made["decode(encode(x))"] = decode(model, z)
    expected = (3, *model.image_shape)
    for name, got in made.items():
        sound = tuple(got.shape) == expected and got.dtype == model.dtype and got.device == model.device
        expect(
            sound,
            "Images have the declared shape and the model's dtype and device.",
            f"{name} gave {got.dtype} {tuple(got.shape)} on {got.device}, "
            f"not {model.dtype} {expected} on {model.device}.",
            "Correct the hook's output, or image_shape.",
        )


def check_image_range(model: Model) -> None:
    """generate and decode return finite pixels in [0, 1], or finite vectors, at any temperature."""
    promise, change = "Pixels are finite and in [0, 1].", "Map the network's range inside the hook, as in (x + 1) / 2."
    if model.vectors:
        promise, change = "Vectors are finite.", "Bound the scales of the layers."
    made = _made(model, 3)
    made |= {f"generate(temperature={t})": generate(model, 3, temperature=t) for t in (0.0, 1.5)}
    for name, got in made.items():
        low, high = got.min().item(), got.max().item()
        expect(in_range(model, got), promise, f"{name} gave {low:.6g} … {high:.6g}.", change)


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
        seen = f"generate(4, seed=5) and {name} differ by up to {largest:.3g}."
        change = "Draw from `noise` only, and let no sample's computation depend on the others in its batch."
        expect(largest <= SAME_IMAGE, promise, seen, change)


def check_seeds_differ(model: Model) -> None:
    """Different seeds, and different samples of a seed, give different images."""
    promise = "Different seeds and samples give different images."
    condition = 0 if model.classes else None
    one, other = (generate(model, 2, seed=seed, condition=condition) for seed in (0, 1))
    change = "Use `noise`: all of it, for every sample."
    expect(not torch.equal(one, other), promise, "Seeds 0 and 1 gave equal images.", change)
    expect(not torch.equal(one[0], one[1]), promise, "Samples 0 and 1 of a seed are equal.", change)


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
        seen = f"condition={last} and condition={what} differ by up to {largest:.3g}."
        expect(largest <= SAME_IMAGE, promise, seen, "Leave the reading of labels to Model.check_condition.")


def check_labels_matter(model: Model) -> None:
    """Different labels give different images from the same latents."""
    first, second = (generate(model, 1, condition=label) for label in (0, 1))
    expect(
        not torch.equal(first, second),
        "Different labels give different images.",
        f"Labels {model.classes[0]!r} and {model.classes[1]!r} with one seed gave equal images.",
        "Use the hook's `condition`, class indices of shape (n,).",
    )


def check_unknown_labels_refused(model: Model) -> None:
    """Labels the model does not know, too many of them and missing ones are refused; all of them, if it knows none."""
    bad: list[Any] = ["no such class", len(model.classes), -1, 0.5, True, [0, 1], torch.tensor([0.0])]
    calls = {f"condition={label!r}": partial(generate, model, 1, condition=label) for label in bad}
    if model.classes and "decode" in model.capabilities():
        calls["decode without a condition"] = partial(model.decode, latents(model, 1))
    _refused("Labels that the model does not know are refused.", calls)


def check_wrong_arguments_refused(model: Model) -> None:
    """Counts below 1, bad seeds and bad temperatures are refused."""
    wrong: list[dict[str, Any]] = [
        {"n": 0}, {"n": -1}, {"n": 1.0}, {"n": True}, {"seed": -1}, {"seed": 0.5}, {"seed": "0"}, {"batch_size": 0},
        {"temperature": -1.0}, {"temperature": float("nan")}, {"temperature": "hot"},
    ]  # fmt: skip
    calls = {f"generate({w})": partial(generate, model, **{"n": 1, **w}) for w in wrong}
    _refused("Arguments out of range are refused.", calls)


def check_undeclared_options_refused(model: Model) -> None:
    """Options that a hook does not declare are refused."""
    calls: dict[str, Callable[..., Any]] = {
        "generate": partial(generate, model, 1),
        "decode": partial(decode, model, latents(model, 1)),
        "encode": partial(encode, model, images(model, 1)),
        "log_prob": partial(log_prob, model, images(model, 1)),
    }
    bad = {f"{name}(no_such_option=1)": partial(calls[name], no_such_option=1) for name in model.capabilities()}
    _refused(
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
    condition = 0 if model.classes else None
    calls = {f"decode of {what}": partial(model.decode, bad, condition=condition) for what, bad in wrong.items()}
    _refused("Wrong latents are refused.", calls)


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
    condition = 0 if model.classes else None
    for name in sorted({"encode", "log_prob"} & model.capabilities()):
        method = getattr(model, name)
        calls = {f"{name} of {what}": partial(method, bad, condition=condition) for what, bad in wrong.items()}
        _refused("Wrong images are refused, never rescaled.", calls)


def _made(model: Model, n: int) -> dict[str, torch.Tensor]:
    made = {"generate": generate(model, n)}
    if "decode" in model.capabilities():
        made["decode"] = decode(model, latents(model, n))
    return made


def _refused(promise: str, calls: Mapping[str, Callable[[], Any]], change: str = KEEP_CHECKING) -> None:
    for name, call in calls.items():
        try:
            call()
            seen = "was accepted"
        except (InvalidInput, UnknownName):
            continue
        except Exception as error:
            seen = f"raised {type(error).__name__} ({error})"
        raise ContractError(f"{promise} {name} {seen} instead of raising InvalidInput or UnknownName. {change}")

"""Checks of how a model computes: on its arguments' device, in eval mode, without the global random state."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

from zoo.conditions import Texts
from zoo.errors import ContractError
from zoo.model import Model
from zoo.noise import Noise
from zoo.testing.contract import (
    Check,
    described,
    expect,
    first_line,
)
from zoo.testing.examples import (
    conditions,
    generate,
    latents,
    quick,
    repeatable,
    results,
    samples,
    sources,
)


def checks(model: Model) -> Iterator[Check]:
    """Those of every model."""
    yield check_eval_mode
    yield check_global_rng
    yield check_defaults
    yield check_device


def check_defaults(model: Model) -> None:
    """Public methods give the same whatever torch's default type and default device are."""
    usual = repeatable(model, 2)
    for what, ambient in (("float64 as default type", _default_type), ("meta as default device", _default_device)):
        try:
            with ambient():
                got = results(model, 2)
        except Exception as error:
            got, seen = {}, f"{type(error).__name__}: {first_line(error)}"
        else:
            kept = {name: value for name, value in got.items() if not value.is_meta}
            other = [name for name, value in usual.items() if not _alike(kept.get(name), value)]
            seen = f"another result of {', '.join(other)}." if other else ""
        expect(
            not seen,
            "Results do not depend on torch's default type and device.",
            f"With {what} came {seen}",
            "Make new tensors with dtype= and device= of an argument, and draw from the hook's `noise`.",
        )


def _alike(got: torch.Tensor | None, expected: torch.Tensor) -> bool:
    return got is not None and got.dtype == expected.dtype and torch.equal(got, expected)


@contextmanager
def _default_type() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _default_device() -> AbstractContextManager[Any]:
    return torch.device("meta")


def check_device(model: Model) -> None:
    """Hooks compute where their arguments are. They are run on the meta device, whose tensors mix with no other's."""
    promise = "Hooks compute on the device of their arguments."
    change = "Make new tensors with device= of an argument, register constants with register_buffer, and take nothing "
    change += "to the CPU on the way."
    with torch.device("meta"):
        copied = type(model)(model.config).eval()
    # Single whole numbers, such as a stage that has been reached, are what hooks decide by; they keep their values, and
    # mix with tensors of any device.
    for name, buffer in model.named_buffers():
        if not buffer.ndim and not buffer.is_floating_point():
            owner, _, last = name.rpartition(".")
            setattr(copied.get_submodule(owner), last, buffer.detach().cpu().clone())
    noise = Noise(0, 0, 2, device="meta")
    x, z = samples(model, 2).to("meta"), latents(model, 2).to("meta")
    given = torch.zeros(2, model.condition.dim) if isinstance(model.condition, Texts) else conditions(model, 2)
    condition = None if given is None else model.condition.parse(given, 2).to("meta")
    calls: dict[str, tuple[Any, ...]] = {
        "generate": (noise, condition, 1.0),
        "decode": (z, condition),
        "encode": (x, condition, noise),
        "log_prob": (x, condition, noise),
    }
    calls["classify"] = (x, noise)
    if "translate" in model.capabilities():
        calls["translate"] = (sources(model, 2).to("meta"), noise, 1.0)
    if isinstance(model.condition, Texts):
        calls["embed"] = (torch.zeros(2, model.condition.longest, dtype=torch.int64, device="meta"),)
    for name in sorted(calls.keys() & (model.capabilities() | {"embed"})):
        hook = getattr(copied, f"_{name}")
        try:
            # There is no autocast of the meta device, and nothing to cast on it.
            with torch.inference_mode(), mock.patch.object(torch, "autocast", _nothing):
                got = hook(*calls[name], **quick(hook))
        except Exception as error:
            # A hook that looks at values cannot run without any: nothing is learnt of its device then.
            if "device" not in str(error) and "no data" not in str(error):
                continue
            raise ContractError(f"{promise} _{name} raised: {first_line(error)} {change}") from error
        expect(
            got.is_meta, promise, f"Given tensors elsewhere, _{name} returned {described(got)} on {got.device}.", change
        )


def _nothing(*arguments: Any, **keywords: Any) -> AbstractContextManager[None]:
    return nullcontext()


def check_eval_mode(model: Model) -> None:
    """Public methods of a model in eval mode run all of it in eval mode, leave every buffer alone and put every
    module's mode back; so does generate in train mode."""
    copied = copy.deepcopy(model).train()
    copied.training = False  # in train mode itself, its methods would be plain functions
    _watched(copied, results)
    if "generate" in model.capabilities():
        _watched(copy.deepcopy(model).train(), lambda copied: generate(copied, 3))


def _watched(copied: Model, use: Callable[[Model], Any]) -> None:
    """Raise ContractError if a module of `copied` runs in training mode while it is used, or is not afterwards as it
    was."""
    promise = "Public methods run in eval mode and leave the model as it was."
    modes = {name: module.training for name, module in copied.named_modules()}
    buffers = {name: buffer.clone() for name, buffer in copied.named_buffers()}
    training: list[str] = []

    def watch(name: str) -> Any:
        def note(module: nn.Module, args: Any) -> None:
            if module.training:
                training.append(f"{name} ({type(module).__name__})")

        return note

    for name, module in copied.named_modules():
        module.register_forward_pre_hook(watch(name))
    use(copied)
    change = "Do not call or override train() and eval()."
    expect(not training, promise, f"In training mode ran: {', '.join(dict.fromkeys(training))}.", change)
    changed = [name for name, module in copied.named_modules() if module.training != modes[name]]
    expect(not changed, promise, f"The mode of {', '.join(n or 'the model' for n in changed)} was changed.", change)
    touched = [name for name, buffer in copied.named_buffers() if not torch.equal(buffer, buffers[name])]
    change = "Change buffers while training only, in the Objective or a layer in training mode."
    expect(not touched, promise, f"The buffers {', '.join(touched)} were changed.", change)


def check_global_rng(model: Model) -> None:
    """Public methods leave the global random state of torch, numpy and Python alone."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        # Somewhere along its sequence, where seeding again with any number cannot lead.
        torch.rand(1), np.random.random(), random.random()
        before = _random_state(model)
        results(model)
        after = _random_state(model)
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
    touched = [name for name in before if before[name] != after[name]]
    expect(
        not touched,
        "The global random state is never touched.",
        f"After {', '.join(sorted(model.capabilities()))} that of {' and '.join(touched)} was another.",
        "Draw from the hook's `noise` argument instead.",
    )


def _random_state(model: Model) -> dict[str, Any]:
    algorithm, key, position, *_ = np.random.get_state()
    state = {
        "torch": torch.get_rng_state().tolist(),
        "numpy.random": (algorithm, np.asarray(key).tolist(), position),
        "random": random.getstate(),
    }
    if model.device.type == "cuda":
        state["torch.cuda"] = torch.cuda.get_rng_state(model.device).tolist()
    return state

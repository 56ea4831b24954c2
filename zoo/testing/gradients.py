"""Checks of gradients: to what goes in, as loaded, and to every parameter that counts, in train mode."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from zoo.conditions import Texts
from zoo.model import Model
from zoo.noise import put_back
from zoo.testing.contract import SAME_NATS, Check, expect, gap
from zoo.testing.examples import calls, conditions, samples

# Decoding comes last: a flow may have to invert itself value by value, and keep all of that for the way back.
METHODS = ("encode", "log_prob", "translate", "classify", "decode")


def checks(model: Model) -> Iterator[Check]:
    """Those of a model with a method that takes floats."""
    if _methods(model):
        yield check_gradients_to_inputs
        yield check_gradients_to_parameters


def check_gradients_to_inputs(model: Model) -> None:
    """In eval mode gradients flow to an input that requires them, and the result is the same as without."""
    promise = "In eval mode gradients flow to inputs that require them, and change no result."
    copied = copy.deepcopy(model).requires_grad_(False)
    for name in _methods(model):
        call, batch = _calls(copied, 2)[name]
        x = batch.to(model.device, model.dtype, copy=True).requires_grad_()
        got, plain = call(x), call(batch)
        gradient = _gradient(got, x)
        flows = gradient is not None and bool(gradient.isfinite().all() and gradient.any())
        seen = f"{name} gave {'none' if gradient is None else 'one that is 0 or not finite'} to its input."
        expect(flows, promise, seen, "Remove a detach(), no_grad() or round() on the way.")
        if not torch.equal(plain, call(batch)):
            continue  # other checks speak of what is drawn
        moved = gap(got.detach(), plain, relative=True) if got.shape == plain.shape else float("inf")
        seen = f"{name} moved by up to {moved:.3g} of 1 + |value| when its input required a gradient."
        expect(moved <= SAME_NATS, promise, seen, "Compute the same whether gradients are wanted or not.")


def check_gradients_to_parameters(model: Model) -> None:
    """In train mode what methods return carries gradients to every parameter that it depends on."""
    copied = copy.deepcopy(model).train()
    parameters = {name: p for name, p in copied.named_parameters() if p.requires_grad}
    reached: set[str] = set()
    for name in _methods(model):
        if not any(_matters(model, key) for key in parameters.keys() - reached):
            break
        call, batch = _calls(copied, 4)[name]
        # Dropout draws from the global state, which is put back.
        with put_back(model.device):
            got = call(batch)
        if got.requires_grad:
            found = torch.autograd.grad(got.sum(), list(parameters.values()), allow_unused=True)
            reached |= {key for key, gradient in zip(parameters, found, strict=True) if gradient is not None}
    missing = [name for name in parameters if name not in reached and _matters(model, name)]
    expect(
        not missing,
        "In train mode methods are differentiable by every parameter that they depend on.",
        f"No gradient of {', '.join(_methods(model))} reached {', '.join(missing[:8])}.",
        "Remove a detach() or no_grad() on the way, or derive what is computed from parameters in the hook itself.",
    )


def _methods(model: Model) -> list[str]:
    """The methods with gradients: none of searches, whose steps are taken without, nor of whole numbers."""
    able = model.capabilities() - (set() if model.encodes_by == "network" else {"encode"})
    able -= set() if samples(model, 1).is_floating_point() else {"decode", "translate"}
    found = calls(model, 1)
    return [name for name in METHODS if name in able and found[name][1].is_floating_point()]


def _calls(model: Model, n: int) -> dict[str, tuple[Callable[..., Tensor], Tensor]]:
    """`calls`, with texts embedded: what embeds them is no part of the methods."""
    found = calls(model, n)
    if not isinstance(model.condition, Texts):
        return found
    given = model.embed(conditions(model, n)).clone()
    conditional = found.keys() & {"decode", "encode", "log_prob"}
    return found | {name: (partial(found[name][0], condition=given), found[name][1]) for name in conditional}


def _gradient(got: Tensor, x: Tensor) -> Tensor | None:
    if not got.requires_grad:
        return None
    # Of a sum of different weights: that of probabilities alone is 1 whatever comes.
    weights = torch.linspace(1, 2, got.numel(), device=got.device, dtype=got.dtype).view(got.shape)
    (gradient,) = torch.autograd.grad((weights * got).sum(), [x], allow_unused=True)
    return gradient


def _matters(model: Model, name: str) -> bool:
    """Whether a result of the methods changes with a parameter."""
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    found = {method: _calls(copied, 2)[method] for method in _methods(model)}
    before = {method: call(batch) for method, (call, batch) in found.items()}
    parameter: nn.Parameter = dict(copied.named_parameters())[name]
    parameter.add_(0.1 + parameter.abs())
    return any(not torch.equal(call(batch), before[method]) for method, (call, batch) in found.items())

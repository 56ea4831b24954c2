"""Checks of `model(z)`: it is decode, and can be compiled and exported."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from zoo.conditions import Texts
from zoo.errors import ContractError
from zoo.model import Model
from zoo.testing.contract import SAME_IMAGE, Check, described, expect, first_line, gap
from zoo.testing.examples import conditions, latents, repeatable, results, sources

# A graph is a matter of the architecture and not of its size: larger models, which take long, are taken on trust.
LARGEST = 20_000  # parameters


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that decodes or translates."""
    if model.capabilities() & {"decode", "translate"}:
        yield check_forward
        # A flow inverts itself in as many steps as there are dimensions, which unroll into graphs of thousands.
        if model.log_prob_kind != "exact" and sum(parameter.numel() for parameter in model.parameters()) <= LARGEST:
            yield check_compile
            yield check_export


def check_forward(model: Model) -> None:
    """model(z) is what decode gives, or model(x) what translate gives."""
    given = _given(model, 2)
    with torch.no_grad(), model.evaluating() as evaluated:
        got = evaluated(*given)
    decodes = "decode" in model.capabilities()
    # At the options' default values, which those of forward are.
    condition = given[1] if isinstance(model.condition, Texts) else conditions(model, 2)
    usual = model.decode(given[0], condition=condition) if decodes else model.translate(given[0], temperature=0.0)
    largest = gap(got, usual, relative=True) if got.shape == usual.shape else float("inf")
    expect(
        largest <= SAME_IMAGE,
        "model(z) decodes, or model(x) translates where there is no decode.",
        f"It gave {described(got)}, the public method {described(usual)}, which differs by up to {largest:.3g}.",
        "Leave forward to Model.",
    )


def check_compile(model: Model) -> None:
    """torch.compile traces model(z), and gives what it gives; public methods give what they gave before `compile`."""
    copied = copy.deepcopy(model).eval()
    torch._dynamo.reset()
    _agrees(copied, torch.compile(copied, backend="eager", fullgraph=True), "torch.compile", (3,))
    usual = repeatable(copied, 2)
    copied.compile(backend="eager")
    got = results(copied, 2)
    gaps = {name: gap(got[name], value, relative=True) for name, value in usual.items()}
    torch._dynamo.reset()
    expect(
        max(gaps.values(), default=0.0) <= SAME_IMAGE,
        "What a model computes does not change by compile().",
        f"Results differ by up to {', '.join(f'{gap:.3g} ({name})' for name, gap in gaps.items())}.",
        CHANGE + " What takes no such thing leave out of `compiled`.",
    )


def check_export(model: Model) -> None:
    """torch.export of model(z) with a batch of any size gives what model(z) gives, for batches of 1 and 5."""
    copied = copy.deepcopy(model).eval()
    given = _given(copied, 3)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = tuple({0: torch.export.Dim.DYNAMIC} for _ in given)
            exported = torch.export.export(copied, given, dynamic_shapes=rows, strict=False).module()
    except Exception as error:
        raise ContractError(f"torch.export takes model(z). It raised: {first_line(error)} {CHANGE}") from error
    _agrees(copied, exported, "torch.export", (1, 5))


CHANGE = "Ask tensors for no values (int(x), if x > 0) in the forward pass, and take sizes from x.shape, not len(x)."


def _agrees(model: Model, other: Callable[..., Tensor], what: str, sizes: tuple[int, ...]) -> None:
    for n in sizes:
        given = _given(model, n)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = model(*given)
            try:
                got = other(*given)
            except Exception as error:
                raise ContractError(f"{what} takes model(z). Of {n} rows: {first_line(error)} {CHANGE}") from error
        largest = gap(got, expected, relative=True) if got.shape == expected.shape else float("inf")
        seen = f"Of {n} rows came {described(got)}, which differs from {described(expected)} by up to {largest:.3g}."
        expect(largest <= SAME_IMAGE, f"{what} of model(z) gives what model(z) gives.", seen, CHANGE)


def _given(model: Model, n: int) -> tuple[Tensor, ...]:
    """What `model(…)` is called with: latents and, if there is one, a condition that has been read; or images."""
    if "decode" not in model.capabilities():
        given = sources(model, n).to(model.device)
        return (given.to(model.dtype) if given.is_floating_point() else given,)
    z, example = latents(model, n).to(model.device, model.dtype), conditions(model, n)
    if isinstance(model.condition, Texts):
        example = model.embed(example).detach()
    rows = model.check_condition(example, n)
    return (z,) if rows is None else (z, rows)

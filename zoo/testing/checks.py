"""Which promises a model has to keep: the checks, chosen by what it claims to be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from zoo.model import Model
from zoo.testing import (
    binary,
    decode,
    encode,
    execution,
    generate,
    labels,
    log_prob,
    sources,
    structure,
    texts,
    training,
)
from zoo.testing.contract import Check

CAPABILITIES: Mapping[str, Callable[[Model], Iterator[Check]]] = {
    "generate": generate.checks,
    "decode": decode.checks,
    "encode": encode.checks,
    "log_prob": log_prob.checks,
}


def checks_for(model: Model) -> Iterator[Check]:
    """The checks that apply to `model`, most basic first. Each takes the model, leaves it as it was, and raises
    ContractError where a promise is broken."""
    can = model.capabilities()
    yield from structure.checks(model)
    for name, checks in CAPABILITIES.items():
        if name in can:
            yield from checks(model)
    if model.binary:
        yield from binary.checks(model)
    if model.source_channels:
        yield from sources.checks(model)
    elif model.text_shape:
        yield from texts.checks(model)
    else:
        yield from labels.checks(model)
    yield from execution.checks(model)
    if hasattr(model, "objective_class"):
        yield from training.checks(model)

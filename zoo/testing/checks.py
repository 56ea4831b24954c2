"""Which promises a model has to keep: the checks, chosen by what it claims to be able to do.

What stands in the registry for a model's capabilities, its space and its condition, built in or a plugin's, says where
their checks are.
"""

from __future__ import annotations

from collections.abc import Iterator

from zoo import registry
from zoo.model import Model
from zoo.registry.plugins import resolve
from zoo.testing import compiled, execution, gradients, labels, structure, training
from zoo.testing.contract import Check


def checks_for(model: Model) -> Iterator[Check]:
    """The checks that apply to `model`, most basic first. Each takes the model, leaves it as it was, and raises
    ContractError where a promise is broken."""
    yield from structure.checks(model)
    kinds = {
        "capabilities": model.capabilities(),
        "spaces": {model.space.name},
        "conditions": {model.condition.name},
    }
    for what, names in kinds.items():
        for entry in registry.registry().of(what):
            if entry.checks and entry.name in names:
                yield from resolve(entry.checks)(model)
    if model.condition.name is None:
        yield from labels.checks(model)
    yield from execution.checks(model)
    yield from gradients.checks(model)
    yield from compiled.checks(model)
    if hasattr(model, "objective_class"):
        yield from training.checks(model)

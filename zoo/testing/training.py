"""Checks of a model's Objective: what it yields, and that gradients reach every parameter that is trained."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from zoo.conditions import Images, Texts
from zoo.model import Model
from zoo.noise import put_back, seed_generators
from zoo.objective import Batch
from zoo.testing.contract import (
    Check,
    described,
    expect,
    listed,
)
from zoo.testing.examples import classes, conditions, samples, sources

# A layer that starts at zero passes no gradient on before its first update, so a single batch would not tell.
BATCHES, BATCH_SIZE = 3, 4


@dataclass
class Run:
    """What a few batches of training showed."""

    networks: set[str] = field(default_factory=set)  # named by optimizers()
    losses: dict[str, list[Tensor]] = field(default_factory=dict)  # as yielded, by network
    parameters: dict[str, torch.nn.Parameter] = field(default_factory=dict)  # of the objective, the model's included
    reached: set[str] = field(default_factory=set)  # those with a gradient that is not zero
    touched: set[str] = field(default_factory=set)  # those with any gradient
    optimised: set[str] = field(default_factory=set)  # those that an optimizer holds


def checks(model: Model) -> Iterator[Check]:
    """Those of a model that can be trained."""
    if model.trainable:
        yield check_objective
        yield check_gradients


def check_objective(model: Model) -> None:
    """The Objective yields finite scalar losses, and updates exactly the networks it has optimizers for."""
    run = _train(model, 1)
    yielded = set(run.losses)
    expect(
        yielded == run.networks,
        "An Objective updates the networks it names.",
        f"optimizers() names {sorted(run.networks)}, updates() yields {sorted(yielded)}.",
        "Yield (name, loss) once or more for each name of optimizers(), and no other.",
    )
    for name, losses in run.losses.items():
        for loss in losses:
            expect(
                loss.ndim == 0 and math.isfinite(loss.item()),
                "Losses are finite scalars.",
                f"{name} yielded {described(loss)}: {listed(loss)}.",
                "Take the mean over the batch, and keep logarithms and divisions away from 0.",
            )


def check_gradients(model: Model) -> None:
    """Training reaches every parameter: those that are released, and those of critics and the like."""
    run = _train(model, BATCHES)
    # A norm takes a bias before it away, and a difference of a critic's outputs its last: their gradients are zero.
    constant = {name for name in run.touched if not name.startswith("model.") and name.endswith("bias")}
    wanted = {name: tuple(parameter.shape) for name, parameter in run.parameters.items() if parameter.requires_grad}
    change = (
        "Remove a detach() or no_grad() on its way to the loss, give it to an optimizer, freeze it with "
        "requires_grad_(False), or drop it."
    )
    missing = sorted(wanted.keys() - run.reached - constant)
    shown = [
        f"{name.removeprefix('model.')} {wanted[name]}, "
        f"{'without gradient' if name in run.optimised else 'in no optimizer'}"
        for name in missing[:8]
    ]
    expect(
        not missing,
        "Gradients reach every parameter of the model and of its objective.",
        f"In {BATCHES} batches of each phase none reached {'; '.join(shown)}{' …' if len(missing) > 8 else ''}.",
        change,
    )


def _train(model: Model, batches: int) -> Run:
    """Train a copy of the model on a few random batches, as the loop would."""
    run, copied = Run(), copy.deepcopy(model)
    with put_back(model.device):
        seed_generators(0, model.device)
        arguments = model.recipe.objective if hasattr(model, "recipe") else {}
        objective = model.objective_class.create(copied, **arguments).to(model.device).train()
        optimizers = objective.optimizers()
        run.networks = set(optimizers)
        run.parameters = dict(objective.named_parameters())
        held = {id(p) for o in optimizers.values() for group in o.param_groups for p in group["params"]}
        run.optimised = {name for name, p in run.parameters.items() if id(p) in held}
        for step in [start + i for start in objective.phases for i in range(batches)]:
            objective.step, batch = step, _batch(model, step)
            for name, loss in objective.updates(batch):
                run.losses.setdefault(name, []).append(loss.detach())
                if name in optimizers:
                    _update(optimizers[name], loss.mean())  # check_objective speaks of losses that are no scalars
                    gradients = {key: p.grad for key, p in run.parameters.items() if p.grad is not None}
                    run.touched |= gradients.keys()
                    run.reached |= {key for key, gradient in gradients.items() if gradient.any()}
    return run


def _batch(model: Model, number: int) -> Batch:
    # A model that is trained on single images has costly ones.
    n = min(BATCH_SIZE, model.recipe.batch_size) if hasattr(model, "recipe") else BATCH_SIZE
    x = samples(model, n, stream=f"batch {number}").to(model.device)
    x = x.to(model.dtype) if x.is_floating_point() else x
    labels = torch.tensor(conditions(model, n), device=model.device) if classes(model) else None
    translates = isinstance(model.condition, Images) or model.condition.space is not None
    given = sources(model, n, trained=True, stream=f"sources {number}").to(model.device) if translates else None
    given = given.to(x) if given is not None and given.is_floating_point() else given
    captions = tuple((text,) for text in conditions(model, n)) if isinstance(model.condition, Texts) else ()
    return Batch(x, labels, given, captions)


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    inputs = [p for group in optimizer.param_groups for p in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    loss.backward(inputs=inputs)  # type: ignore[no-untyped-call]
    optimizer.step()

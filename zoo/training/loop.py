"""The one training loop, on Lightning Fabric: device, precision and processes are Fabric's, everything else is here.

A run is a function of (recipe, data): the batch and all noise of step k follow from the recipe's seed, k and the
process's rank, so a run that is interrupted and resumed continues bit for bit. Under `torchrun` every process computes
its share of each batch and the gradients are averaged; the checkpoint is the first process's, and what an objective
remembers for itself, such as generated images, all go on with what that one remembered.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from zoo.data.dataset import Dataset
from zoo.errors import ConfigError, DataError, MissingExtra, ShortRun, TrainingError, nearest, outside
from zoo.model import Model
from zoo.objective import Batch, Objective
from zoo.recipe import Recipe
from zoo.reports.pictures import snapshot
from zoo.training import checkpoint
from zoo.training.monitor import Monitor
from zoo.training.progress import Progress, Step

try:
    from lightning_fabric import Fabric
    from timm.utils.model_ema import ModelEmaV3
except ImportError as error:
    raise MissingExtra(f"training needs {error.name}. Install it with: pip install 'generative-zoo[train]'") from error

T = TypeVar("T")


def fit(
    make_model: Callable[[], Model],
    data: Dataset,
    recipe: Recipe,
    folder: Path,
    *,
    accelerator: str = "auto",
    resume: bool = False,
    until: int | None = None,
    log_every: int = 50,
    sample_every: int = 1000,
    checkpoint_every: int = 1000,
) -> Model:
    """Train and return the model to release (the moving average when the recipe has one), in eval mode.

    folder: where log.jsonl, checkpoint.safetensors and samples/ go. resume: go on from the checkpoint there. until:
    stop after this step instead of recipe.steps, to be resumed later. Every `sample_every` steps, and at the last, the
    model is sampled from; of an adversarial objective (`Objective.outputs`) the log also says what it then covers of
    the data. A run whose learning rate is constant can be resumed with more steps than it was begun with, and is then
    as if it had been begun with these. Raises TrainingError when a loss is not finite (the last checkpoint stays), when
    there is nothing to resume, when the checkpoint is beyond recipe.steps, or when the batch cannot be shared out
    evenly, ConfigError for arguments that the model's Objective does not have, and DataError when the model is
    conditioned on images or texts that the data do not have. Warns (ShortRun) when the run ends before the last of
    the objective's phases.
    """
    precision: Any = recipe.precision
    try:
        fabric = Fabric(accelerator=accelerator, precision=precision, **_processes())
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"accelerator {accelerator!r} cannot be used here: {error} Try cpu.") from error
    fabric.launch()
    if recipe.batch_size % fabric.world_size:
        raise TrainingError(
            f"batch_size={recipe.batch_size} cannot be shared evenly by {fabric.world_size} processes. Change either."
        )
    devices = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        # Every process starts from the same weights.
        torch.manual_seed(recipe.seed)
        model = make_model()
        objective: Objective = _fitting(recipe, model, lambda: model.objective_class(model, **recipe.objective))
        _check_conditions(model, objective, data)
        if recipe.steps <= (last := objective.phases[-1]) and fabric.is_global_zero:
            warnings.warn(
                f"steps={recipe.steps}, but the last phase of this training begins at step {last}. Set more "
                "steps, or shorten the phases before it by options of the objective.",
                ShortRun,
                stacklevel=outside(),
            )
        objective.to(fabric.device).train()
        if recipe.channels_last:
            objective.to(memory_format=torch.channels_last)
        optimizers = _fitting(recipe, model, objective.optimizers)
        ema = ModelEmaV3(model, decay=recipe.ema, use_warmup=True) if recipe.ema else None
        parts = {"objective": objective, **({"ema": ema.module} if ema else {})}
        path = folder / "checkpoint.safetensors"
        settings = {"config": dataclasses.asdict(model.config), **dataclasses.asdict(recipe)}
        del settings["storage"]  # comes after the run
        if recipe.schedule == "constant":
            del settings["steps"]  # nothing of a step depends on how many there are, so that a run can be made longer
        first = checkpoint.load(path, settings, parts, optimizers) if resume else 0
        if first > recipe.steps:
            raise TrainingError(f"{path} is already at step {first}, beyond steps={recipe.steps}. Resume with more.")
        released = ema.module if ema else model
        share = {"rank": fabric.global_rank, "world": fabric.world_size}
        log = Progress(folder / "log.jsonl", first, recipe.steps, enabled=fabric.is_global_zero, kind=objective.outputs)
        # Of other models samples may cost too much: an autoregressive one draws pixel by pixel.
        watched = objective.outputs and not model.source_channels and fabric.is_global_zero
        monitor = Monitor(data) if watched else None
        with log:
            for step in range(first, min(until or recipe.steps, recipe.steps)):
                torch.manual_seed(_step_seed(recipe.seed, step, fabric.global_rank))
                _set_learning_rates(optimizers, recipe.learning_rate_factor(step))
                batch = data.batch(step, recipe.batch_size, seed=recipe.seed, flip=recipe.flip, **share)
                batch = _place(batch, fabric.device, recipe)
                done, told, objective.observed = step + 1, Step(), {}
                objective.step = step
                try:
                    _update(fabric, objective, optimizers, batch, recipe.clip, done, told)
                except TrainingError:
                    log.add(done, told, flush=True)
                    raise
                told.outputs = objective.observed
                if ema:
                    ema.update(model, step=done)
                if fabric.is_global_zero and (done % checkpoint_every == 0 or done in (until, recipe.steps)):
                    checkpoint.save(path, done, settings, parts, optimizers)
                sampled = done % sample_every == 0 or done == recipe.steps
                coverage = monitor.measure(released) if monitor and sampled else None
                log.add(done, told, flush=done % log_every == 0 or sampled, coverage=coverage)
                if fabric.is_global_zero and sampled:
                    picture = folder / "samples" / f"{done:06d}.png"
                    picture.parent.mkdir(parents=True, exist_ok=True)
                    snapshot(released, data).save(picture)
    fabric.barrier()
    return released.eval()


def _update(
    fabric: Fabric,
    objective: Objective,
    optimizers: dict[str, torch.optim.Optimizer],
    batch: Batch,
    clip: float,
    number: int,
    told: Step,
) -> None:
    """One batch: for each (network, loss) that the objective yields, backward and step before the next is computed.
    Fills `told`."""
    updates = objective.updates(batch)
    while True:
        with fabric.autocast():
            update = next(updates, None)
        if update is None:
            return
        name, loss = update
        told.losses[name] = loss.item()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the {name} loss is {told.losses[name]} at step {number}. Train with a lower learning rate or clip=1."
            )
        optimizer = optimizers[name]
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss, inputs=parameters)
        _average_gradients(fabric, parameters)
        told.gradients[name] = _norm([p.grad for p in parameters if p.grad is not None])
        if clip:
            nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()


def _average_gradients(fabric: Fabric, parameters: list[Tensor]) -> None:
    """The mean of the gradients over all processes, in one message. An objective calls its networks as it likes, in and
    out of order, which DistributedDataParallel's hooks on `forward` do not allow."""
    if fabric.world_size == 1:
        return
    # What no process has a gradient for, such as layers yet to grow, keeps none: zeros would be a step to Adam.
    held = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
    there: Any = fabric.all_reduce(held, reduce_op="sum")
    parameters = [p for p, count in zip(parameters, there.tolist(), strict=True) if count]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat: Any = fabric.all_reduce(torch.cat([g.reshape(-1) for g in gradients]), reduce_op="mean")
    for parameter, mean in zip(parameters, flat.split([g.numel() for g in gradients]), strict=True):
        parameter.grad = mean.view_as(parameter)


def _norm(gradients: list[Tensor]) -> float:
    """Of all gradients as one vector."""
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    return float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0


def _fitting(recipe: Recipe, model: Model, make: Callable[[], T]) -> T:
    """What `make` makes of the recipe's objective, or ConfigError when its arguments do not fit the model."""
    known = options(model.objective_class)
    for name in recipe.objective:
        if known and name not in known:
            what = f"recipe: {type(model).__name__}'s objective has no option {name!r}."
            raise ConfigError(f"{what} {nearest(name, known)} Change it with --set objective.NAME=VALUE.")
    try:
        return make()
    except (TypeError, ValueError) as error:
        what = f"recipe: objective {recipe.objective} does not fit {type(model).__name__}: {error}."
        raise ConfigError(f"{what} Change it with --set objective.NAME=VALUE.") from error


def _check_conditions(model: Model, objective: Objective, data: Dataset) -> None:
    """Raise DataError when `model` is to make images from texts and the data have no captions, or from other images and
    the data do not have them, or not in pairs."""
    if model.text_shape and not data.captions:
        name = model.provenance.architecture
        raise DataError(
            f"{data.name} has no captions, which {name} learns from. Choose a data set that has: "
            "--set dataset=captioned-images."
        )
    if not model.source_channels:
        return
    name = model.provenance.architecture
    if data.sources is None:
        raise DataError(
            f"{data.name} has images alone; {name} learns to make them from others. Choose a data set that has both, "
            "such as side-by-side or unpaired-folders: --set dataset=NAME."
        )
    if data.sources.shape[1] != model.source_channels:
        raise DataError(
            f"the sources in {data.name} have {data.sources.shape[1]} channels; {name} is made for "
            f"{model.source_channels}. Change its config, or choose another data set."
        )
    scale = getattr(model, "scale", 1)
    if tuple(scale * side for side in data.sources.shape[2:]) != tuple(data.images.shape[2:]):
        sizes = " and ".join("×".join(map(str, part.shape[:1:-1])) for part in (data.sources, data.images))
        raise DataError(
            f"sources and images in {data.name} have {sizes} pixels; {name} makes images {scale} times as large as "
            "their sources. Choose another data set: --set dataset=NAME."
        )
    if objective.pairs and not data.paired:
        raise DataError(
            f"the images of {data.name} are not in pairs, which {name} learns from. Choose a data set of pairs, such "
            "as side-by-side: --set dataset=NAME."
        )


def options(objective: type) -> set[str]:
    """The options of an objective's class: its constructor's keywords, and its bases' where it hands others on."""
    known: set[str] = set()
    for cls in objective.__mro__:
        if "__init__" in vars(cls):
            parameters = inspect.signature(vars(cls)["__init__"]).parameters.values()
            named = (each for each in parameters if each.kind is each.KEYWORD_ONLY or each.default is not each.empty)
            known |= {each.name for each in named}
            if not any(each.kind is each.VAR_KEYWORD for each in parameters):
                break
    return known


def _place(batch: Batch, device: torch.device, recipe: Recipe) -> Batch:
    layout = torch.channels_last if recipe.channels_last and batch.images.ndim == 4 else torch.contiguous_format
    labels = None if batch.labels is None else batch.labels.to(device)
    sources = None if batch.sources is None else batch.sources.to(device, memory_format=layout)
    return Batch(batch.images.to(device, memory_format=layout), labels, sources, batch.captions)


def _set_learning_rates(optimizers: dict[str, torch.optim.Optimizer], factor: float) -> None:
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = factor * group.setdefault("initial_lr", group["lr"])


def _step_seed(seed: int, step: int, rank: int) -> int:
    """A stream of noise for each seed, step and process: torch's CPU engine uses no more than 32 bits of its seed."""
    return seed * 0x9E3779B1 + rank * 0x85EBCA6B + step & 0xFFFFFFFF


def _processes() -> dict[str, Any]:
    """Fabric's arguments for the processes that torchrun started, or for this one alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return {"devices": 1}
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return {"devices": here, "num_nodes": int(os.environ["WORLD_SIZE"]) // here, "strategy": "ddp"}

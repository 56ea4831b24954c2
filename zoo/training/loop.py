"""The one training loop, on Lightning Fabric: device, precision and processes are Fabric's, everything else is here.

A run is a function of (recipe, data): the batch and all noise of step k follow from the recipe's seed, k and the
process's rank, so a run that is interrupted and resumed continues bit for bit. Under `torchrun` every process computes
its share of each batch and the gradients are averaged; the checkpoint is the first process's, and what an objective
remembers for itself, such as generated images, all go on with what that one remembered.

Losses stay on the device until the log is written or a checkpoint, so that no step waits for the one before.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from zoo.data.dataset import Dataset
from zoo.errors import MissingExtra, ShortRun, TrainingError, outside
from zoo.model import Model
from zoo.objective import Objective
from zoo.recipe import Recipe
from zoo.reports.pictures import snapshot
from zoo.training import checkpoint
from zoo.training.checks import check_conditions, fitting
from zoo.training.monitor import Monitor
from zoo.training.progress import Progress
from zoo.training.run import Run

try:
    from lightning_fabric import Fabric
    from timm.utils.model_ema import ModelEmaV3
except ImportError as error:
    raise MissingExtra(f"training needs {error.name}. Install it with: pip install 'generative-zoo[train]'") from error

CHECKPOINT = "checkpoint.safetensors"  # in the run's folder


def fit(
    make_model: Callable[[], Model],
    data: Dataset,
    recipe: Recipe,
    folder: Path | None = None,
    *,
    progress: bool = False,
    accelerator: str = "auto",
    resume: bool = False,
    until: int | None = None,
    log_every: int = 50,
    sample_every: int = 1000,
    checkpoint_every: int = 1000,
) -> Model:
    """Train and return the model to release (the moving average when the recipe has one), in eval mode.

    folder: where log.jsonl, checkpoint.safetensors and samples/ go; without one nothing is written. progress: whether
    to show a bar. resume: go on from the checkpoint there. until: stop after this step instead of recipe.steps, to be
    resumed later. Every `sample_every` steps, and at the last, the model is sampled from; of an adversarial objective
    (`Objective.outputs`) the log also says what it then covers of the data. A run whose learning rate is constant can
    be resumed with more steps than it was begun with, and is then as if it had been begun with these.

    Raises TrainingError when a loss is not finite, naming its step, as soon as the log or a checkpoint is due (the last
    checkpoint stays), when there is nothing to resume, when the checkpoint is beyond recipe.steps, or when the batch
    cannot be shared out evenly, ConfigError for arguments that the model's Objective does not have, and DataError when
    the data lack what the model is conditioned on. Warns (ShortRun) when the run ends before its last phase begins.
    """
    fabric = _launch(recipe, accelerator)
    with torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []):
        run = _prepare(fabric, make_model, data, recipe)
        first = _resume(run, folder) if resume else 0
        last = recipe.steps if until is None else min(until, recipe.steps)
        output = folder if fabric.is_global_zero else None
        monitor = _monitor(run, data) if output else None
        with _log(run, output, first, show=progress) as log:
            for done in range(first + 1, last + 1):
                _take(run, done, data, log)
                sampled = done % sample_every == 0 or done == recipe.steps
                logged = done % log_every == 0 or sampled
                saved = done % checkpoint_every == 0 or done == last
                if logged or saved:
                    _check_losses(fabric, log)
                if saved and output:
                    checkpoint.save(output / CHECKPOINT, done, run.settings, run.parts, run.optimizers)
                if logged:
                    log.write(monitor.measure(run.released) if monitor and sampled else None)
                if sampled and output:
                    _save_samples(run.released, data, output / "samples" / f"{done:06d}.png")
    fabric.barrier()
    return run.released.eval()


def _launch(recipe: Recipe, accelerator: str) -> Fabric:
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
    return fabric


def _prepare(fabric: Fabric, make_model: Callable[[], Model], data: Dataset, recipe: Recipe) -> Run:
    """Everything that is trained, as it is before the first step: the same in every process."""
    torch.manual_seed(recipe.seed)
    model = make_model()
    objective: Objective[Any] = fitting(recipe, model, lambda: model.objective_class.create(model, **recipe.objective))
    check_conditions(model, objective, data)
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
    optimizers = fitting(recipe, model, objective.optimizers)
    average = ModelEmaV3(model, decay=recipe.ema, use_warmup=True) if recipe.ema else None
    return Run(fabric, recipe, model, objective, optimizers, average)


def _resume(run: Run, folder: Path | None) -> int:
    """Restore the checkpoint in `folder`; returns the step that it was written after."""
    if folder is None:
        raise TrainingError("a run without a folder has no checkpoint to resume from. Pass the folder of the run.")
    first = checkpoint.load(folder / CHECKPOINT, run.settings, run.parts, run.optimizers)
    if first > run.recipe.steps:
        raise TrainingError(
            f"{folder / CHECKPOINT} is already at step {first}, beyond steps={run.recipe.steps}. Resume with more."
        )
    return first


def _log(run: Run, output: Path | None, first: int, *, show: bool) -> Progress:
    show = show and run.fabric.is_global_zero
    return Progress(output and output / "log.jsonl", first, run.recipe.steps, show=show, kind=run.objective.outputs)


def _monitor(run: Run, data: Dataset) -> Monitor | None:
    """Of an adversarial run whose samples need no images of the data to be made."""
    return Monitor(data) if run.objective.outputs and run.model.condition.name != "image" else None


def _take(run: Run, number: int, data: Dataset, log: Progress) -> None:
    try:
        log.add(number, run.step(number - 1, data))
    except Exception:
        log.read()  # a loss that was not finite before is the cause, and is said instead
        raise


def _check_losses(fabric: Fabric, log: Progress) -> None:
    """Raise TrainingError in every process when any has a loss that is not finite: none may write a checkpoint then."""
    failed: TrainingError | None = None
    try:
        log.read()
    except TrainingError as error:
        failed = error
    count: Any = fabric.all_reduce(torch.tensor(float(failed is not None), device=fabric.device), reduce_op="sum")
    if failed:
        raise failed
    if fabric.world_size > 1 and count.item():
        raise TrainingError("a loss of another process is not finite; it says which and at what step.")


def _save_samples(model: Model, data: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    snapshot(model, data).save(path)


def _processes() -> dict[str, Any]:
    """Fabric's arguments for the processes that torchrun started, or for this one alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return {"devices": 1}
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return {"devices": here, "num_nodes": int(os.environ["WORLD_SIZE"]) // here, "strategy": "ddp"}

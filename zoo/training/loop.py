"""The one training loop, on Lightning Fabric: device, precision and processes are Fabric's, everything else is here.

A run is a function of (recipe, data): the batch and all noise of step k follow from the recipe's seed, k and the
process's rank, so a run that is interrupted and resumed continues bit for bit. Under `torchrun` every process computes
its share of each batch and the gradients are averaged; the checkpoint is the first process's, and what an objective
remembers for itself, such as generated images, all go on with what that one remembered.

A signal that asks the process to end does so after the step that is being made, and a checkpoint. What a checkpoint
goes with, the log and pictures of samples, is written before it: a run that was killed between the two writes both
again.

Losses stay on the device until the log is written or a checkpoint, so that no step waits for the one before.
"""
# Long because the order of all that a step does, checkpoints and signals included, is to be read in one place.

from __future__ import annotations

import contextlib
import logging
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch

from zoo import images
from zoo._util import inputs, signals
from zoo._util.atomic import sweep
from zoo._util.defaults import CHECKPOINT_EVERY, LOG_EVERY
from zoo.conditions import Images
from zoo.data.dataset import Dataset
from zoo.errors import Interrupted, MissingExtra, ShortRun, TrainingError, WeightsError, outside
from zoo.model import Model
from zoo.model.meeting import meet
from zoo.nn.synchronised import synchronise
from zoo.noise import put_back, seed_generators
from zoo.objective import Objective
from zoo.recipe import Recipe
from zoo.reports import fields
from zoo.reports.history import FIELDS, LOG, SAMPLES
from zoo.reports.pictures import snapshot
from zoo.training import checkpoint, lock
from zoo.training.ahead import Ahead
from zoo.training.checks import check_conditions, fitting
from zoo.training.logs import TABLE, Listener, flat
from zoo.training.monitor import Monitor
from zoo.training.places import CHECKPOINT
from zoo.training.progress import Progress
from zoo.training.run import Run

try:
    from lightning_fabric import Fabric
    from timm.utils.model_ema import ModelEmaV3
except ImportError as error:
    raise MissingExtra(f"training needs {error.name}. Install it with: pip install 'generative-zoo[train]'") from error

DIVERGED = "the run diverged by step {}"
REMEDY = "Train with a lower learning rate or clip=1."


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
    log_every: int = LOG_EVERY,
    sample_every: int = 1000,
    checkpoint_every: int = CHECKPOINT_EVERY,
    workers: int = 0,
    locked: bool = False,
    listeners: Sequence[Listener] = (),
) -> Model:
    """Train and return the model to release (the moving average when the recipe has one), in eval mode.

    folder: where log.jsonl, checkpoint.safetensors and samples/ go; without one nothing is written. progress: whether
    to show on stderr how far it is. resume: go on from the checkpoint there; else a run there gives way to this one.
    until: stop after this step instead of recipe.steps, to be resumed later. Every `sample_every` steps, and at the
    last, the model is sampled from; of an adversarial objective the log also says what it covers of the data. A run at
    a constant rate can be resumed with more steps, and is then as if begun so. workers: processes that make batches
    ahead, which are the same ones. locked: the caller holds the folder.

    Raises Interrupted, after a checkpoint, when a signal asked for the end; TrainingError when a loss is not finite,
    naming its step, as soon as the log or a checkpoint is due (the last checkpoint stays), when there is nothing to
    resume, when another process trains into `folder`, when the checkpoint is beyond recipe.steps, or when the batch
    cannot be shared out evenly; ConfigError for arguments that the model's Objective does not have, and DataError when
    the data lack what the model is conditioned on. Warns (ShortRun) when the run ends before its last phase begins.
    """
    fabric = launch(recipe, accelerator)
    every = Every.checked(log=log_every, sample=sample_every, checkpoint=checkpoint_every)
    output = folder if fabric.is_global_zero else None
    with put_back(fabric.device), lock.holding(output) if output and not locked else nullcontext():
        run = prepare(fabric, make_model, data, recipe)
        start = _begin(run, folder, output, resume=resume)
        last = recipe.steps if until is None else min(until, recipe.steps)
        monitor = _monitor(run, data) if output else None
        with _log(run, output, start, show=progress) as log, _stop_at(folder) as asked:
            batches = Ahead(data, range(start.step, last), workers, **run.batching) if workers else data
            for done in range(start.step + 1, last + 1):
                take(run, done, batches, log)
                stopping = _in_any(fabric, asked.number is not None)
                _write(run, data, output, log, monitor, done, every, saved=done == last or stopping, tell=listeners)
                if stopping or (done == last and _in_any(fabric, asked.number is not None)):
                    raise _interrupted(done, recipe, folder, asked)
    fabric.barrier()
    return _concluded(run.released.eval(), data, whole=last == recipe.steps)


def _concluded(released: Model, data: Dataset, *, whole: bool) -> Model:
    if whole:
        released.conclude(data)
    return released


def _interrupted(done: int, recipe: Recipe, folder: Path | None, asked: signals.Asked) -> Interrupted:
    text = f"Step {done} of {recipe.steps} is saved in {folder}; go on from there with --resume."
    return Interrupted(text, asked.number or signals.STOPPING[0])


class Every(NamedTuple):
    """Steps from one line of the log, picture or checkpoint to the next."""

    log: int
    sample: int
    checkpoint: int

    @classmethod
    def checked(cls, **steps: int) -> Every:
        """Raises InvalidInput for a number below 1."""
        return cls(**{name: inputs.integer(f"{name}_every", number, 1) for name, number in steps.items()})


def _write(
    run: Run,
    data: Dataset,
    output: Path | None,
    log: Progress,
    monitor: Monitor | None,
    done: int,
    every: Every,
    *,
    saved: bool,
    tell: Sequence[Listener],
) -> None:
    """Write what is due after step `done`, and `tell` the line of the log; the checkpoint anyway if `saved`."""
    sampled = done % every.sample == 0 or done == run.recipe.steps
    logged = done % every.log == 0 or sampled
    saved = saved or done % every.checkpoint == 0
    if logged or saved:
        check_losses(run.fabric, log, run.model, done)
    try:
        with _diverging(done):
            if sampled and output:
                log.say("drawing samples")
                images.write(snapshot(run.released, data), output / SAMPLES / f"{done:06d}.png")
                if (field := fields.picture(run.objective, run.released, data)) is not None:
                    images.write(field, output / FIELDS / f"{done:06d}.png")
            if logged:
                line = log.write(monitor.measure(run.released) if monitor and sampled else None)
                for listener in tell if run.fabric.is_global_zero else ():
                    listener(flat(line), run.released)
    finally:  # the checkpoint is worth more than either
        if saved and output:
            path = output / CHECKPOINT
            checkpoint.save(path, done, run.settings, run.parts, run.optimizers, log.unlogged)


def launch(recipe: Recipe, accelerator: str) -> Fabric:
    """Device, precision and processes. Raises TrainingError where there is no such, or a batch cannot be shared out."""
    precision: Any = recipe.precision
    with _without_remarks():
        try:
            fabric = Fabric(accelerator=accelerator, precision=precision, **_processes())
        except (ImportError, RuntimeError, ValueError) as error:
            raise TrainingError(f"device={accelerator!r} cannot be used here: {error} Try device='cpu'.") from error
        if fabric.world_size > 1:
            meet("nccl" if fabric.device.type == "cuda" else "gloo")
        fabric.launch()
    if recipe.batch_size % fabric.world_size:
        raise TrainingError(
            f"batch_size={recipe.batch_size} cannot be shared evenly by {fabric.world_size} processes. Change either."
        )
    share = recipe.batch_size // fabric.world_size
    if recipe.accumulate > 1 and (share % recipe.accumulate or share < 2 * recipe.accumulate):
        raise TrainingError(
            f"accumulate={recipe.accumulate} parts of {share} samples, a process's share of a batch, would not be of "
            "one size, or of a single sample. Change either."
        )
    return fabric


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    """Fabric without its remarks on what the recipe says anyway."""
    log = logging.getLogger("lightning_fabric")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def prepare(
    fabric: Fabric, make_model: Callable[[], Model], data: Dataset, recipe: Recipe, *, standardised: bool = False
) -> Run:
    """Everything that is trained, as it is before the first step: the same in every process. standardised: whether a
    model of vectors comes with what its columns are standardised by."""
    seed_generators(recipe.seed, fabric.device)
    model = make_model()
    if model.standard is not None and not standardised:
        model.standard.fit(data.all_samples())
    objective: Objective[Any] = fitting(recipe, model, lambda: model.objective_class.create(model, **recipe.objective))
    check_conditions(model, objective, data)
    if recipe.steps <= (last := objective.phases[-1]) and fabric.is_global_zero:
        warnings.warn(
            f"steps={recipe.steps}, but the last phase of this training begins at step {last}. Set more "
            "steps, or shorten the phases before it by options of the objective.",
            ShortRun,
            stacklevel=outside(),
        )
    if recipe.sync_batch_norm and fabric.world_size > 1:
        synchronise(objective)
    objective.to(fabric.device).train()
    if recipe.channels_last:
        objective.to(memory_format=torch.channels_last)
    optimizers = fitting(recipe, model, objective.optimizers)
    average = ModelEmaV3(model, decay=recipe.ema, use_warmup=True) if recipe.ema else None
    described = {"samples": len(data), "fingerprint": data.fingerprint()}
    return Run(fabric, recipe, model, objective, optimizers, average, described)


def _resume(run: Run, folder: Path | None) -> checkpoint.Restored:
    """Restore the checkpoint in `folder`; returns what else it holds."""
    if folder is None:
        raise TrainingError("a run without a folder has no checkpoint to resume from. Pass the folder of the run.")
    found = checkpoint.load(folder / CHECKPOINT, run.settings, run.parts, run.optimizers)
    if found.step > run.recipe.steps:
        raise TrainingError(
            f"{folder / CHECKPOINT} is already at step {found.step}, beyond steps={run.recipe.steps}. Resume with more."
        )
    return found


def _afresh(output: Path | None) -> checkpoint.Restored:
    if output:
        _clear(output)
    return checkpoint.Restored(0, [])


def _begin(run: Run, folder: Path | None, output: Path | None, *, resume: bool) -> checkpoint.Restored:
    """Remove what runs that were killed had half written: as the folder is held, nobody writes there now. Returns what
    is gone on with, if anything."""
    if output:
        for place, names in ((output, (CHECKPOINT, LOG, TABLE)), (output / SAMPLES, None), (output / FIELDS, None)):
            sweep(place, names, before=math.inf)
    return _resume(run, folder) if resume else _afresh(output)


def _clear(folder: Path) -> None:
    """Remove what an earlier run left: it would be taken for this one's. Its log is emptied when this one's begins."""
    for name in (CHECKPOINT, TABLE):
        (folder / name).unlink(missing_ok=True)
    for path in (*(folder / SAMPLES).glob("*.png"), *(folder / FIELDS).glob("*.png")):
        if path.stem.isdecimal():
            path.unlink(missing_ok=True)


def _log(run: Run, output: Path | None, start: checkpoint.Restored, *, show: bool) -> Progress:
    path, show = output and output / LOG, show and run.fabric.is_global_zero
    kind = run.objective.outputs
    return Progress(path, start.step, run.recipe.steps, show=show, kind=kind, unlogged=start.unlogged)


def _stop_at(folder: Path | None) -> AbstractContextManager[signals.Asked]:
    """Note a signal that asks for the end, where there is a folder to save the last step in."""
    return nullcontext(signals.Asked()) if folder is None else signals.noting()


def _in_any(fabric: Fabric, said: bool) -> bool:
    """Whether it is so in any process: all must do the same then."""
    if fabric.world_size == 1:
        return said
    count: Any = fabric.all_reduce(torch.tensor(float(said), device=fabric.device), reduce_op="sum")
    return bool(count.item())


def _monitor(run: Run, data: Dataset) -> Monitor | None:
    """Of an adversarial run whose samples need no images of the data to be made."""
    return Monitor(data) if run.objective.outputs and not isinstance(run.model.condition, Images) else None


def take(run: Run, number: int, data: Dataset, log: Progress) -> None:
    """Make step `number`, counted from 1."""
    try:
        log.add(number, run.step(number - 1, data))
    except Exception:
        log.read()  # a loss that was not finite before is the cause, and is said instead
        raise


def check_losses(fabric: Fabric, log: Progress, model: Model, step: int) -> None:
    """Raise TrainingError in every process when any has a loss, or after the last step a weight, that is not finite:
    none may write a checkpoint then."""
    failed: TrainingError | None = None
    try:
        log.read()
        for name, parameter in model.named_parameters():
            if not parameter.isfinite().all():
                raise TrainingError(f"{DIVERGED.format(step)}: {name} is not finite. {REMEDY}")
    except TrainingError as error:
        failed = error
    any_failed = _in_any(fabric, failed is not None)
    if failed:
        raise failed
    if any_failed:
        raise TrainingError("a loss of another process is not finite; it says which and at what step.")


@contextlib.contextmanager
def _diverging(step: int) -> Iterator[None]:
    """Weights that give NaN have been driven there, and were not spoilt."""
    try:
        yield
    except WeightsError as error:
        raise TrainingError(f"{DIVERGED.format(step)}: what the model now draws is NaN. {REMEDY}") from error


def _processes() -> dict[str, Any]:
    """Fabric's arguments for the processes that torchrun started, or for this one alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return {"devices": 1}
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return {"devices": here, "num_nodes": int(os.environ["WORLD_SIZE"]) // here, "strategy": "ddp"}

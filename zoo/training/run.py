"""What is trained and by what, and one step of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.data.dataset import Dataset
from zoo.errors import TrainingError
from zoo.model import Model
from zoo.noise import seed_generators
from zoo.objective import Batch, Objective, split_batch
from zoo.recipe import Recipe
from zoo.training.progress import Step

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from timm.utils.model_ema import ModelEmaV3


@dataclasses.dataclass
class Run:
    """What is trained and by what: a model with its objective, an optimizer for each network, the moving average."""

    fabric: Fabric
    recipe: Recipe
    model: Model
    objective: Objective[Any]
    optimizers: dict[str, torch.optim.Optimizer]
    average: ModelEmaV3 | None
    data: dict[str, Any]  # what tells the data from others

    @property
    def released(self) -> Model:
        """The model to release."""
        return self.average.module if self.average else self.model

    @property
    def parts(self) -> dict[str, nn.Module]:
        """What a checkpoint holds besides the optimizers."""
        return {"objective": self.objective, **({"ema": self.average.module} if self.average else {})}

    @property
    def settings(self) -> dict[str, Any]:
        """What must be as it was in a run that is resumed."""
        recipe, config = dataclasses.asdict(self.recipe), dataclasses.asdict(self.model.config)
        settings = {"config": config, **recipe, "data": self.data}
        del settings["storage"]  # comes after the run
        if not self.recipe.start:
            del settings["start"]  # which checkpoints lack that were written before there was a choice
        if not self.recipe.exclude:
            del settings["exclude"]  # likewise
        if self.recipe.accumulate == 1:
            del settings["accumulate"]  # likewise
        if not self.recipe.sync_batch_norm:
            del settings["sync_batch_norm"]  # likewise
        if self.recipe.schedule == "constant":
            del settings["steps"]  # nothing of a step depends on how many there are, so that a run can be made longer
        return settings

    @property
    def batching(self) -> dict[str, Any]:
        """What a batch follows from besides its step."""
        share = {"rank": self.fabric.global_rank, "world": self.fabric.world_size}
        return {"size": self.recipe.batch_size, "seed": self.recipe.seed, "flip": self.recipe.flip, **share}

    def step(self, number: int, data: Dataset) -> Step:
        """The batch after `number` others: for each (network, loss) that the objective yields, backward and step before
        the next is computed."""
        fabric, recipe, found = self.fabric, self.recipe, Step()
        seed_generators(_step_seed(recipe.seed, number, fabric.global_rank), fabric.device)
        _set_learning_rates(self.optimizers, recipe.learning_rate_factor(number))
        batch = data.batch(number, **self.batching)
        self.objective.step = number
        parts = split_batch(_place(batch, fabric.device, recipe), recipe.accumulate)
        updates = [self.objective.updates(part) for part in parts]
        observed: list[dict[str, Tensor]] = [{} for _ in parts]
        while (name := self._backward(updates, observed, found)) is not None:
            optimizer = self.optimizers[name]
            parameters = _parameters(optimizer)
            _average_gradients(fabric, parameters)
            found.gradients[name] = _norm([p.grad for p in parameters if p.grad is not None])
            if recipe.clip:
                nn.utils.clip_grad_norm_(parameters, recipe.clip)
            optimizer.step()
        found.outputs = {key: torch.stack([each[key] for each in observed]).mean() for key in observed[0]}
        if self.average:
            self.average.update(self.model, step=number + 1)
        return found

    def _backward(
        self, updates: list[Iterator[tuple[str, Tensor]]], observed: list[dict[str, Tensor]], found: Step
    ) -> str | None:
        """The next network's name, with the gradients of the mean of the parts' losses; None after the last. A part's
        loss is let go of before the next one's is computed: the parts take turns between two updates. Raises
        TrainingError where parts would update different networks."""
        names, losses = set[str | None](), list[Tensor]()
        for each, seen in zip(updates, observed, strict=True):
            self.objective.observed = seen
            with self.fabric.autocast():
                name, loss = next(each, (None, None))
            seen |= self.objective.observed  # which may be another dictionary by now
            names.add(name)
            if len(names) > 1:
                told = " and ".join(sorted(str(other or "none") for other in names))
                raise TrainingError(f"parts of one batch would update {told}. Train it without accumulate.")
            if name is None or loss is None:
                continue
            optimizer = self.optimizers[name]
            if not losses:
                optimizer.zero_grad(set_to_none=True)
            mean = loss if len(updates) == 1 else loss / len(updates)
            self.fabric.backward(mean, inputs=_parameters(optimizer))
            losses.append(mean.detach())
        name = names.pop()
        if name is not None:
            found.losses.append((name, losses[0] if len(losses) == 1 else torch.stack(losses).sum()))
        return name


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


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


def _norm(gradients: list[Tensor]) -> Tensor:
    """Of all gradients as one vector, (), without waiting for the device."""
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    return torch.linalg.vector_norm(torch.stack(norms)) if norms else torch.zeros(())


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

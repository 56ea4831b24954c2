"""A training that goes on from call to call, on whatever data each of them brings: what `partial_fit` is."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError
from zoo.model import Model
from zoo.noise import put_back
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.training import checkpoint, loop
from zoo.training.places import CHECKPOINT
from zoo.training.progress import Progress
from zoo.training.run import Run


class Continued:
    """Training by a recipe at its full learning rate, since nobody knows how long it will go on. A pickle holds weights
    and optimizers as a checkpoint, from which it goes on as if it had not been one. random_state: what recipe.seed was
    drawn by."""

    def __init__(self, recipe: Recipe, accelerator: str = "auto", random_state: Any = None) -> None:
        self.recipe = dataclasses.replace(recipe, schedule="constant")
        self.accelerator, self.random_state = accelerator, random_state
        self.step = 0  # so many were made
        self._run: Run | None = None
        self._saved = b""

    def check_same(self, recipe: Recipe, accelerator: str, random_state: Any) -> None:
        """Raise ConfigError where that is not what it began with. Steps, the schedule and the seed do not count."""
        began = {**dataclasses.asdict(self.recipe), "accelerator": self.accelerator, "random_state": self.random_state}
        now = {**dataclasses.asdict(recipe), "accelerator": accelerator, "random_state": random_state}
        for name in sorted(now.keys() - {"steps", "schedule", "seed"}):
            if now[name] != began[name]:
                raise ConfigError(
                    f"training goes on with {name}={began[name]!r}, as it began; {name}={now[name]!r} came. Set it "
                    "back, or call fit to begin anew."
                )

    def go_on(self, make_model: Callable[[], Model], data: TensorDataset, *, standardised: bool) -> Model:
        """Train on all samples of `data` once, in batches as even as can be, and return the model as it then is, apart
        from the one that goes on. make_model: what the first call begins with, or, after a pickle, the model that the
        last one returned; standardised: as of `loop.prepare`. Raises as `loop.fit`."""
        fabric = loop.launch(self.recipe, self.accelerator) if self._run is None else self._run.fabric
        with put_back(fabric.device):
            run = self._run or self._begun(
                loop.prepare(fabric, make_model, data, self.recipe, standardised=standardised)
            )
            steps = -(-len(data) // self.recipe.batch_size)
            last = self.step + steps
            part = _Part(data.name, data.split, data.images, first=self.step, steps=steps)
            with Progress(None, self.step, last) as log:
                for number in range(self.step + 1, last + 1):
                    loop.take(run, number, part, log)
                loop.check_losses(fabric, log, run.model, last)
        self._run, self._saved, self.step = run, b"", last
        return copy.deepcopy(run.released).eval()

    def _begun(self, run: Run) -> Run:
        """The run, as far as it was when it was saved."""
        if self._saved:
            with tempfile.TemporaryDirectory() as folder:
                (path := Path(folder, CHECKPOINT)).write_bytes(self._saved)
                checkpoint.load(path, {}, run.parts, run.optimizers)
        return run

    def __getstate__(self) -> dict[str, Any]:
        saved = self._saved
        if self._run is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, CHECKPOINT)
                checkpoint.save(path, self.step, {}, self._run.parts, self._run.optimizers)
                saved = path.read_bytes()
        return {**vars(self), "recipe": dataclasses.asdict(self.recipe), "_run": None, "_saved": saved}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, recipe=Recipe.parse(state["recipe"]))


@dataclasses.dataclass(frozen=True)
class _Part(TensorDataset):
    """The data of one call, shared out among `steps` batches, of which the first is that of the step after `first`
    others, in an order of its own."""

    first: int = 0
    steps: int = 1

    def batch(self, step: int, size: int, *, seed: int, flip: bool, rank: int = 0, world: int = 1) -> Batch:
        number, own = step - self.first, (seed + self.first) % 2**32
        size = self._begin(number + 1) - self._begin(number)
        return super().batch(number, size, seed=own, flip=flip, rank=rank, world=world)

    def _rows(self, n: int, step: int, size: int, seed: int) -> Tensor:
        return super()._rows(n, 0, n, seed)[self._begin(step) : self._begin(step + 1)]

    def _begin(self, number: int) -> int:
        """How many samples are in the batches before."""
        return number * len(self) // self.steps

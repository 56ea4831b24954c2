"""A recipe: everything that determines a training run. A card's `zoo.training` block is one."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from zoo._util.config import configured
from zoo.errors import ConfigError

PRECISIONS = ("32-true", "bf16-mixed")
SCHEDULES = ("constant", "linear", "cosine")
STORAGES = ("int8", "float16", "float32")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained. The same recipe on the same data gives the same weights on the same machine."""

    dataset: str = "image-folder"  # a registered data set
    holdout: int = 0  # how many are kept for test: the last files or rows, captioned images throughout
    flip: bool = False  # mirror images at random, left to right
    steps: int = 10_000  # batches, each with one pass through the objective's updates
    batch_size: int = 64  # over all processes together
    seed: int = 0  # of initial weights, order of the data and noise
    precision: str = "32-true"  # or bf16-mixed: bfloat16 autocast
    channels_last: bool = False  # memory format of images and convolutions
    ema: float = 0.0  # decay of the released moving average of the weights; 0 releases the last weights
    clip: float = 0.0  # largest norm of a network's gradient; 0 does not clip
    schedule: str = "constant"  # of the learning rate: constant, or linear or cosine down to 0
    warmup: int = 0  # steps over which the learning rate rises to its full value
    storage: str = "float16"  # of the released weights; int8 is a byte a weight (zoo.rounding), read as float32 again
    objective: dict[str, Any] = dataclasses.field(default_factory=dict)  # arguments of the model's Objective

    def __post_init__(self) -> None:
        for name, low in (("steps", 1), ("batch_size", 1), ("holdout", 0), ("warmup", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ConfigError(f"recipe: {name}={value!r}; expected a whole number of at least {low}.")
        if self.seed >= 2**32:
            raise ConfigError(f"recipe: seed={self.seed}; expected less than 2³² = {2**32}.")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"recipe: precision={self.precision!r}; expected one of {', '.join(PRECISIONS)}.")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"recipe: schedule={self.schedule!r}; expected one of {', '.join(SCHEDULES)}.")
        if self.storage not in STORAGES:
            raise ConfigError(f"recipe: storage={self.storage!r}; expected one of {', '.join(STORAGES)}.")
        if not isinstance(self.ema, (int, float)) or not 0 <= self.ema < 1:
            raise ConfigError(f"recipe: ema={self.ema!r}; expected a decay in [0, 1), for example 0.999.")
        if not isinstance(self.clip, (int, float)) or self.clip < 0:
            raise ConfigError(f"recipe: clip={self.clip!r}; expected a norm ≥ 0, where 0 does not clip.")

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Recipe:
        """A recipe from a card's `zoo.training` block. Raises ConfigError for an unknown field or a bad value."""
        return configured(cls, fields, "recipe")

    def override(self, changes: dict[str, Any]) -> Recipe:
        """A copy with fields replaced; `objective.NAME` reaches into the objective. Raises ConfigError."""
        fields = dataclasses.asdict(self)
        for name, value in changes.items():
            block, dot, inner = name.partition(".")
            if dot and block == "objective":
                fields["objective"][inner] = value
            else:
                fields[name] = value
        return self.parse(fields)

    def learning_rate_factor(self, step: int) -> float:
        """Factor on every learning rate at `step` (counted from 0)."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        progress = step / self.steps
        falling = {"constant": 1.0, "linear": 1 - progress, "cosine": 0.5 * (1 + math.cos(math.pi * progress))}
        return warm * falling[self.schedule]

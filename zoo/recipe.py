"""A recipe: everything that determines a training run. A card's `zoo.training` block is one."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from zoo._util.config import check, configured, setting

FIT_BEFORE = "squeeze"  # what was done with pictures of other proportions before a card had a word for it
STORAGES = ("int8", "float16", "float32")  # from narrow to wide


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained. The same recipe on the same data gives the same weights on the same machine."""

    dataset: str = setting("image-folder", "a registered data set")
    holdout: int = setting(0, "how many samples are kept for test, of data without a test split", at_least=0)
    holdout_seed: int | None = setting(
        0,
        "by which they are drawn within each class; none: the last files or rows, captioned images throughout",
        at_least=0,
    )
    fit: str = setting(
        "crop",
        "how pictures of other proportions are made to fit: crop to the middle, pad with white, or squeeze",
        choices=("crop", "pad", "squeeze"),
    )
    exclude: tuple[str, ...] = setting(
        (),
        "image files of the data set that are left out, named from its folder, with or without their suffix",
        distinct=True,
        example="[bsd200/302003]",
    )
    start: str = setting("", "a release of the same architecture, from whose weights training starts; none if empty")
    flip: bool = setting(False, "mirror images at random, left to right")
    steps: int = setting(10_000, "batches, each with one pass through the objective's updates", at_least=1)
    batch_size: int = setting(64, "over all processes together", at_least=1)
    accumulate: int = setting(
        1, "parts that a process's share of a batch is computed in, one after the other, to save memory", at_least=1
    )
    sync_batch_norm: bool = setting(
        False, "whether batch norm looks at the shares of a batch that all processes have, and not at each by itself"
    )
    seed: int = setting(0, "of initial weights, order of the data and noise", at_least=0, below=2**32)
    precision: str = setting(
        "32-true", "float32 throughout, or bfloat16 where autocast takes it", choices=("32-true", "bf16-mixed")
    )
    channels_last: bool = setting(False, "memory format of images and convolutions")
    ema: float = setting(
        0.0,
        "decay of the released moving average of the weights; 0 releases the last weights",
        at_least=0,
        below=1,
        example=0.999,
    )
    clip: float = setting(0.0, "largest norm of a network's gradient; 0 does not clip", at_least=0)
    schedule: str = setting(
        "constant",
        "of the learning rate: constant, or linear or cosine down to 0",
        choices=("constant", "linear", "cosine"),
    )
    warmup: int = setting(0, "steps over which the learning rate rises to its full value", at_least=0)
    storage: str = setting(
        "float16",
        "of the released weights; int8 is a byte a weight (zoo.weights.rounding), read as float32 again",
        choices=STORAGES,
    )
    objective: dict[str, Any] = dataclasses.field(default_factory=dict)  # arguments of the model's Objective

    def __post_init__(self) -> None:
        check(self, "recipe")

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Recipe:
        """A recipe from a card's `zoo.training` block; cards that are older than `fit` mean "squeeze", and those older
        than `holdout_seed` mean none.

        Raises ConfigError for an unknown field or a bad value.
        """
        return configured(cls, {"fit": FIT_BEFORE, "holdout_seed": None, **fields}, "recipe")

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

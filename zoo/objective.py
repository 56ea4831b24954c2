"""What an objective is: the losses of one batch and the order in which its networks are updated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from zoo._util.config import configured

ModelT = TypeVar("ModelT", bound=nn.Module)


@dataclass(frozen=True)
class Batch:
    """Images (n, channels, height, width), float in [0, 1], and class indices (n,) when the data set has them, −1 for
    what is not labelled; sources (n, …): the images that those are to be made from, when it has such; captions: for
    each image the texts that say what it shows, when it has any."""

    images: Tensor
    labels: Tensor | None = None
    sources: Tensor | None = None
    captions: tuple[tuple[str, ...], ...] = ()


def split_batch(batch: Batch, k: int) -> list[Batch]:
    """The batch split among `k` steps; the whole for each if it has fewer than two images for each."""
    if k == 1 or len(batch.images) < 2 * k:  # batch norm takes no batch of one
        return [batch] * k
    images = batch.images.tensor_split(k)
    labels, sources = ([None] * k if part is None else part.tensor_split(k) for part in (batch.labels, batch.sources))
    rest = iter(batch.captions)
    captions = [tuple(islice(rest, len(part))) for part in images]
    return [Batch(*parts) for parts in zip(images, labels, sources, captions, strict=True)]


def adam(
    networks: Mapping[str, nn.Module], rates: Mapping[str, float], betas: tuple[float, float]
) -> dict[str, torch.optim.Optimizer]:
    """One Adam (Kingma, Ba 2015, arXiv:1412.6980) for each of `networks`, with its own learning rate.

    >>> sorted(zoo.plugin.adam({"critic": torch.nn.Linear(2, 1)}, {"critic": 0.001}, (0.5, 0.9)))
    ['critic']
    """
    return {name: torch.optim.Adam(net.parameters(), lr=rates[name], betas=betas) for name, net in networks.items()}


@dataclass(frozen=True)
class NoOptions:
    """Of an objective that has none."""


class Objective(nn.Module, Generic[ModelT]):
    """Base of every objective: the model being trained plus whatever exists only while it is trained.

    Its options are a frozen dataclass, `options_class`, whose fields a recipe and `--set objective.NAME=VALUE` set.

    `optimizers()` names the networks that are updated; `updates(batch)` yields pairs (name, loss) in update order. The
    loop does backward and the optimizer's step between two yields, so the next loss sees the updated network, and
    gradients are computed for that network's parameters only.

    `step` is the number of batches before this one; the loop sets it, also in a run that was resumed. An objective that
    turns to other parameters or networks as training goes on says in `phases` at which steps, the first of them 0; the
    contract suite looks at the batches after each.

    An objective may show more than its losses: `observe(real=…, fake=…)` notes the mean of a tensor for the log. What
    the outputs of a discriminator on real and generated images are, `outputs` says: "probability", of being real, ½ on
    both when they are alike; "score", of a critic, whose gap counts; "energy", which is low on what is real.
    """

    step: int = 0
    phases: tuple[int, ...] = (0,)
    outputs: str = ""  # of a discriminator, if there is one: "probability", "score" or "energy"

    pairs: bool = False  # whether the source of an image must be its own, and not just any of its kind
    takes_unlabelled: bool = False  # whether some labels may be −1, of a model conditioned on labels
    options_class: ClassVar[type] = NoOptions

    model: ModelT
    options: Any  # an instance of `options_class`

    def __init__(self, model: ModelT, options: Any = None) -> None:
        super().__init__()
        self.model = model
        self.options = self.options_class() if options is None else options
        self.observed: dict[str, Tensor] = {}  # of the step; emptied by the loop

    @classmethod
    def create(cls, model: ModelT, **options: Any) -> Self:
        """The objective with these options, by name as in a recipe. Raises ConfigError for one that it does not have,
        with the nearest, or that is out of range."""
        given: Any = configured(cls.options_class, options, f"the objective of {type(model).__name__}", "option")
        return cls(model) if cls.options_class is NoOptions else cls(model, given)

    def observe(self, **values: Tensor) -> None:
        """Note the mean of each of `values` for the log of this step; a later value replaces an earlier one."""
        self.observed |= {name: value.detach().float().mean() for name, value in values.items()}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One optimizer for each network that `updates` names."""
        raise NotImplementedError

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        """Yield (network to update, scalar loss)."""
        raise NotImplementedError

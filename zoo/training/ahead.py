"""Batches made by other processes while the step before is computed.

A batch follows from its step alone, so those that are made ahead are the same ones, and so is a run that is resumed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import data as loading

from zoo.data.dataset import Dataset
from zoo.errors import ZooError
from zoo.objective import Batch


class _Steps(loading.Dataset[Any]):
    """The batches of steps, or the error that one is."""

    def __init__(self, data: Dataset, how: dict[str, Any]) -> None:
        self.data, self.how = data, how

    def __getitem__(self, step: int) -> Batch | ZooError:
        try:
            return self.data.batch(step, **self.how)
        except ZooError as error:  # which DataLoader would give another text
            return error


class Ahead(Dataset):
    """The batches of `steps`, in their order, made by `workers` processes; `how`: what else `Dataset.batch` is given.
    The processes end with the last batch, or when this is collected."""

    def __init__(self, data: Dataset, steps: range, workers: int, **how: Any) -> None:
        self.name, self.split, self.how, self._count = data.name, data.split, how, len(data)
        # A process that is forked shares what is in memory; the others are handed a copy.
        fork = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
        generator = torch.Generator("cpu").manual_seed(0)  # else the global one is drawn from
        self._made: Iterator[Any] = zip(
            steps,
            loading.DataLoader(
                _Steps(data, how),
                batch_size=None,
                sampler=steps,
                num_workers=workers,
                multiprocessing_context=fork,
                generator=generator,
            ),
            strict=True,
        )

    def __len__(self) -> int:
        return self._count

    def batch(self, step: int, size: int, **how: Any) -> Batch:
        """The batch of `step`, which is the next of the steps, made as it was said. Raises as that of the data."""
        number, made = next(self._made)
        assert (number, self.how) == (step, {"size": size, **how})
        if isinstance(made, ZooError):
            raise made
        assert isinstance(made, Batch)
        return made

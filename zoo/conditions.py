"""Conditions: what a model can be told. Labels by index or by class name become a tensor of indices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.errors import InvalidInput, UnknownName, nearest


def parse_labels(condition: Any, n: int, classes: Sequence[str]) -> Tensor:
    """`n` class indices from `condition`: an index, a class name, a sequence of either, an integer tensor or array.

    One label serves all `n` samples; otherwise there must be exactly `n`. Names are compared without regard to case.
    Returns an int64 tensor of shape (n,) on the CPU. Raises InvalidInput for a wrong type, count or index and
    UnknownName for a class name the model does not know.
    """
    if isinstance(condition, Tensor):
        if condition.is_floating_point() or condition.is_complex() or condition.dtype == torch.bool:
            raise InvalidInput(f"labels came as {condition.dtype}; expected integers. Convert with .long().")
        if condition.ndim > 1:
            shape = tuple(condition.shape)
            raise InvalidInput(f"labels came with shape {shape}; expected ({n},). For one-hot rows pass .argmax(1).")
        items: list[Any] = condition.reshape(-1).tolist()
    elif hasattr(condition, "tolist"):  # a numpy array or scalar
        items = condition.tolist() if getattr(condition, "ndim", 0) else [condition.tolist()]
    elif isinstance(condition, str) or not isinstance(condition, Sequence):
        items = [condition]
    else:
        items = list(condition)
    indices = [_index(item, classes) for item in items]
    if len(indices) == 1:
        indices = indices * n
    if len(indices) != n:
        raise InvalidInput(f"{len(indices)} labels came for {n} samples. Pass one label, or exactly {n} of them.")
    return torch.tensor(indices, dtype=torch.long)


def _index(item: Any, classes: Sequence[str]) -> int:
    if isinstance(item, str):
        folded = [name.casefold() for name in classes]
        if item.casefold() in folded:
            return folded.index(item.casefold())
        raise UnknownName(f"no class is called {item!r}. {nearest(item, classes)}")
    try:
        # Integers of numpy and torch have an index too, floats have none; a bool has, but is never meant as a label.
        index = None if isinstance(item, bool) else operator.index(item)
    except TypeError:
        index = None
    if index is None:
        raise InvalidInput(f"label {item!r} is a {type(item).__name__}; expected a class index or a class name.")
    if not 0 <= index < len(classes):
        raise InvalidInput(f"label {index} is out of range; this model has classes 0 … {len(classes) - 1}.")
    return index

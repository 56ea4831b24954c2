"""Conditions: what a model can be told. Labels by index or by class name become a tensor of indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.errors import InvalidInput, UnknownName, nearest


def parse_labels(condition: Any, n: int, classes: Sequence[str]) -> Tensor:
    """`n` class indices from `condition`: an index, a class name, a sequence of either, or an integer tensor.

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
    elif isinstance(condition, (str, int)) or not isinstance(condition, Sequence):
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
    # numpy integers have __index__; bool has it too but is never meant as a label, and floats lack it.
    if isinstance(item, bool) or not hasattr(item, "__index__"):
        raise InvalidInput(f"label {item!r} is a {type(item).__name__}; expected a class index or a class name.")
    index = int(item)
    if not 0 <= index < len(classes):
        raise InvalidInput(f"label {index} is out of range; this model has classes 0 … {len(classes) - 1}.")
    return index

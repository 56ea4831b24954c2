"""Conditions: what a model can be told. Labels by index or by class name become a tensor of indices; attributes are
labels whose classes are their combinations."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.errors import InvalidInput, UnknownName, nearest

PLAIN = "plain"  # the combination that has none of the attributes
PLUS = " + "


def combinations(attributes: Sequence[str]) -> tuple[str, ...]:
    """Names of the 2ᵏ combinations of k `attributes`, in the order in which binary numbers count, the first attribute
    being the lowest bit: "plain", "bangs", "smiling", "bangs + smiling"."""
    present = ([name for k, name in enumerate(attributes) if index >> k & 1] for index in range(2 ** len(attributes)))
    return tuple(PLUS.join(names) or PLAIN for names in present)


def attributes(classes: Sequence[str]) -> tuple[str, ...]:
    """The attributes whose `combinations` the `classes` are, or none if they are not."""
    count = len(classes).bit_length() - 1
    names = tuple(classes[1 << k] for k in range(count)) if count > 0 else ()
    return names if names and tuple(classes) == combinations(names) else ()


def parse_labels(condition: Any, n: int, classes: Sequence[str]) -> Tensor:
    """`n` class indices from `condition`: an index, a class name, a sequence of either, an integer tensor or array.

    One label serves all `n` samples; otherwise there must be exactly `n`. Names are compared without regard to case,
    those of combinations, such as "smiling + bangs", without regard to order and spaces as well.
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
        if "+" in item and any(PLUS in name for name in classes):
            return _combination(item, classes)
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


def _combination(item: str, classes: Sequence[str]) -> int:
    """The index of the class that has the same parts as `item`, or UnknownName for a part that no class has."""
    known = [_parts(name) for name in classes]
    parts = _parts(item)
    if parts in known:
        return known.index(parts)
    names = frozenset().union(*known)
    strange = sorted(parts - names)
    hint = f"{strange[0]!r} is unknown. {nearest(strange[0], names)}" if strange else nearest(item, classes)
    raise UnknownName(f"no class is called {item!r}. {hint}")


def _parts(name: str) -> frozenset[str]:
    return frozenset(part.strip() for part in name.casefold().split("+"))

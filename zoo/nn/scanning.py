"""A step that is repeated, each time with the next row of what is given: a loop here, one node in an exported graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from zoo.errors import InvalidInput

State = TypeVar("State")
Column = Tensor | Iterable[Tensor] | Iterable[float]


def scan(
    step: Callable[..., tuple[State, Tensor | None]], state: State, *columns: Column
) -> tuple[State, Tensor | None]:
    """The last state, and what steps gave stacked (rows, …), or None if they gave None, as `jax.lax.scan` has it.

    step: of a state and a number or tensor of each column the next state, of the same shapes and types, and what it
    gives. state: a tensor, or a tuple of them. columns: of equal length, at least 1: tensors (rows, …), lists of
    numbers, or iterables of tensors, from which a row is taken when its step comes, so that what draws it draws it
    then. By torch.export a model's loop becomes a step for each row, and takes minutes; this becomes one step, which
    asks neither state nor row for a value, draws nothing itself, and has all tensors but parameters from these two.

    >>> import torch, zoo.plugin
    >>> zoo.plugin.scan(lambda x, factor: (factor * x, x), torch.ones(1), [2.0, 3.0])
    (tensor([6.]), tensor([[1.],
            [2.]]))
    """
    if _exporting():
        rows = [_whole(column) for column in columns]
        if len(counts := {len(column) for column in rows}) > 1:
            raise InvalidInput(f"columns of {sorted(counts)} rows; expected as many rows of each.")
        return _scanned(step, state, rows)
    given: list[Tensor | None] = []
    for row in zip(*columns, strict=True):
        state, each = step(state, *row)
        given.append(each)
    found = [each for each in given if each is not None]
    if not given or len(found) not in (0, len(given)):
        raise InvalidInput(f"{len(given)} steps, of which {len(found)} gave something; expected some, and all or none.")
    return state, torch.stack(found) if found else None


def _exporting() -> bool:
    """Whether torch.export traces this; torch before 2.7 does not say, and has a step for each row."""
    return hasattr(torch.compiler, "is_exporting") and torch.compiler.is_exporting()


def _whole(column: Column) -> Tensor:
    """A column as a tensor (rows, …)."""
    if isinstance(column, Tensor):
        return column
    rows: list[Any] = list(column)
    return torch.stack(rows) if isinstance(rows[0], Tensor) else torch.tensor(rows)


def _scanned(
    step: Callable[..., tuple[State, Tensor | None]], state: State, columns: list[Tensor]
) -> tuple[State, Tensor | None]:
    from torch._higher_order_ops.scan import scan as traced  # slow to import

    def taken(state: Any, row: tuple[Tensor, ...]) -> tuple[Any, Any]:
        after, each = step(state, *row)
        # What goes around may be no view of what came, and lies in memory as that did.
        return pytree.tree_map(_own, after), () if each is None else _own(each)

    last, given = traced(taken, pytree.tree_map(_own, state), tuple(columns))
    return last, given if isinstance(given, Tensor) else None


def _own(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)

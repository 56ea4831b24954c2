"""What all checks share: the error that names a broken promise, and how a message tells what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.errors import ContractError, InvalidInput, UnknownName
from zoo.model import Model

Check = Callable[[Model], None]

# The same sample computed alone and in a batch may differ by rounding, in a deep network by this much.
SAME_IMAGE, SAME_LATENT, SAME_NATS = 1e-3, 1e-3, 1e-4

KEEP_CHECKING = "Leave the checking to Model's public methods and override the private hooks only."


def expect(holds: bool, promise: str, seen: str, change: str) -> None:
    """Raise ContractError with these three sentences unless the promise `holds`.

    >>> zoo.plugin.expect(1 + 1 == 2, "Sums are right.", "1 + 1 was not 2.", "Add again.")
    """
    if not holds:
        raise ContractError(f"{promise} {seen} {change}")


def refused(promise: str, calls: Mapping[str, Callable[[], Any]], change: str = KEEP_CHECKING) -> None:
    """Raise ContractError unless each of `calls`, by what it is, raises InvalidInput or UnknownName."""
    for name, call in calls.items():
        try:
            call()
            seen = "was accepted"
        except (InvalidInput, UnknownName):
            continue
        except Exception as error:
            seen = f"raised {type(error).__name__} ({error})"
        raise ContractError(f"{promise} {name} {seen} instead of raising InvalidInput or UnknownName. {change}")


def of(method: str, what: str, bad: Any) -> str:
    """The call of `method` with what is bad, for `refused`."""
    return f"{method} of {what}{f', {described(bad)},' if isinstance(bad, torch.Tensor) else ''}"


def first_line(error: Exception) -> str:
    """The first line of an error's text, with a full stop."""
    return str(error).partition("\n")[0].rstrip(". !") + "."


def described(tensor: Tensor) -> str:
    """What a message says of a tensor, as in "float32 (3, 1, 8, 8) from −1 to 0.98"."""
    kind = f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
    if tensor.is_meta or not tensor.numel():
        return kind
    if not tensor.isfinite().all():
        return f"{kind} with {int((~tensor.isfinite()).sum())} of {tensor.numel()} values not finite"
    return f"{kind} from {tensor.min().item():.4g} to {tensor.max().item():.4g}"


def listed(values: Tensor) -> str:
    """The first few values of a tensor, rounded, for a message."""
    flat = values.flatten().tolist()
    return f"[{', '.join(f'{value:.6g}' for value in flat[:4])}{' …' if len(flat) > 4 else ''}]"


def gap(a: Tensor, b: Tensor, *, relative: bool = False) -> float:
    """Largest difference between two tensors of one shape, infinite when one is not finite; `relative` to 1 + |b|."""
    difference = (a.double() - b.double()).abs()
    if relative:
        difference = difference / (1 + b.double().abs())
    largest = difference.max().item()
    return largest if largest == largest else float("inf")

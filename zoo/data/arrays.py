"""Tensors and arrays of samples: as uint8 images, or as the finite rows of a table."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo import tables
from zoo.errors import DataError
from zoo.files.fitting import MODES


def values(data: Any) -> Tensor:
    """Images, uint8 or floats in [0, 1], as uint8 (n, 1 or 3, height, width), or numbers as `tables.rows`. Raises
    DataError for anything else."""
    found = tables.numbers(data)
    shape, kind = tuple(found.shape), found.dtype
    if found.ndim == 2:
        return tables.rows(found)
    if found.ndim != 4 or shape[1] not in MODES or not len(found):
        hint = " Of grey images pass data[:, None]." if found.ndim == 3 else ""
        hint = " Put the channels first." if found.ndim == 4 and shape[3] in MODES else hint
        raise DataError(f"the data have shape {shape}; expected (n, 1 or 3, height, width) or (n, features).{hint}")
    if kind == torch.uint8:
        return found
    plain = found if found.is_floating_point() else found.double()  # some whole numbers have no least
    low, high = plain.min().item(), plain.max().item()
    if not bool(plain.isfinite().all()):
        raise DataError("the images hold NaN or infinite values; expected finite numbers. Look where they were made.")
    if not found.is_floating_point() or low < 0 or high > 1:
        raise DataError(
            f"the images are {kind}, from {low:.4g} to {high:.4g}; expected floats in [0, 1], or uint8. Rescale them "
            "first."
        )
    return (found.float() * 255).round().to(torch.uint8)

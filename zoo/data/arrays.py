"""Tensors and arrays of samples: as uint8 images, or as the finite rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.files.reading import MODES

NARROW = (torch.float16, torch.bfloat16, torch.float32)  # of which rows become float32


def values(data: Any) -> Tensor:
    """Images, uint8 or floats in [0, 1], as uint8 (n, 1 or 3, height, width), or numbers as `rows`. Raises DataError
    for anything else."""
    found = _numbers(data)
    shape, kind = tuple(found.shape), found.dtype
    if found.ndim == 2:
        return rows(found)
    if found.ndim != 4 or shape[1] not in MODES or not len(found):
        hint = " Of grey images pass data[:, None]." if found.ndim == 3 else ""
        hint = " Put the channels first." if found.ndim == 4 and shape[3] in MODES else hint
        raise DataError(f"the data have shape {shape}; expected (n, 1 or 3, height, width) or (n, features).{hint}")
    if kind == torch.uint8:
        return found
    plain = found if found.is_floating_point() else found.double()  # some whole numbers have no least
    low, high = plain.min().item(), plain.max().item()
    if not found.is_floating_point() or not bool(found.isfinite().all()) or low < 0 or high > 1:
        raise DataError(
            f"the images are {kind}, from {low:.4g} to {high:.4g}; expected floats in [0, 1], or uint8. Rescale them "
            "first."
        )
    return (found.float() * 255).round().to(torch.uint8)


def rows(data: Any) -> Tensor:
    """Rows of finite numbers (n, features) as float32, or float64 where they are wider. Raises DataError."""
    found = _numbers(data)
    found = found.to(torch.float32 if found.dtype in NARROW else torch.float64, copy=True)
    bad = (~found.isfinite()).nonzero()
    if not found.numel() or len(bad):
        where = f"no finite number in row {bad[0, 0]}, column {bad[0, 1]}" if len(bad) else "no rows"
        raise DataError(f"the table has {where}. Correct it, or leave out the row or column.")
    return found


def _numbers(data: Any) -> Tensor:
    """Real numbers as a tensor on the CPU."""
    if isinstance(data, Tensor):
        found, real = data.detach().cpu(), not data.is_complex()
    else:
        array = np.array(data, copy=True, order="C")
        real = array.dtype.kind in "fiub"
        if real:  # in an order of bytes and a width that torch has too
            wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
            found = torch.from_numpy(array.astype(np.float64 if wide else array.dtype.newbyteorder("="), copy=False))
    if not real:
        kind = data.dtype if isinstance(data, Tensor) else array.dtype
        raise DataError(f"the data are an array of {kind}; expected real numbers: uint8 images, or floats.")
    return found

"""Checks of what callers pass to a model. Each returns the value in its plain form, or says what is wrong with it."""

from __future__ import annotations

import math
import numbers
import operator
import secrets
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import InvalidInput

LONGEST = 10_000  # bits of a whole number
SHOWN = 200  # letters of what came, in a message
CHANNELS_LAST = " Put the channels first with .permute(0, 3, 1, 2)."


def integer(name: str, value: Any, low: int) -> int:
    """`value` as an int of at least `low`; numpy's integers serve, bools and floats do not. Raises InvalidInput."""
    try:
        number = low - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = low - 1
    if number < low:
        raise InvalidInput(f"{name}={shown(value)}; expected a whole number of at least {low}.")
    if number.bit_length() > LONGEST:
        raise InvalidInput(f"{name}={shown(value)}; expected a whole number of fewer digits, at most 2^{LONGEST}.")
    return number


def seed(value: Any) -> int:
    """A seed: `value`, or a fresh random one for None. Raises InvalidInput."""
    return secrets.randbits(63) if value is None else integer("seed", value, 0)


def chunk_size(batch_size: Any, default: int) -> int:
    """How many samples are computed at once. Raises InvalidInput."""
    return default if batch_size is None else integer("batch_size", batch_size, 1)


def scalar(name: str, value: Any, low: float, example: str) -> float:
    """`value` as a finite float of at least `low`; numpy's numbers serve, bools do not. Raises InvalidInput."""
    try:
        number = float(value) if not isinstance(value, bool) and isinstance(value, numbers.Real) else math.nan
    except OverflowError:  # of a whole number or a fraction
        number = math.inf
    if low <= number < math.inf:
        return number
    raise InvalidInput(f"{name}={shown(value)}; expected a finite number of at least {low}, for example {example}.")


def share(name: str, value: Any) -> float:
    """`value` as a float from 0 to 1; 1 for None. Raises InvalidInput."""
    number = 1.0 if value is None else scalar(name, value, 0, "0.7")
    if number > 1:
        raise InvalidInput(f"{name}={number:g}; for this model it is a share, from 0 to 1, for example 0.7.")
    return number


def shown(value: Any) -> str:
    """`value` as Python writes it, cut where it is long; Python itself refuses to write numbers of many digits."""
    try:
        text = repr(value)
    except ValueError:
        text = f"{type(value).__name__} of more digits than Python writes"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"


def dense(what: str, values: Tensor) -> Tensor:
    """`values` as they are. Raises InvalidInput for a sparse, nested or packed tensor, and for one of the device meta,
    which has none."""
    if values.is_nested or values.layout != torch.strided:
        kind = "a nested tensor" if values.is_nested else f"a tensor of layout {values.layout}"
        hint = "Pass one tensor for each shape." if values.is_nested else "Pass .to_dense() of it."
        raise InvalidInput(f"{what} came as {kind}; expected a plain one. {hint}")
    if values.is_meta:
        raise InvalidInput(f"{what} came on the device meta, which holds no values; expected a tensor that has some.")
    return values


def real(data: Any) -> Tensor:
    """A tensor as it is, or real numbers in an array, in any order of bytes and width, as one of their own on the CPU.
    Raises InvalidInput for other arrays."""
    if isinstance(data, Tensor):
        if not data.is_complex():
            return dense("the data", data)
    else:
        if np.ma.is_masked(data):
            raise InvalidInput(
                "the data are a masked array, of which values are missing. Fill them, or leave them out."
            )
        array = np.array(data, copy=True, order="C")
        if array.dtype.kind in "fiub":  # as torch has them
            wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
            return torch.from_numpy(array.astype(np.float64 if wide else array.dtype.newbyteorder("="), copy=False))
    kind = data.dtype if isinstance(data, Tensor) else array.dtype
    raise InvalidInput(f"the data are an array of {kind}; expected real numbers.")


def batch(what: str, values: Any, shape: tuple[int, ...], layout: str) -> Tensor:
    """`values`, a float tensor or array (n, *shape) of finite numbers with n of at least 1. Raises InvalidInput."""
    held = dense(what, values) if isinstance(values, Tensor) else values
    checked = shaped(what, real(held) if isinstance(held, np.ndarray) else held, shape, layout)
    if not len(checked):
        expected = ", ".join(map(str, shape))
        raise InvalidInput(f"{what} is an empty batch; expected (n, {expected}) with n of at least 1.")
    return finite(what, checked)


def shaped(what: str, values: Any, shape: tuple[int, ...], layout: str) -> Tensor:
    """`values`, a float tensor (n, *shape), of which nothing else is asked; it may be traced. Raises InvalidInput."""
    if not isinstance(values, Tensor):
        files = {"images": " Files: zoo.images.load().", "vectors": " Files: zoo.tables.load()."}
        hint = "Arrays: torch.from_numpy()." + files.get(what, "")
        raise InvalidInput(f"{what} came as {type(values).__name__}; expected a tensor {layout}. {hint}")
    got, expected = tuple(values.shape), f"(n, {', '.join(map(str, shape))})"
    if not values.is_floating_point():
        scaled = what == "images" and values.dtype is not torch.bool
        hint = f" For bytes pass {what}.float() / 255." if scaled else f" Pass {what}.float()."
        raise InvalidInput(f"{what} came as {values.dtype}; expected floats.{hint}")
    if got[1:] != shape or values.ndim != len(shape) + 1:
        hint = " Add the batch dimension with .unsqueeze(0)." if got == shape else ""
        if len(got) == len(shape) + 1 == 4 and (got[3], got[1], got[2]) == shape:
            hint = CHANNELS_LAST
        raise InvalidInput(f"{what} came with shape {got}; expected {layout} = {expected}.{hint}")
    return values


def finite(what: str, values: Tensor) -> Tensor:
    """`values`, of which none is NaN or infinite. Raises InvalidInput."""
    if not torch.isfinite(values).all():
        raise InvalidInput(f"{what} hold NaN or infinite values; expected finite numbers. Look where they were made.")
    return values


def binary(images: Tensor) -> Tensor:
    """`images`, whose pixels are 0 or 1. Raises InvalidInput."""
    between = (images != 0) & (images != 1)
    if bool(between.any()):
        share, some = between.float().mean().item(), images[between][0].item()
        raise InvalidInput(
            f"{100 * share:.3g} % of the pixels lie between 0 and 1, such as {some:.4g}; expected 0 or 1, black or "
            "white. Binarise first: zoo.images.binarise(images), or with seed= by chance."
        )
    return images


def pixels(images: Any, shape: tuple[int, ...]) -> Tensor:
    """`images`, a float tensor (n, *shape) with values in [0, 1]. Raises InvalidInput."""
    checked = batch("images", images, shape, "(n, channels, height, width)")
    low, high = checked.min().item(), checked.max().item()
    if low < 0 or high > 1:
        if low >= -0.01 and high <= 1.01:
            hint = "Rounding or resizing may have overshot: images.clamp(0, 1)."
        elif low >= -1.01 and high <= 1.01:
            hint = "Perhaps (images + 1) / 2 is meant."
        else:
            hint = "Perhaps images / 255 is meant."
        raise InvalidInput(f"pixels range from {low:.4g} to {high:.4g}; expected [0, 1]. {hint}")
    return checked

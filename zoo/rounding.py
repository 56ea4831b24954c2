"""Weights in one byte each: what a release may store where float16 would take twice the room.

Every matrix, convolution or table is kept as whole numbers from −127 to 127 times one float32 for each slice along its
first axis, so that its largest entry is exact up to rounding and the others are off by at most 1/254 of it (symmetric
quantisation by channel: Krishnamoorthi 2018, arXiv:1806.08342, section 2.2, there for arithmetic, here for storage
alone). Vectors, such as biases and what norms hold, stay float32. Read, all is float32 again.
"""

from __future__ import annotations

from torch import Tensor, int8

SCALE = ":scale"  # no parameter can have this in its name, which is a Python path


def rounded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` with each finite float tensor of two or more axes as int8 under its name and its scales, one for each
    slice, under that name and `SCALE`; other floats as float32. `restored` undoes it up to rounding."""
    small: dict[str, Tensor] = {}
    for key, tensor in state.items():
        # What is not finite has no scale, and must stay what it is to be noticed.
        if not tensor.is_floating_point() or tensor.ndim < 2 or not tensor.isfinite().all():
            small[key] = tensor.float() if tensor.is_floating_point() else tensor
            continue
        slices = tensor.float().flatten(1)
        largest = slices.abs().amax(1) if slices.numel() else slices.new_ones(len(slices))
        scale = (largest / 127).where(largest > 0, 1.0)
        small[key] = (slices / scale[:, None]).round().clamp(-127, 127).to(int8).view(tensor.shape)
        small[key + SCALE] = scale
    return small


def restored(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` with what `rounded` made small as float32 again; all else as it is, what does not fit together too."""
    whole = dict(state)
    for name in [key for key in state if key.endswith(SCALE)]:
        key, scale = name.removesuffix(SCALE), state[name]
        tensor = state.get(key)
        if tensor is not None and tensor.dtype == int8 and tensor.ndim > 1 and scale.shape == tensor.shape[:1]:
            whole[key] = tensor.float() * scale.float().view(-1, *[1] * (tensor.ndim - 1))
            del whole[name]
    return whole

"""Weights in one byte each: what a release may store where float16 would take twice the room.

Every large matrix, convolution or table is kept as whole numbers from −127 to 127 times one float32 for each slice
along its first axis, so that its largest entry is exact up to rounding and the others are off by at most 1/254 of it
(symmetric quantisation by channel: Krishnamoorthi 2018, arXiv:1806.08342, section 2.2, there for arithmetic, here for
storage alone). Small ones, among them most output layers, where a byte saves least and costs most, are float16: the
last layers of realnvp-mnist's couplings, 0.4 % of its weights, would cost 0.12 bits per dimension; what is rounded
costs it 0.00001. Vectors, such as biases and what norms hold, stay float32. Read, all is float32 again.

Files of format 0 went further, and are read still: of a matrix of which a quarter was zero only the other numbers were
kept, with a bit for each place that says whether they are there, and what was left was deflated (RFC 1950).
"""

from __future__ import annotations

import math
import zlib

import torch
from torch import Tensor, int8, int64, nn, uint8

SCALE, PLACES, SHAPE = ":scale", ":places", ":shape"  # no parameter has these in its name, which is a Python path
MOST = 2**28  # numbers in a tensor to be inflated whose size is not known otherwise
MOST_INFLATED = 32  # numbers for each byte of a deflated tensor
LEAST = 10_000  # numbers in a tensor that is worth rounding


def listed(model: nn.Module, attribute: str) -> set[str]:
    """Names of the tensors that modules list: as `exact`, which are stored as they are, or as `halved`, which become
    float16 where others become narrower than float32."""
    prefixes = ((f"{name}." if name else "", module) for name, module in model.named_modules())
    return {prefix + own for prefix, module in prefixes for own in getattr(module, attribute, ())}


def narrowed(tensor: Tensor, kind: torch.dtype) -> Tensor:
    """`tensor` as `kind` if it holds floats; what would overflow stays wider, as float32 if that is enough."""
    if not tensor.is_floating_point():
        return tensor
    for wide in (kind, torch.float32):
        narrow = tensor.to(wide)
        if torch.equal(narrow.isfinite(), tensor.isfinite()):
            return narrow
    return tensor


def rounded(state: dict[str, Tensor], *, least: int = LEAST) -> dict[str, Tensor]:
    """`state` with each finite float tensor of two or more axes and `least` or more numbers as int8 under its name and
    its scales, one for each slice, under that name and `SCALE`. Smaller ones become float16, other floats float32.
    `restored` undoes it up to rounding."""
    small: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if not tensor.is_floating_point():
            small[key] = tensor
            continue
        # What is not finite has no scale, and must stay what it is to be noticed.
        if tensor.ndim < 2 or not tensor.isfinite().all():
            small[key] = tensor.float()
            continue
        if tensor.numel() < least:
            small[key] = narrowed(tensor, torch.float16)
            continue
        slices = tensor.float().flatten(1)
        largest = slices.abs().amax(1) if slices.numel() else slices.new_ones(len(slices))
        scale = (largest / 127).where(largest / 127 > 0, 1.0)
        small[key] = (slices / scale[:, None]).round().clamp(-127, 127).to(int8).view(tensor.shape)
        small[key + SCALE] = scale
    return small


def _inflated(state: dict[str, Tensor], most: int) -> dict[str, Tensor]:
    """`state` with deflated tensors of format 0, uint8 (bytes,) beside their `SHAPE`, as they were; what does not fit
    together stays as it is, and so does what would have more than `most` numbers."""
    whole = dict(state)
    for name in [key for key in state if key.endswith(SHAPE)]:
        key = name.removesuffix(SHAPE)
        sizes, content = state[name], state.get(key)
        if content is None or content.dtype != uint8 or sizes.dtype != int64 or sizes.ndim != 1:
            continue
        shape = sizes.tolist()
        size = math.prod(shape)
        # What is worth deflating shrinks to a fifth at best; zeros alone would to a thousandth.
        if min(shape, default=0) < 1 or size > min(most, MOST_INFLATED * len(content) + LEAST):
            continue
        try:
            levels = zlib.decompressobj().decompress(content.numpy().tobytes(), size + 1)
        except zlib.error:
            continue
        if len(levels) == size:
            kind = uint8 if key.endswith(PLACES) else int8
            whole[key] = torch.frombuffer(bytearray(levels), dtype=kind).view(shape)
            del whole[name]
    return whole


def restored(state: dict[str, Tensor], most: int = MOST) -> dict[str, Tensor]:
    """`state` with what `rounded`, now or in format 0, made int8 as float32 again; all else as it is, what does not fit
    together too. most: numbers in any tensor, which bounds what a file that is not trusted may be inflated to."""
    state = _inflated(state, most)
    whole = dict(state)
    for name in [key for key in state if key.endswith(PLACES)]:
        key, places, kept = name.removesuffix(PLACES), state[name], state.get(name.removesuffix(PLACES))
        if kept is None or kept.ndim != 1 or kept.dtype != int8 or places.ndim != 2 or places.dtype != uint8:
            continue
        there = (places[:, :, None] & _bits()).bool().flatten(1)
        if int(there.sum()) == len(kept):
            whole[key] = kept.new_zeros(there.shape).masked_scatter(there, kept)
            del whole[name]
    for name in [key for key in state if key.endswith(SCALE)]:
        key, scale = name.removesuffix(SCALE), state[name]
        tensor = whole.get(key)
        if tensor is not None and tensor.dtype == int8 and tensor.ndim > 1 and scale.shape == tensor.shape[:1]:
            whole[key] = tensor.float() * scale.float().view(-1, *[1] * (tensor.ndim - 1))
            del whole[name]
    return whole


def _bits() -> Tensor:
    return torch.tensor([1 << k for k in range(8)], dtype=uint8, device="cpu")

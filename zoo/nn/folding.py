"""Folding: linear layers that follow one another as one, for inference.

Of a flow, they are one matrix product. W, W⁻¹ and log |det W| of an invertible 1 × 1 convolution are the same for every
batch, and an actnorm before it is one more diagonal factor. `Folded` works them out once, and again when a tensor they
were made of has other values.
Of a convolution and the batch norm after it, which in eval mode is one more factor and shift, `Normed` does the same.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Linear(Protocol):
    """A bijection z = W·x + b over dimension 1, the same at every pixel."""

    def sources(self) -> tuple[Tensor, ...]:
        """All the parameters and buffers that W and b depend on."""

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """W (features, features), b (features,) and log |det W|."""


class Folded:
    """Linear layers, the first applied first, as one: `forward` and `inverse` are those of a bijection.

    Whether the product still holds is decided by comparing values, not versions or addresses, so that nothing done to a
    parameter can go unnoticed: loading, an optimiser's step, an average, another device or type, a write to `.data`.
    """

    def __init__(self, layers: Sequence[Linear]) -> None:
        self.layers = tuple(layers)
        self._made_of: list[Tensor] = []

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The latents of `x` and log |det J| (n,)."""
        self._refresh()
        return _product(self._weight, self._shift, x), (math.prod(x.shape[2:]) * self._log_det).expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        """The x of which `z` is the image."""
        self._refresh()
        return _product(self._inverse_weight, self._inverse_shift, z)

    def _refresh(self) -> None:
        sources = [tensor for layer in self.layers for tensor in layer.sources()]
        if len(self._made_of) == len(sources) and all(map(same, self._made_of, sources)):
            return
        # Outside of inference mode, whose tensors could not be copied with the model later.
        with torch.inference_mode(False), torch.no_grad():
            parts = [tuple(part.cpu().double() for part in layer.affine()) for layer in self.layers]
            weight, shift, log_det = parts[0]
            for w, b, change in parts[1:]:
                weight, shift, log_det = w @ weight, w @ shift + b, log_det + change
            # In float64, so that the inverse of a float32 layer is as exact as its products are.
            inverse = torch.linalg.inv(weight)
            results = (weight.T, shift, inverse.T, -inverse @ shift, log_det)
            self._weight, self._shift, self._inverse_weight, self._inverse_shift, self._log_det = (
                result.contiguous().to(sources[0]) for result in results
            )
            self._made_of = [tensor.clone() for tensor in sources]


def same(a: Tensor, b: Tensor) -> bool:
    """Whether what was worked out from `a` holds for `b`: type, device and every value are the same."""
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)


def _product(weight: Tensor, shift: Tensor, x: Tensor) -> Tensor:
    """x·weight + shift over dimension 1; images come back in the channels_last layout, which makes them a matrix."""
    if x.ndim == 2:
        return torch.addmm(shift, x, weight)
    n, channels, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
    return torch.addmm(shift, pixels, weight).view(n, height, width, channels).permute(0, 3, 1, 2)


class Normed:
    """A convolution and the batch norm that follows it, in eval mode, as one convolution for inference.

    It is made anew, like `Folded`, when a tensor that it was made of has other values.
    """

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        self.convolution, self.norm = convolution, norm
        self._made_of: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        """norm(convolution(x)) up to rounding."""
        self._refresh()
        layer = self.convolution
        return F.conv2d(x, self._weight, self._bias, layer.stride, layer.padding, layer.dilation, layer.groups)

    def _refresh(self) -> None:
        layer, norm = self.convolution, self.norm
        held = (layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        sources = [tensor for tensor in held if tensor is not None]
        if len(self._made_of) == len(sources) and all(map(same, self._made_of, sources)):
            return
        # Outside of inference mode, whose tensors could not be copied with the model later.
        with torch.inference_mode(False), torch.no_grad():
            wide = torch.float32 if layer.weight.device.type == "mps" else torch.float64  # which Apple's GPUs lack
            fused = fuse_conv_bn_eval(copy.deepcopy(layer).to(wide), copy.deepcopy(norm).to(wide))
            assert fused.bias is not None
            self._weight, self._bias = fused.weight.data.to(sources[0]), fused.bias.data.to(sources[0])
            self._made_of = [tensor.clone() for tensor in sources]

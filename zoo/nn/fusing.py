"""Fusing: what eval mode computes of weights alone, made once and not at every call.

Linear bijections that follow one another are one matrix product: W, W⁻¹ and log |det W| of an invertible 1 × 1
convolution are the same for every batch, and an actnorm before it is one more diagonal factor. A batch norm in eval
mode is one more factor and shift of the convolution before it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Fusible(nn.Module):
    """A layer that in eval mode computes with another module, `fusion()`, made of its weights: at every call, or once
    by `fuse()`. The values are the same.

    What was fused is in no state dict. It follows the layer to another device or type, and is dropped in training mode,
    when the layer is given a state dict, and where gradients of its weights are asked for, which change them. After a
    write to a weight by hand, call `fuse()` again.
    """

    fused: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self.fused = None

    def fusion(self) -> nn.Module:
        """The module to compute with, whose tensors are buffers; made without gradients."""
        raise NotImplementedError

    def weighted(self) -> list[nn.Module]:
        """The modules whose weights the fusion is made of."""
        return [module for module in self.children() if module is not self.fused]

    def fuse(self) -> None:
        """Make the fusion now and keep it, in eval mode; in training mode, or without storage, do nothing."""
        if not self._varies() and not self._is_meta():
            # Outside of inference mode, whose tensors could not be copied with the model later.
            with torch.inference_mode(False), torch.no_grad():
                # In eval mode, or a call would find a model that is not all in it, and copy the model.
                self.fused = self.fusion().eval()

    def current(self) -> nn.Module | None:
        """The fusion; None where the layer itself is called for: in training mode, for gradients of its weights, or in
        a graph made of a layer that was not fused."""
        fused = self.fused  # which another thread may drop meanwhile
        if fused is not None and torch.compiler.is_compiling():  # a graph holds no gradients of weights
            return fused
        if self._varies() or (torch.is_grad_enabled() and any(p.requires_grad for p in self._parameters_of())):
            if fused is not None:
                self.fused = None
            return None
        # What a graph does not find fused it would make of symbols.
        if fused is None and not self._is_meta() and not torch.compiler.is_compiling():
            with torch.no_grad():
                return self.fusion()
        return fused

    def train(self, mode: bool = True) -> Self:
        if mode:
            self.fused = None
        return super().train(mode)

    def _varies(self) -> bool:
        return self.training or any(module.training for module in self.weighted())

    def _parameters_of(self) -> list[nn.Parameter]:
        return [parameter for module in self.weighted() for parameter in module.parameters()]

    def _is_meta(self) -> bool:
        return any(parameter.is_meta for parameter in self._parameters_of())

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        fused, self.fused = self.fused is not None, None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if fused:
            self.fuse()
        return self

    def _load_from_state_dict(self, *args: Any) -> None:
        self.fused = None
        super()._load_from_state_dict(*args)


class Linear(Protocol):
    """A bijection z = W·x + b over dimension 1, the same at every pixel."""

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """W (features, features), b (features,) and log |det W|."""


class Product(nn.Module):
    """Linear bijections, the first applied first, as one."""

    weight: Tensor
    shift: Tensor
    inverse_weight: Tensor
    inverse_shift: Tensor
    log_det: Tensor

    def __init__(self, layers: Sequence[Linear]) -> None:
        super().__init__()
        affine = [layer.affine() for layer in layers]
        # In float64, which not every device has, so that the inverse of a float32 layer is as exact as its products.
        parts = [tuple(part.cpu().double() for part in each) for each in affine]
        weight, shift, log_det = parts[0]
        for w, b, change in parts[1:]:
            weight, shift, log_det = w @ weight, w @ shift + b, log_det + change
        inverse = torch.linalg.inv(weight)
        made = {
            "weight": weight.T,
            "shift": shift,
            "inverse_weight": inverse.T,
            "inverse_shift": -inverse @ shift,
            "log_det": log_det,
        }
        for name, tensor in made.items():
            self.register_buffer(name, tensor.contiguous().to(affine[0][0]), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The latents of `x` and log |det J| (n,)."""
        log_det = math.prod(x.shape[2:]) * self.log_det
        return _product(self.weight, self.shift, x), log_det.expand(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        """The x of which `z` is the image."""
        return _product(self.inverse_weight, self.inverse_shift, z)


def _product(weight: Tensor, shift: Tensor, x: Tensor) -> Tensor:
    """x·weight + shift over dimension 1; images come back in the channels_last layout, which makes them a matrix."""
    if x.ndim == 2:
        return torch.addmm(shift, x, weight)
    n, channels, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
    return torch.addmm(shift, pixels, weight).view(n, height, width, channels).permute(0, 3, 1, 2)


class NormedConv2d(nn.Module):
    """A convolution and the batch norm that follows it, in eval mode, as one convolution."""

    weight: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.stride, self.padding = convolution.stride, convolution.padding
        self.dilation, self.groups = convolution.dilation, convolution.groups
        kind = convolution.weight
        wide = torch.float32 if kind.device.type == "mps" else torch.float64  # which Apple's GPUs lack
        fused = fuse_conv_bn_eval(copy.deepcopy(convolution).to(wide), copy.deepcopy(norm).to(wide))
        assert fused.bias is not None
        self.register_buffer("weight", fused.weight.data.to(kind), persistent=False)
        self.register_buffer("bias", fused.bias.data.to(kind), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

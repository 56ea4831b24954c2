"""Batch norm of a batch that several processes share: its means and variances are those of the whole.

torch's SyncBatchNorm does the same on GPUs alone, and is a layer of its own that a released model would be made of.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F


def synchronise(module: nn.Module) -> None:
    """Let every batch norm within look in train mode at what all processes have, from now on; in eval mode, and in
    files of weights, all is as it was. Those of a class of their own do so that have a field `synchronised`."""
    for each in module.modules():
        if (kind := KINDS.get(type(each))) is not None:
            each.__class__ = kind
        elif hasattr(each, "synchronised"):
            each.synchronised = True  # type: ignore[assignment]


def moments(x: Tensor, dims: list[int], *, whole: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance (divided by n) and n of `x` over `dims`; with `whole` of what all processes have, of which each
    must call this, with gradients of them all."""
    total: Any = _Sum.apply if whole else torch.Tensor.clone
    n = total(x.new_full((), math.prod(x.shape[dim] for dim in dims)))
    mean = total(x.sum(dims)) / n
    shape = [1 if dim in dims else size for dim, size in enumerate(x.shape)]
    variance = total((x - mean.view(shape)).square().sum(dims)) / n
    return mean, variance, n


def batch_norm(
    x: Tensor, mean: Tensor, variance: Tensor, *, momentum: float = 0.1, eps: float = 1e-5, whole: bool
) -> Tensor:
    """`torch.nn.functional.batch_norm` in train mode, without gain and bias, of (n, channels, …); with `whole` over all
    processes. `mean` and `variance` are the running ones, which are updated."""
    if not whole:
        return F.batch_norm(x, mean, variance, training=True, momentum=momentum, eps=eps)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    now, spread, n = moments(wide, [0, *range(2, x.ndim)], whole=True)
    with torch.no_grad():
        mean.lerp_(now.to(mean.dtype), momentum)
        variance.lerp_((spread * n / (n - 1)).to(variance.dtype), momentum)
    shape = [1, -1, *[1] * (x.ndim - 2)]
    made = (wide - now.view(shape)) * (spread + eps).rsqrt().view(shape)
    return made.to(x.dtype)


class _Sum(torch.autograd.Function):
    """Over all processes, whose gradients with respect to it are summed as well."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        return _Sum.apply(gradients[0])


class _Synchronised(nn.modules.batchnorm._BatchNorm):
    """One of torch's batch norms, with running statistics."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.running_mean is None or self.running_var is None or self.momentum is None:
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        running = self.running_mean, self.running_var
        made = batch_norm(input, *running, momentum=self.momentum, eps=self.eps, whole=True)
        if not self.affine:
            return made
        shape = [1, -1, *[1] * (input.ndim - 2)]
        return (made * self.weight.view(shape) + self.bias.view(shape)).to(input.dtype)  # under autocast as well


class _Of1d(_Synchronised, nn.BatchNorm1d):
    pass


class _Of2d(_Synchronised, nn.BatchNorm2d):
    pass


KINDS: dict[type, type] = {nn.BatchNorm1d: _Of1d, nn.BatchNorm2d: _Of2d}

"""Batch norm of a batch that several processes share: its means and variances are those of the whole.

torch's SyncBatchNorm does the same on GPUs alone, and is a layer of its own that a released model would be made of.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from zoo.errors import TrainingError


def synchronise(module: nn.Module) -> None:
    """Let every batch norm within look in train mode at what all processes have, from now on; in eval mode, and in
    files of weights, all is as it was. Those of a class of their own do so that have a field `synchronised`. Raises
    TrainingError for any other that is one of torch's."""
    for each in module.modules():
        if (kind := KINDS.get(type(each))) is not None:
            each.__class__ = kind
        elif hasattr(each, "synchronised"):
            each.synchronised = True  # type: ignore[assignment]
        elif isinstance(each, nn.modules.batchnorm._BatchNorm) and not isinstance(each, DOING):
            names = ", ".join(kind.__name__ for kind in KINDS)
            raise TrainingError(
                f"sync_batch_norm=True, and the model has a {type(each).__name__}; expected {names}, or a class with a "
                "field `synchronised`, that it goes by. Leave sync_batch_norm out, or change the class."
            )


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
    x: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
    whole: bool,
) -> Tensor:
    """`torch.nn.functional.batch_norm` in train mode, without gain and bias, of (n, channels, …); with `whole` over all
    processes. `mean` and `variance` are the running ones, which are updated, if there are any."""
    if not whole:
        return F.batch_norm(x, mean, variance, training=True, momentum=momentum, eps=eps)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    now, spread, n = moments(wide, [0, *range(2, x.ndim)], whole=True)
    if mean is not None and variance is not None:
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
    """One of torch's batch norms."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        momentum = self.momentum or 0.0
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean over all batches
                momentum = 1 / float(self.num_batches_tracked)
        running = self.running_mean, self.running_var
        made = batch_norm(input, *running, momentum=momentum, eps=self.eps, whole=True)
        if not self.affine:
            return made
        shape = [1, -1, *[1] * (input.ndim - 2)]
        return (made * self.weight.view(shape) + self.bias.view(shape)).to(input.dtype)  # under autocast as well


class _Of1d(_Synchronised, nn.BatchNorm1d):
    pass


class _Of2d(_Synchronised, nn.BatchNorm2d):
    pass


class _Of3d(_Synchronised, nn.BatchNorm3d):
    pass


KINDS: dict[type, type] = {nn.BatchNorm1d: _Of1d, nn.BatchNorm2d: _Of2d, nn.BatchNorm3d: _Of3d}
DOING = (nn.SyncBatchNorm, *KINDS.values())  # it already

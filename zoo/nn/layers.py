"""Layers that several models share: torch's own functions, faster on a CPU, and one with a gradient of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# By its place in memory the mean and variance (channels,) that each instance norm is to use, or, if it has none yet, to
# take of the whole batch: parts of one image. None outside of `pooled`.
_POOLED: ContextVar[dict[int, tuple[Tensor, Tensor]] | None] = ContextVar("pooled", default=None)


@contextmanager
def pooled(statistics: dict[int, tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Let instance norms take what comes for parts of one image: the first batch says what their `statistics`, a
    dictionary that is empty before, are, and all later ones are normed by these."""
    token = _POOLED.set(statistics)
    try:
        yield
    finally:
        _POOLED.reset(token)


def is_pooled() -> bool:
    """Whether this is within `pooled`, of which a compiled graph knows nothing."""
    return _POOLED.get() is not None


class InstanceNorm2d(nn.InstanceNorm2d):
    """`torch.nn.InstanceNorm2d` (Ulyanov et al. 2016, arXiv:1607.08022) that keeps the channels_last layout on a CPU.

    Torch's own lays channels_last images out anew before and after, which costs more than the norm. Of a single image
    an instance norm is batch norm, and that does not; so the images (n, channels, h, w) are normed one by one.
    """

    def forward(self, x: Tensor) -> Tensor:
        statistics = None if torch.compiler.is_compiling() else _POOLED.get()
        if statistics is not None:
            if id(self) not in statistics:
                variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
                statistics[id(self)] = mean.to(x.dtype), variance.to(x.dtype)
            return F.batch_norm(x, *statistics[id(self)], self.weight, self.bias, training=False, eps=self.eps)
        # A graph, whose number of images is open, cannot take them one by one.
        whole = x.ndim != 4 or x.device.type != "cpu" or torch.compiler.is_compiling()
        if whole or x.is_contiguous() or self.track_running_stats:
            return super().forward(x)
        self._check_input_dim(x)
        images = (
            F.batch_norm(one, None, None, self.weight, self.bias, training=True, eps=self.eps)
            for one in torch.split(x, 1)
        )
        return torch.cat(list(images)) if x.shape[0] > 1 else next(images)


class NarrowConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` to few channels, 2 × 2 pixels of the result at once.

    Its kernel, at the four places within a larger one, gives four times as many channels with a stride of 2: the same
    sums, three times as fast on a CPU, whose vectors three channels do not fill. Where the result has no even sides, or
    the kernel strides, spreads or sees only groups of channels, it is torch's own.
    """

    def forward(self, x: Tensor) -> Tensor:
        padding: str | tuple[int, ...] = self.padding
        if isinstance(padding, str) or self.padding_mode != "zeros":
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            x, padding = F.pad(x, self._reversed_padding_repeated_twice, mode=mode), (0, 0)
        sides = (side + 2 * p - k + 1 for side, p, k in zip(x.shape[-2:], padding, self.kernel_size, strict=True))
        dense = self.stride == self.dilation == (1, 1) and self.groups == 1
        if not dense or any(side % 2 for side in sides):
            return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        corners = [F.pad(self.weight, (j, 1 - j, i, 1 - i)) for i in range(2) for j in range(2)]
        kernel = torch.stack(corners, 1).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        return F.pixel_shuffle(F.conv2d(x, kernel, bias, stride=2, padding=padding), 2)


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def bounded(x: Tensor) -> Tensor:
    """x clamped to [0, 1], with the gradient of x itself: a search for an image's latents gets a pixel back that is
    beyond black or white, where that of a clamp is 0."""
    images: Tensor = _Bounded.apply(x)
    return images


def dense(sizes: Sequence[int], *, dropout: float = 0.0) -> nn.Sequential:
    """Dense layers from sizes[0] to sizes[-1] with leaky ReLU, and dropout, after all but the last."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def initialise(network: nn.Module) -> None:
    """Weights from N(0, 0.02²), batch norm scales from N(1, 0.02²), biases 0, as those of DCGAN (Radford et al. 2015,
    section 4 and the authors' code)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def initialise_convolutions(network: nn.Module) -> None:
    """Weights of convolutions from N(0, 0.02²), and nothing else (Isola et al. 2017, appendix 6.2)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)

"""Layers of the growing and the style-based GANs: equalized learning rate, pixel norm, minibatch standard deviation.

Karras, Aila, Laine, Lehtinen 2018, "Progressive growing of GANs for improved quality, stability, and variation",
arXiv:1710.10196, section 4 and appendix A.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY = 0.2  # slope of the leaky ReLUs (table 2)
HE = math.sqrt(2)  # gain before a ReLU (He et al. 2015, arXiv:1502.01852, eq. 10); 1 where none follows


class EqualizedLinear(nn.Linear):
    """`torch.nn.Linear` with equalized learning rate: weights are stored as N(0, 1) and scaled when they are used, by
    gain/√fan_in, He's constant, so that Adam, whose steps do not depend on a parameter's scale, learns all layers at
    the same speed (section 4.1).

    rate: multiplies the learning rate of this layer alone, which is stored larger by 1/rate and used smaller (Karras et
    al. 2019, arXiv:1812.04948, appendix C). start: of the bias.
    """

    def __init__(self, before: int, after: int, *, gain: float = HE, rate: float = 1.0, start: float = 0.0) -> None:
        super().__init__(before, after)
        self.scale, self.rate = gain / math.sqrt(before) * rate, rate
        nn.init.normal_(self.weight, 0.0, 1 / rate)
        nn.init.constant_(self.bias, start / rate)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualizedConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` with equalized learning rate, as `EqualizedLinear` has it."""

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        gain: float = HE,
        bias: bool = True,
    ) -> None:
        super().__init__(before, after, kernel, stride, kernel // 2 if padding is None else padding, bias=bias)
        self.scale = gain / math.sqrt(before * kernel**2)
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.padding)


def pixel_norm(x: Tensor) -> Tensor:
    """x/√(mean over channels of x² + 10⁻⁸) at each pixel of (n, channels, …) (section 4.2)."""
    least = max(1e-8, torch.finfo(x.dtype).tiny)  # 10⁻⁸ is 0 in float16
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + least)


def minibatch_std_dev(x: Tensor, group: int = 4) -> Tensor:
    """(n, channels, h, w) with one more channel, in which each image has the standard deviation over images of its
    group, averaged over channels and pixels: what tells a discriminator that images are all alike (section 3).

    group: how many images are compared, 4 as in the authors' code, where the paper takes the whole batch; all n if they
    cannot be shared out so.
    """
    n, _, height, width = x.shape
    size = group if n % group == 0 else n
    # Image i is compared with i + n/size, i + 2n/size, …: the layout of the authors' code.
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    deviations = wide.view(size, n // size, *x.shape[1:]).var(0, unbiased=False).add(1e-8).sqrt()
    spread = deviations.mean((1, 2, 3)).to(x.dtype).repeat(size)
    return torch.cat([x, spread[:, None, None, None].expand(n, 1, height, width)], 1)


class MinibatchStdDev(nn.Module):
    """`minibatch_std_dev` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return minibatch_std_dev(x)


def discriminator_epilogue(width: int) -> nn.Sequential:
    """The end of a discriminator: features (n, width, 4, 4) to outputs (n, 1) (table 2)."""
    return nn.Sequential(
        MinibatchStdDev(),
        EqualizedConv2d(width + 1, width, 3),
        nn.LeakyReLU(LEAKY),
        nn.Flatten(),
        EqualizedLinear(16 * width, width),
        nn.LeakyReLU(LEAKY),
        EqualizedLinear(width, 1, gain=1),
    )

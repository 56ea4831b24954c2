"""Changes of size with a low-pass filter, so that what is finer than the smaller size does not come back as a pattern.

Zhang 2019, "Making convolutional networks shift-invariant again", arXiv:1904.11486; the filter [1, 3, 3, 1] is that of
Karras et al. 2020, arXiv:1912.04958. Zeros lie outside of an image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

FILTER = (1.0, 3.0, 3.0, 1.0)


def blurred(x: Tensor, padding: int, *, gain: float = 1.0) -> Tensor:
    """x (n, c, h, w), filtered: (n, c, h + 2·padding − 3, w + 2·padding − 3)."""
    return F.conv2d(x, _kernel(x, gain), padding=padding, groups=x.shape[1])


def enlarged(x: Tensor) -> Tensor:
    """x (n, c, h, w), twice as large: (n, c, 2h, 2w)."""
    return F.conv_transpose2d(x, _kernel(x, 4.0), stride=2, padding=1, groups=x.shape[1])


def enlarging_conv(x: Tensor, weight: Tensor) -> Tensor:
    """x (n, before, s, s) by a transposed convolution of stride 2 with weight (after, before, 3, 3), then filtered:
    (n, after, 2s, 2s)."""
    return blurred(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, gain=4.0)


def _kernel(x: Tensor, gain: float) -> Tensor:
    """The filter for each channel (c, 1, 4, 4), whose numbers sum to `gain`."""
    line = torch.tensor(FILTER, dtype=x.dtype, device=x.device)
    kernel = torch.outer(line, line)
    return (gain / kernel.sum() * kernel).expand(x.shape[1], 1, -1, -1)

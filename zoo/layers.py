"""Blocks that several models share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InstanceNorm2d(nn.InstanceNorm2d):
    """`torch.nn.InstanceNorm2d` (Ulyanov et al. 2016, arXiv:1607.08022) that keeps the channels_last layout.

    Torch's own lays channels_last images out anew before and after, which costs more than the norm. Of a single image
    an instance norm is batch norm, and that does not; so the images (n, channels, h, w) are normed one by one.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.is_contiguous() or self.track_running_stats:
            return super().forward(x)
        parts = [F.batch_norm(one, None, None, self.weight, self.bias, True, 0.0, self.eps) for one in x.split(1)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

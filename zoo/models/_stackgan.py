"""Blocks of both StackGANs (Zhang et al. 2017, arXiv:1612.03242, sections 3.3 and 3.4)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def growing(before: int, after: int) -> list[nn.Module]:
    """The layers that take (n, before, s, s) to (n, after, 2s, 2s)."""
    return [
        nn.Upsample(scale_factor=2),
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]


class Residual(nn.Module):
    """(n, width, s, s) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.change(x))

"""SRResNet's network, which is SRGAN's generator: Ledig et al. 2017, arXiv:1609.04802, figure 4.

A 9 × 9 convolution, residual blocks of two convolutions with batch norm, one more with a long skip, two stages that
double the size by pixel shuffle (Shi et al. 2016, arXiv:1609.05158), and another 9 × 9 convolution.
`zoo/models/translation/srresnet.py` says how it differs from the paper's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.fusing import Fusible, NormedConv2d
from zoo.nn.layers import InstanceNorm2d, NarrowConv2d

SLOPE = 0.2  # of the activations after pixel shuffles, if it is not learned


class Convolution(Fusible):
    """3 × 3 with batch norm, (n, width, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        fused = self.current()
        normed: Tensor = self.norm(self.convolution(x)) if fused is None else fused(x)
        return normed

    def fusion(self) -> NormedConv2d:
        return NormedConv2d(self.convolution, self.norm)


class InstanceConvolution(nn.Module):
    """3 × 3 with instance norm, (n, width, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = InstanceNorm2d(width, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.convolution(x))
        return normed


CONVOLUTIONS: dict[str, type[nn.Module]] = {"batch": Convolution, "instance": InstanceConvolution}


class Residual(nn.Module):
    """Two convolutions beside the identity: (n, width, h, w) to the same."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(CONVOLUTIONS[norm](width), nn.PReLU(), CONVOLUTIONS[norm](width))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


class Shuffle(nn.Module):
    """(n, 4·width, h, w) to (n, width, 2h, 2w): four pixels for each, one from each quarter of its channels.

    Shi et al.'s pixel shuffle but for the order of the channels, with which neighbours in memory stay neighbours.
    """

    def forward(self, x: Tensor) -> Tensor:
        n, channels, h, w = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, channels // 4).transpose(2, 3)
        return pixels.reshape(n, 2 * h, 2 * w, channels // 4).permute(0, 3, 1, 2)


class Network(nn.Module):
    """Images (n, channels, h, w) in [0, 1] to (n, channels, 4h, 4w), which may leave that range.

    bicubic: whether what the layers make is added to the bicubic enlargement, or is all of the image. signed: whether
    they take and make pixels in [−1, 1], or in [0, 1]. slopes: whether the activations after pixel shuffles learn
    theirs. norm: "batch" or "instance". squashed: whether a tanh follows, and they make pixels in [−1, 1] anyway.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        blocks: int,
        *,
        bicubic: bool = True,
        signed: bool = True,
        slopes: bool = False,
        norm: str = "batch",
        squashed: bool = False,
    ) -> None:
        super().__init__()
        self.bicubic, self.signed, self.squashed = bicubic, signed, squashed
        # What a pixel depends on: the convolutions of the head, of the blocks, the one after, and of the tail.
        self.overlap = 4 + 2 * blocks + 1 + 3
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        body = [*(Residual(width, norm) for _ in range(blocks)), CONVOLUTIONS[norm](width)]
        self.body = nn.Sequential(*body)  # (n, width, h, w)
        stages: list[nn.Module] = []
        for _ in range(2):  # to (n, width, 4h, 4w)
            # Activations before or after the shuffle are the same; in place they must not be in a view.
            activation = nn.PReLU() if slopes else nn.LeakyReLU(SLOPE, inplace=True)
            stages += [nn.Conv2d(width, 4 * width, 3, padding=1), activation, Shuffle()]
        last = NarrowConv2d(width, channels, 9, padding=4)
        self.tail = nn.Sequential(*stages, last)
        with torch.no_grad():  # the first images are not far from the bicubic ones
            last.weight.mul_(0.1)

    def forward(self, sources: Tensor) -> Tensor:
        made = self.made(2 * sources - 1 if self.signed else sources)
        if not self.bicubic:
            return (made + 1) / 2 if self.signed or self.squashed else made
        # A CPU has no kernel for this in half precision.
        wide = sources.to(torch.promote_types(sources.dtype, torch.float32))
        base = F.interpolate(wide, scale_factor=4, mode="bicubic", antialias=True)
        return base.to(sources) + made

    def made(self, x: Tensor) -> Tensor:
        """What the layers make, (n, channels, 4h, 4w), of images (n, channels, h, w) in their range."""
        x = self.head(x.contiguous(memory_format=torch.channels_last))
        result: Tensor = self.tail(x + self.body(x))
        return result.tanh() if self.squashed else result

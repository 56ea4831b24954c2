"""The network of `ddpm`: a U-Net with a time embedding.

Ho et al. 2020, appendix B, after Salimans et al. 2017 (PixelCNN++) and Ronneberger et al. 2015 (U-Net): residual blocks
with group normalisation, the time as sines and cosines (Vaswani et al. 2017) added in each, self-attention at small
sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Layers' names in files of format 0.
FORMER = {
    "ask": "to_qkv",
    "answer": "proj_out",
    "enter": "conv_in",
    "leave": "conv_out",
    "shrink": "downsample",
    "grow": "upsample",
}


@dataclass(frozen=True)
class Kind:
    """What layers have in common. groups, epsilon: of every group normalisation. published: whether the network is the
    one of the authors' code: self-attention at one level only, two residual blocks in the middle, rows and columns of
    zeros below and on the right of what is halved, and times from 0 on whose frequencies fall to 1/10000."""

    groups: int = 8
    published: bool = False

    @property
    def epsilon(self) -> float:
        return 1e-6 if self.published else 1e-5

    def norm(self, channels: int) -> nn.GroupNorm:
        return nn.GroupNorm(self.groups, channels, self.epsilon)

    def halved(self, channels: int) -> nn.Module:
        """(n, channels, 2s, 2s) to (n, channels, s, s)."""
        if self.published:
            return nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, stride=2))
        return nn.Conv2d(channels, channels, 3, stride=2, padding=1)


class Residual(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x))) + time))), the last convolution starting at zero."""

    def __init__(self, inside: int, outside: int, time: int, kind: Kind) -> None:
        super().__init__()
        self.first = nn.Sequential(kind.norm(inside), nn.SiLU(), nn.Conv2d(inside, outside, 3, padding=1))
        self.time = nn.Linear(time, outside)
        self.second = nn.Sequential(kind.norm(outside), nn.SiLU(), nn.Conv2d(outside, outside, 3, padding=1))
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        _start_at_zero(self.second[-1])

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.first(x) + self.time(time)[:, :, None, None]
        y: Tensor = self.skip(x) + self.second(h)
        return y


class Attention(nn.Module):
    """Self-attention of one head among all pixels, added to its input, starting at zero."""

    def __init__(self, channels: int, kind: Kind) -> None:
        super().__init__()
        self.norm = kind.norm(channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)
        _start_at_zero(self.proj_out)

    def forward(self, x: Tensor) -> Tensor:
        # In rows, by which torch's fused attention reads, and of one head, which ONNX needs named.
        rows = self.to_qkv(self.norm(x)).flatten(2).transpose(1, 2).contiguous().unsqueeze(1)
        query, key, value = rows.chunk(3, dim=3)  # each (n, 1, h·w, c)
        values = F.scaled_dot_product_attention(query, key, value).transpose(2, 3)
        y: Tensor = x + self.proj_out(values.reshape(x.shape))
        return y


class Level(nn.Module):
    """A residual block, and attention where the level has it."""

    def __init__(self, inside: int, outside: int, time: int, attends: bool, kind: Kind) -> None:
        super().__init__()
        self.residual = Residual(inside, outside, time, kind)
        self.attention = Attention(outside, kind) if attends else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        y: Tensor = self.attention(self.residual(x, time))
        return y


class UNet(nn.Module):
    """Images (n, channels, size, size) and timesteps (n,) to the noise in them, of the images' shape.

    width: channels at full size; multipliers: of width, one for each level, half the size of the one before; attention:
    the level from which on residual blocks are followed by self-attention, or the only one; blocks: of a level on the
    way down, one more on the way up.
    """

    def __init__(
        self, channels: int, width: int, multipliers: Sequence[int], attention: int, blocks: int, kind: Kind
    ) -> None:
        super().__init__()
        self.blocks, self.published = blocks, kind.published
        widths = [width * multiplier for multiplier in multipliers]
        time, last = 4 * width, len(widths) - 1
        self.frequencies = width // 2
        self.time = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time), nn.SiLU())
        self.conv_in = nn.Conv2d(channels, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.downsample, self.upsample = nn.ModuleList(), nn.ModuleList()
        kept = [width]  # channels of what the way down leaves for the way up
        attends = [level == attention if kind.published else level >= attention for level in range(len(widths))]
        for level, outside in enumerate(widths):
            for _ in range(blocks):
                self.down.append(Level(kept[-1], outside, time, attends[level], kind))
                kept.append(outside)
            if level < last:
                self.downsample.append(kind.halved(outside))
                kept.append(outside)
        self.middle = Level(widths[-1], widths[-1], time, True, kind)
        if kind.published:
            self.middle_last = Residual(widths[-1], widths[-1], time, kind)
        inside = widths[-1]
        for level, outside in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(Level(inside + kept.pop(), outside, time, attends[level], kind))
                inside = outside
            if level:
                self.upsample.append(nn.Conv2d(outside, outside, 3, padding=1))
        self.conv_out = nn.Sequential(kind.norm(inside), nn.SiLU(), nn.Conv2d(inside, channels, 3, padding=1))
        _start_at_zero(self.conv_out[-1])

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        time = self.time(self.embed(t).to(x.dtype))
        x = self.conv_in(x)
        kept = [x]
        for i, block in enumerate(self.down):
            kept.append(x := block(x, time))
            level, within = divmod(i, self.blocks)
            if within == self.blocks - 1 and level < len(self.downsample):
                kept.append(x := self.downsample[level](x))
        x = self.middle(x, time)
        if self.published:
            x = self.middle_last(x, time)
        for i, block in enumerate(self.up):
            x = block(torch.cat((x, kept.pop()), 1), time)
            level, within = divmod(i, self.blocks + 1)
            if within == self.blocks and level < len(self.upsample):
                x = self.upsample[level](F.interpolate(x, scale_factor=2.0, mode="nearest"))
        y: Tensor = self.conv_out(x)
        return y

    def embed(self, t: Tensor) -> Tensor:
        """Sines and cosines of `t` at falling frequencies, (n, width), as in Vaswani et al. 2017, section 3.5."""
        # The last frequency is 1/10000 there, and the first time 0.
        last = self.frequencies - 1 if self.published else self.frequencies
        exponents = torch.arange(self.frequencies, dtype=torch.float32, device=t.device) / last
        times = t - 1 if self.published else t
        angles = times[:, None].float() * torch.exp(-math.log(10_000) * exponents)
        return torch.cat((angles.sin(), angles.cos()), 1)


def migrated(key: str) -> str:
    """The name of a tensor of the network that has `key` in a file of format 0."""
    return ".".join(FORMER.get(part, part) for part in key.split("."))


def _start_at_zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)

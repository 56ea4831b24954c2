"""Glow: a normalizing flow of invertible 1 × 1 convolutions, whose latents can be played with.

Kingma, Dhariwal 2018, "Glow: Generative flow with invertible 1×1 convolutions", arXiv:1807.03039. A step of flow is an
actnorm, an invertible 1 × 1 convolution and an affine coupling (table 1); a scale is a squeeze and several steps, after
which half of the channels become latents (figure 2b). What leaves has a Gaussian prior whose mean and scale a network
reads off what stays, as in the authors' code; here that is part of the bijection, so the latents are standard normal
and a temperature scales every level's deviation from its conditional mean (section 6, "Effect of temperature").

Differs from the paper:
- log scales are bounded, s = b·tanh(raw / b), where the authors' code has the sigmoid of raw + 2: so a new coupling is
  the identity, and no scale runs away;
- the prior of the last scale is a learned diagonal Gaussian, one mean and scale for each latent;
- the hidden layers of the networks have biases and no actnorm;
- pixels go through the logit of RealNVP (Dinh et al. 2016, section 4.1), so that decoded images are images;
- where a size is odd, blocks of 1 × 2 or 2 × 1 pixels are squeezed;
- far smaller than the paper's networks of 32 steps and 512 channels: see `Config`.

scales="sigmoid" has what the authors' code has instead, as rosinality/glow-pytorch puts it: the sigmoid of raw + 2;
last convolutions that see ones around the image and whose results are scaled by learned numbers; Gaussian priors of
unbounded scale, that of the last scale by such a convolution of zeros; pixels less a half, without a logit; and the
pixels of a block one after another for each channel. preset="paper" is that at the size of its defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import setting
from zoo.errors import ConfigError
from zoo.models._flow import DEQUANTISATIONS, Flow, check_flow_config
from zoo.nn.bijections import Bijection, Centred, Chain, Coupling, MultiScale, Squeeze, zeroed
from zoo.nn.linear import LU, ActNorm, Diagonal
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting((3, 32, 32), "(channels, height, width)")
    levels: int = setting(3, "scales, L in the paper", at_least=1)
    steps: int = setting(16, "of flow at each scale, K in the paper", at_least=1)
    width: int = setting(96, "hidden channels of the networks", at_least=1)
    bound: float = setting(2.0, "largest |log scale| of a coupling", above=0, example=2)
    dequantisation: str = setting("variational", "uniform or variational", choices=DEQUANTISATIONS)
    scales: str = setting("bounded", "bounded, or sigmoid, as in the authors' code", choices=("bounded", "sigmoid"))

    def __post_init__(self) -> None:
        check_flow_config("glow", self)
        if self.scales == "sigmoid" and any(side % 2**self.levels for side in self.image_shape[1:]):
            raise ConfigError(
                f"glow: image_shape={self.image_shape!r}; expected sides that are multiples of {2**self.levels}, which "
                f'{self.levels} levels halve with scales="sigmoid".'
            )


class Network(nn.Module):
    """Given channels (n, given, h, w) to log scale and shift of `changed` others (n, 2 · changed, h, w).

    Three convolutions with two ReLUs, the last starting at zero (section 3.3)."""

    def __init__(self, given: int, changed: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(given, width, 3, padding=1)
        self.middle = nn.Conv2d(width, width, 1)
        self.last = zeroed(nn.Conv2d(width, 2 * changed, 3, padding=1))

    def forward(self, given: Tensor) -> Tensor:
        out: Tensor = self.last(F.relu_(self.middle(F.relu_(self.first(given)))))
        return out


class Prior(nn.Module):
    """What stays (n, channels, h, w) to log scale and shift (n, 2 · channels, h, w) of what leaves: one convolution,
    starting at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.last = zeroed(nn.Conv2d(channels, 2 * channels, 3, padding=1))

    def forward(self, given: Tensor) -> Tensor:
        out: Tensor = self.last(given)
        return out


class Scaled(nn.Module):
    """A 3 × 3 convolution (n, before, h, w) to (n, after, h, w), with ones around the image and a learned scale of each
    channel of the result, starting at zero (the authors' code)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = zeroed(nn.Conv2d(before, after, 3))
        self.log_scale = nn.Parameter(torch.zeros(1, after, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convolution(F.pad(x, (1, 1, 1, 1), value=1.0)) * torch.exp(3 * self.log_scale)
        return out


class SigmoidCoupling(Coupling):
    """z = (x + t)·sigmoid(raw + 2) for the second half of the channels."""

    def __init__(self, channels: int, width: int) -> None:
        network = nn.Sequential(
            nn.Conv2d(channels // 2, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 1),
            nn.ReLU(inplace=True),
            Scaled(width, channels),
        )
        super().__init__(network, (0,), 2)

    def _affine(self, parts: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        raw, shift = self.network(parts[0]).to(dtype).chunk(2, dim=1)
        return F.logsigmoid(raw + 2), shift * torch.sigmoid(raw + 2)


class GaussianPrior(Coupling):
    """z = (x − mean)·exp(−log σ) for the second half of the channels, both read off the first; or, with `alone`, for
    all of them, both read off zeros."""

    def __init__(self, channels: int, *, alone: bool = False) -> None:
        given = channels if alone else channels // 2
        super().__init__(Scaled(given, 2 * given), () if alone else (0,), 1 if alone else 2)

    def _affine(self, parts: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        given = parts[0] if self.given else torch.zeros_like(parts[0])
        mean, log_sigma = self.network(given).to(dtype).chunk(2, dim=1)
        return -log_sigma, -mean * torch.exp(-log_sigma)


class Glow(Flow[Config]):
    """Generate, encode, decode and exact log_prob of images."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "image_shape": (3, 64, 64),
            "levels": 4,
            "steps": 32,
            "width": 512,
            "dequantisation": "uniform",
            "scales": "sigmoid",
        }
    }
    recipe = Recipe(
        dataset="image-folder",
        steps=30_000,
        batch_size=32,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
        clip=1.0,
        schedule="cosine",
        warmup=500,
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config, config.dequantisation)
        shape, sigmoid = config.image_shape, config.scales == "sigmoid"
        scales: list[Bijection] = []
        shapes: list[tuple[int, int, int]] = []
        priors: list[Coupling] = []
        for level in range(config.levels):
            squeeze = Squeeze(shape, by_channel=sigmoid)
            shape = squeeze.shape
            channels = shape[0]
            given, changed = channels - channels // 2, channels // 2  # tensor_split gives the first part the odd one
            layers: list[Bijection] = [squeeze]
            for _ in range(config.steps):
                if sigmoid:
                    layers += [ActNorm(channels), LU(channels), SigmoidCoupling(channels, config.width)]
                    continue
                network = Network(given, changed, config.width)
                layers += [ActNorm(channels), LU(channels), Coupling(network, (0,), 2, bound=config.bound)]
            last = level == config.levels - 1
            if sigmoid and last:
                layers.append(GaussianPrior(channels, alone=True))
            scales.append(Chain(*layers))
            shapes.append(shape)
            if not last:
                bounded = None if sigmoid else Coupling(Prior(channels // 2), (0,), 2, bound=config.bound)
                priors.append(bounded or GaussianPrior(channels))
                shape = (channels // 2, *shape[1:])
        if sigmoid:
            self.pixels = Centred()
            self.bijection = Chain(MultiScale(scales, shapes, priors))
        else:
            self.bijection = Chain(MultiScale(scales, shapes, priors), Diagonal(self.space.dimensions))
        self.to(memory_format=torch.channels_last)

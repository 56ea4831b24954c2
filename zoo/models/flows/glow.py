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
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import setting
from zoo.models._flow import DEQUANTISATIONS, Flow, check_flow_config
from zoo.nn.bijections import Bijection, Chain, Coupling, MultiScale, Squeeze, zeroed
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

    def __post_init__(self) -> None:
        check_flow_config("glow", self)


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


class Glow(Flow[Config]):
    """Generate, encode, decode and exact log_prob of images."""

    config_class = Config
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
        super().__init__(config)
        shape = config.image_shape
        scales: list[Bijection] = []
        shapes: list[tuple[int, int, int]] = []
        priors: list[Coupling] = []
        for level in range(config.levels):
            squeeze = Squeeze(shape)
            shape = squeeze.shape
            channels = shape[0]
            given, changed = channels - channels // 2, channels // 2  # tensor_split gives the first part the odd one
            layers: list[Bijection] = [squeeze]
            for _ in range(config.steps):
                network = Network(given, changed, config.width)
                layers += [ActNorm(channels), LU(channels), Coupling(network, (0,), 2, bound=config.bound)]
            scales.append(Chain(*layers))
            shapes.append(shape)
            if level < config.levels - 1:
                priors.append(Coupling(Prior(channels // 2), (0,), 2, bound=config.bound))
                shape = (channels // 2, *shape[1:])
        self.bijection = Chain(MultiScale(scales, shapes, priors), Diagonal(self.space.dimensions))
        self.to(memory_format=torch.channels_last)

"""RealNVP: a normalizing flow of affine coupling layers with an exact density.

Dinh, Sohl-Dickstein, Bengio 2016, "Density estimation using Real NVP", arXiv:1605.08803. An image is carried to
latents of the same dimension by steps that change one half of the values at a time, given the other half (section 3.2),
so that each is inverted exactly and has a triangular Jacobian. The halves are those of a checkerboard or of the
channels that squeezing 2 × 2 pixels makes (sections 3.4 and 3.6); after each scale half of the values become latents
and the rest goes on at half the resolution (section 3.6). Pixels go through the logit transform of section 4.1.

Differs from the paper:
- pixels y in [0, 1] become logit(α + (1 − 2α)·y) with α = 0.05, see `zoo.nn.bijections.Logit`;
- the noise that makes 8-bit pixels continuous is learned, not uniform: `Config.dequantisation`;
- the networks of checkerboard couplings see their half of the pixels squeezed, at half the resolution, so that nothing
  is computed for masked pixels; where a size is odd and cannot be squeezed, the halves are halves of the channels;
- no batch normalisation, neither as a flow layer (section 3.7) nor in the networks: training and inference are the
  same function. The networks are residual (pre-activation) and learn a bias for each position of the image;
- every scale has four checkerboard and two channel-wise couplings, so that each value changes three times and the half
  that becomes latents changes last, given the half that goes on; the paper has three and three, and four at the end;
- scales are bounded, s = b·tanh(raw / b) with a constant b, and the last layer of each network starts at zero, so that
  every coupling starts as the identity;
- the prior is a learned diagonal Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import setting
from zoo.models._flow import DEQUANTISATIONS, Flow, check_flow_config
from zoo.nn.bijections import Bijection, Chain, Coupling, MultiScale, Squeeze, zeroed
from zoo.nn.linear import Diagonal
from zoo.recipe import Recipe

# How the pixels of a block are halved: these groups are given, the others change. Four groups are the pixels
# (0,0) (0,1) (1,0) (1,1) of a 2 × 2 block.
CHECKERBOARD = {4: (0, 3), 2: (0,)}
CHANNELWISE = {4: (0, 1), 2: (0,)}


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting((1, 28, 28), "(channels, height, width)")
    widths: tuple[int, ...] = setting(
        (64, 96), "hidden channels of the networks, one number per scale", at_least=1, entries=1, example=(64, 96)
    )
    checkerboard: int = setting(4, "couplings of each scale between halves of a checkerboard", at_least=0)
    channelwise: int = setting(2, "couplings of each scale between halves of the channels", at_least=0)
    blocks: int = setting(2, "residual blocks of a network", at_least=0)
    bound: float = setting(2.0, "largest |log scale| of a coupling", above=0, example=2)
    dequantisation: str = setting("variational", "uniform or variational", choices=DEQUANTISATIONS)

    def __post_init__(self) -> None:
        check_flow_config("realnvp", self)


class Network(nn.Module):
    """Given values (n, channels, h, w) to log scale and shift of as many others (n, 2 · channels, h, w), s and t of
    eq. 7."""

    def __init__(self, channels: int, size: tuple[int, int], width: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.position = nn.Parameter(torch.zeros(width, *size))
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.last = zeroed(nn.Conv2d(width, 2 * channels, 1))

    def forward(self, given: Tensor) -> Tensor:
        h = self.first(given)
        h = self.blocks(h + self.position.to(h.dtype))
        out: Tensor = self.last(F.relu_(h))
        return out


class Block(nn.Module):
    """h + conv1x1(relu(conv3x3(relu(h)))): (n, width, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.outer = nn.Conv2d(width, width, 1)

    def forward(self, h: Tensor) -> Tensor:
        change: Tensor = self.outer(F.relu_(self.inner(F.relu(h))))
        return h + change


class RealNVP(Flow[Config]):
    """Generate, encode, decode and exact log_prob of images."""

    config_class = Config
    recipe = Recipe(
        dataset="mnist",
        steps=30_000,
        batch_size=32,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
        clip=1.0,
        schedule="cosine",
        warmup=500,
        objective={"learning_rate": 0.002},
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config, config.dequantisation)
        shape = config.image_shape
        scales: list[Bijection] = []
        shapes: list[tuple[int, int, int]] = []
        for width in config.widths:
            squeeze = Squeeze(shape)
            couplings = _couplings(squeeze, width, config)
            scales.append(Chain(squeeze, *couplings))
            shapes.append(squeeze.shape)
            shape = (squeeze.shape[0] // 2, *squeeze.shape[1:])
        self.bijection = Chain(MultiScale(scales, shapes), Diagonal(self.space.dimensions))
        self.to(memory_format=torch.channels_last)


def _couplings(squeeze: Squeeze, width: int, config: Config) -> list[Coupling]:
    """Those of one scale: first the halves of a checkerboard take turns in changing, then those of the channels."""
    channels, size = squeeze.shape[0] // 2, squeeze.shape[1:]
    couplings = []
    for halves, number in ((CHECKERBOARD, config.checkerboard), (CHANNELWISE, config.channelwise)):
        one = halves[squeeze.groups]
        other = tuple(i for i in range(squeeze.groups) if i not in one)
        for turn in range(number):
            # The last channel-wise coupling changes the half that becomes latents, given the half that goes on.
            given = one if (number - turn) % 2 else other
            network = Network(channels, size, width, config.blocks)
            couplings.append(Coupling(network, given, squeeze.groups, bound=config.bound))
    return couplings

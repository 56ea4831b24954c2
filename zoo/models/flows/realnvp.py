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

network="batch-norm" has what the authors' code has instead, as chrischute/real-nvp puts it: networks with batch
normalisation, which see the whole image, black where pixels are masked, and both x and −x; learned factors of each
channel's tanh as scales; three couplings of either kind at every scale, and four of a checkerboard at the last one;
twice the width for those of channels; a standard normal prior, and the logit itself. In train mode the normalisation is
that of the batch. Where that code differs from the paper it is followed: batch normalisation is none of the flow's
layers. Its weight normalisation is left out, since every such network is one without. preset="paper" is that at the
size of its defaults.
"""
# Long because it is two networks, ours and the authors', with couplings that fit each.

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
from zoo.nn.bijections import Bijection, Chain, Coupling, Logit, MultiScale, Squeeze, zeroed
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
    network: str = setting(
        "positional", "positional, or batch-norm, as in the authors' code", choices=("positional", "batch-norm")
    )

    def __post_init__(self) -> None:
        check_flow_config("realnvp", self)
        multiple = 2 ** (len(self.widths) - 1)
        if self.network == "batch-norm" and any(side % multiple for side in self.image_shape[1:]):
            raise ConfigError(
                f"realnvp: image_shape={self.image_shape!r}; expected sides that are multiples of {multiple}, which "
                f'{len(self.widths)} scales halve with network="batch-norm".'
            )


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


class NormalisedNetwork(nn.Module):
    """Given values (n, channels, h, w) to s and t of as many (n, 2 · channels, h, w), with batch normalisation; `twice`
    as large after the first, where half of the values are masked."""

    def __init__(self, channels: int, width: int, blocks: int, *, twice: bool) -> None:
        super().__init__()
        self.twice = twice
        self.norm = nn.BatchNorm2d(channels)
        self.first = nn.Conv2d(2 * channels, width, 3, padding=1)
        self.skip = nn.Conv2d(width, width, 1)
        self.blocks = nn.ModuleList(NormalisedBlock(width) for _ in range(blocks))
        self.skips = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(blocks))
        self.last = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), zeroed(nn.Conv2d(width, 2 * channels, 1)))

    def forward(self, given: Tensor) -> Tensor:
        x = self.norm(given)
        x = 2 * x if self.twice else x
        h = self.first(F.relu(torch.cat([x, -x], dim=1)))
        total = self.skip(h)
        for block, skip in zip(self.blocks, self.skips, strict=True):
            h = block(h)
            total = total + skip(h)
        out: Tensor = self.last(total)
        return out


class NormalisedBlock(nn.Module):
    """A residual block with batch normalisation before each convolution: (n, width, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, h: Tensor) -> Tensor:
        change: Tensor = self.layers(h)
        return h + change


class Rescaled(Coupling):
    """z = (x + t)·exp(s), s = scale·tanh(raw), for one half of the channels, of which there are 2 · channels."""

    def __init__(self, network: nn.Module, channels: int, given: int) -> None:
        super().__init__(network, (given,), 2)
        self.scale = nn.Parameter(torch.ones(channels))

    def _affine(self, parts: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        raw, shift = self.network(parts[self.given[0]]).to(dtype).chunk(2, dim=1)
        scale = self.scale.view(-1, 1, 1) * torch.tanh(raw)
        return scale, shift * torch.exp(scale)


class Checkerboard(Rescaled):
    """The same for those pixels of all channels whose row and column make an even sum, or, with `odd`, the others."""

    def __init__(self, network: nn.Module, channels: int, *, odd: bool) -> None:
        super().__init__(network, channels, 0)
        self.odd = odd

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self._masked(x)
        return torch.addcmul(shift, x, torch.exp(scale)), scale.flatten(1).sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        scale, shift = self._masked(z)
        return (z - shift) * torch.exp(-scale)

    def _masked(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log scale and shift, both 0 for what is given."""
        rows, columns = (torch.arange(side, device=x.device) for side in x.shape[2:])
        changed = ((rows[:, None] + columns) % 2 == int(self.odd)).to(x.dtype)
        scale, shift = self._affine((x * (1 - changed),), x.dtype)
        return scale * changed, shift * changed


class ByPlace(Bijection):
    """The four pixels of each channel's blocks, one channel after another, as places one after another: those of one
    diagonal first, which go on."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        n, _, *size = x.shape
        places = x.reshape(n, -1, 4, *size)[:, :, [0, 3, 1, 2]]
        return places.transpose(1, 2).flatten(1, 2), x.new_zeros(n)

    def inverse(self, z: Tensor) -> Tensor:
        n, _, *size = z.shape
        return z.reshape(n, 4, -1, *size)[:, [0, 2, 3, 1]].transpose(1, 2).flatten(1, 2)


class RealNVP(Flow[Config]):
    """Generate, encode, decode and exact log_prob of images."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "image_shape": (3, 32, 32),
            "widths": (64, 128),
            "checkerboard": 3,
            "channelwise": 3,
            "blocks": 8,
            "dequantisation": "uniform",
            "network": "batch-norm",
        }
    }
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
        if config.network == "batch-norm":
            self.pixels = Logit()
            self.pixels.black = 0.0  # what black becomes is no concern of networks that normalise what they see
            self.bijection = _normalised(config)
            return
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


def _normalised(config: Config) -> Chain:
    """The authors' scales: couplings of a checkerboard, those of channels, and the last scale's of a checkerboard."""
    shape = config.image_shape
    scales: list[Bijection] = []
    shapes: list[tuple[int, int, int]] = []
    for scale, width in enumerate(config.widths):
        last = scale == len(config.widths) - 1
        layers: list[Bijection] = []
        for turn in range(config.checkerboard + last):
            network = NormalisedNetwork(shape[0], width, config.blocks, twice=True)
            layers.append(Checkerboard(network, shape[0], odd=turn % 2 == 1))
        if not last:
            squeeze = Squeeze(shape, by_channel=True)
            shape = squeeze.shape
            layers.append(squeeze)
            for turn in range(config.channelwise):
                network = NormalisedNetwork(shape[0] // 2, 2 * width, config.blocks, twice=False)
                layers.append(Rescaled(network, shape[0] // 2, given=(turn + 1) % 2))
            layers.append(ByPlace())
        scales.append(Chain(*layers))
        shapes.append(shape)
        shape = (shape[0] // 2, *shape[1:])
    return Chain(MultiScale(scales, shapes))

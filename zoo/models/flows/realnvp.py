"""RealNVP: a normalizing flow of affine coupling layers with an exact density.

Dinh, Sohl-Dickstein, Bengio 2016, "Density estimation using Real NVP", arXiv:1605.08803. An image is carried to
standard normal latents of the same dimension by steps that change one half of the values at a time, given the other
half (section 3.2), so that each is inverted exactly and has a triangular Jacobian. The halves are those of a
checkerboard or of the channels that squeezing 2 × 2 pixels makes (sections 3.4 and 3.6); after each scale half of the
values become latents and the rest goes on at half the resolution (section 3.6). Pixels go through the logit transform
of section 4.1 with α = 0.05.

Differs from the paper:
- pixels y in [0, 1] become logit(α + (1 − 2α)·y), as in the authors' code, where section 4.1 prints (1 − α)·y and so
  gets infinity at y = 1. The density therefore lives on a slightly wider interval than [0, 1], `RealNVP.support`;
- logit(α) is subtracted, so that black is 0, as the zero padding of the convolutions is; a constant leaves the density
  alone;
- the networks of checkerboard couplings see their half of the pixels squeezed, at half the resolution, so that nothing
  is computed for masked pixels; where a size is odd and cannot be squeezed, the halves are halves of the channels;
- no batch normalisation, neither as a flow layer (section 3.7) nor in the networks: training and inference are the
  same function. The networks are residual (pre-activation, ReLU) and learn a bias for each position of the image;
- every scale has four checkerboard and two channel-wise couplings, so that each value changes three times and the half
  that becomes latents changes last, given the half that goes on; the paper has three and three, and four at the end;
- scales are bounded, s = b·tanh(raw / b) with a constant b, and the last layer of each network starts at zero, so that
  every coupling starts as the identity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ConfigError
from zoo.latent import Noise
from zoo.losses import gaussian_log_density
from zoo.model import Model
from zoo.training.objective import Batch
from zoo.training.objective import Objective as BaseObjective
from zoo.training.recipe import Recipe

ALPHA = 0.05
BLACK = math.log(ALPHA) - math.log1p(-ALPHA)  # logit(α), where y = 0 goes

# How the pixels of a block are halved: these groups are given, the others change. Four groups are the pixels
# (0,0) (0,1) (1,0) (1,1) of a 2 × 2 block.
CHECKERBOARD = {4: (0, 3), 2: (0,)}
CHANNELWISE = {4: (2, 3), 2: (1,)}


@dataclass(frozen=True)
class Config:
    """Sizes. image_shape: (channels, height, width); widths: hidden channels of the networks, one number per scale;
    checkerboard and channelwise: couplings of each scale; blocks: residual blocks of a network; bound: largest
    |log scale| of a coupling."""

    image_shape: tuple[int, int, int] = (1, 28, 28)
    widths: tuple[int, ...] = (64, 96)
    checkerboard: int = 4
    channelwise: int = 2
    blocks: int = 1
    bound: float = 2.0

    def __post_init__(self) -> None:
        if len(self.image_shape) != 3 or not self.widths:
            raise ConfigError(
                f"realnvp: image_shape={self.image_shape!r}, widths={self.widths!r}; expected (channels, height, "
                "width) and one width for each scale, for example (1, 28, 28) and (64, 96)."
            )
        if min(*self.image_shape, *self.widths) < 1 or min(self.checkerboard, self.channelwise, self.blocks) < 0:
            raise ConfigError("realnvp: sizes must be at least 1, numbers of couplings and blocks at least 0.")
        if not 0 < self.bound < math.inf:
            raise ConfigError(f"realnvp: bound={self.bound!r}; expected a finite number above 0, for example 3.")


class Network(nn.Module):
    """Given values (n, channels, h, w) to log scale and shift of the others, of the same shape: s and t of eq. 7."""

    def __init__(self, channels: int, size: tuple[int, int], width: int, blocks: int, bound: float) -> None:
        super().__init__()
        self.bound = bound
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.position = nn.Parameter(torch.zeros(width, *size))
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.last = nn.Conv2d(width, 2 * channels, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        h = self.first(given)
        h = h + self.position.to(h.dtype)
        for block in self.blocks:
            h = block(h)
        # Whatever autocast made of it, the flow itself computes in the precision of the images.
        raw, shift = self.last(F.relu(h)).to(given.dtype).chunk(2, dim=1)
        return self.bound * torch.tanh(raw / self.bound), shift


class Block(nn.Module):
    """h + conv(relu(conv(relu(h)))): (n, width, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.outer = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        change: Tensor = self.outer(F.relu(self.inner(F.relu(h))))
        return h + change


class Coupling(nn.Module):
    """z = x·exp(s) + t for half of the groups, where s and t are functions of the other half (eq. 7 and 8).

    Tensors are (n, groups, channels, h, w). `given` are the indices of the groups that do not change.
    """

    def __init__(self, network: Network, given: Sequence[int], groups: int) -> None:
        super().__init__()
        self.network = network
        self.given = tuple(given)
        self.changed = tuple(i for i in range(groups) if i not in self.given)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latents like `x` and log |det J| (n,)."""
        scale, shift = self._affine(x)
        changed = self._half(x, self.changed) * torch.exp(scale) + shift
        return self._join(x, changed), scale.flatten(1).sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        """The x of which `z` is the image."""
        scale, shift = self._affine(z)
        return self._join(z, (self._half(z, self.changed) - shift) * torch.exp(-scale))

    def _affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.network(self._half(x, self.given).flatten(1, 2))
        shape = (len(x), len(self.changed), *x.shape[2:])
        return scale.reshape(shape), shift.reshape(shape)

    @staticmethod
    def _half(x: Tensor, groups: Sequence[int]) -> Tensor:
        return torch.stack([x[:, i] for i in groups], dim=1)

    def _join(self, x: Tensor, changed: Tensor) -> Tensor:
        parts = dict(zip(self.changed, changed.unbind(1), strict=True)) | {i: x[:, i] for i in self.given}
        return torch.stack([parts[i] for i in range(x.shape[1])], dim=1)


class Scale(nn.Module):
    """One scale: squeeze (n, channels, h, w) into groups, couple them, and, unless last, let half of them go.

    Groups are the pixels of a 2 × 2 block, of a 1 × 2 or 2 × 1 block where one size is odd, and halves of the channels
    where both are.
    """

    def __init__(self, shape: tuple[int, int, int], width: int, config: Config, *, last: bool) -> None:
        super().__init__()
        channels, rows, columns = shape
        self.block = (2 - rows % 2, 2 - columns % 2)
        pixels = self.block[0] * self.block[1]
        self.groups = max(pixels, 2)
        if pixels == 1 and channels % 2:
            raise ConfigError(f"realnvp: a scale of shape {shape} cannot be halved. Use fewer widths or an even size.")
        self.size = (rows // self.block[0], columns // self.block[1])
        self.channels = channels * pixels // self.groups
        self.kept = 0 if last else self.groups // 2
        self.latents = (self.groups - self.kept) * self.channels * math.prod(self.size)
        half = self.channels * self.groups // 2

        def coupling(given: tuple[int, ...], turn: int) -> Coupling:
            # Halves swap roles from one coupling to the next.
            given = given if turn % 2 == 0 else tuple(i for i in range(self.groups) if i not in given)
            return Coupling(Network(half, self.size, width, config.blocks, config.bound), given, self.groups)

        checkerboard = [coupling(CHECKERBOARD[self.groups], turn) for turn in range(config.checkerboard)]
        channelwise = [coupling(CHANNELWISE[self.groups], turn) for turn in range(config.channelwise)]
        self.couplings = nn.ModuleList(checkerboard + channelwise)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Latents (n, d), log |det J| (n,) and what goes on (n, channels, h, w), no channels after the last scale."""
        x = self._squeeze(x)
        log_det = x.new_zeros(len(x))
        for coupling in self.couplings:
            x, change = coupling(x)
            log_det = log_det + change
        return x[:, self.kept :].flatten(1), log_det, x[:, : self.kept].flatten(1, 2)

    def inverse(self, latents: Tensor, rest: Tensor) -> Tensor:
        """The x of which (latents, ·, rest) is the image."""
        layout = (len(latents), -1, self.channels, *self.size)
        x = torch.cat((rest.reshape(layout), latents.reshape(layout)), dim=1)
        for coupling in reversed(self.couplings):
            x = coupling.inverse(x)  # type: ignore[operator]
        return self._unsqueeze(x)

    def _squeeze(self, x: Tensor) -> Tensor:
        (rows, columns), (h, w) = self.block, self.size
        blocks = x.reshape(len(x), -1, h, rows, w, columns).permute(0, 3, 5, 1, 2, 4)
        return blocks.reshape(len(x), self.groups, self.channels, h, w)

    def _unsqueeze(self, x: Tensor) -> Tensor:
        (rows, columns), (h, w) = self.block, self.size
        blocks = x.reshape(len(x), rows, columns, -1, h, w).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(len(x), -1, h * rows, w * columns)


def logit(y: Tensor) -> tuple[Tensor, Tensor]:
    """logit(α + (1 − 2α)·y) − logit(α) of images (n, channels, height, width), and log |det J| (n,)."""
    p = ALPHA + (1 - 2 * ALPHA) * y
    log_det = math.log(1 - 2 * ALPHA) - torch.log(p) - torch.log1p(-p)
    return torch.log(p) - torch.log1p(-p) - BLACK, log_det.flatten(1).sum(1)


class Objective(BaseObjective):
    """Maximum likelihood with Adam: the mean bits per dimension of uniformly dequantised images (section 4.1), as
    `Model.bits_per_dim` measures them."""

    def __init__(self, model: RealNVP, *, learning_rate: float = 0.003) -> None:
        super().__init__(model)
        self.learning_rate = learning_rate

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"flow": torch.optim.Adam(self.model.parameters(), lr=self.learning_rate)}

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        levels = (batch.images * 255).round()
        y = (levels + torch.rand_like(levels)) / 256
        yield "flow", 8 - self.model.log_density(y).mean() / (self.model.dimensions * math.log(2))


class RealNVP(Model):
    """Generate, encode, decode and exact log_prob; latents (n, dimensions) are standard normal.

    The density integrates to 1 over `support` in each pixel, a little wider than [0, 1]; decoded pixels that fall
    outside of [0, 1] are clamped to it.
    """

    config_class = Config
    objective_class = Objective
    recipe = Recipe(
        dataset="mnist",
        steps=16_000,
        batch_size=32,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
        clip=1.0,
        schedule="cosine",
        warmup=500,
    )
    log_prob_kind = "exact"
    support: ClassVar[tuple[float, float]] = (-ALPHA / (1 - 2 * ALPHA), 1 + ALPHA / (1 - 2 * ALPHA))

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.image_shape = tuple(config.image_shape)
        self.latent_shape = (self.dimensions,)
        shape = config.image_shape
        scales: list[Scale] = []
        for width in config.widths:
            scales.append(Scale(shape, width, config, last=len(scales) == len(config.widths) - 1))
            shape = (scales[-1].channels * scales[-1].kept, *scales[-1].size)
        self.scales = nn.ModuleList(scales)
        self.sizes = [scale.latents for scale in scales]

    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (n, dimensions) and log |det J| (n,) of images with pixels inside `support`."""
        x, log_det = logit(y)
        latents = []
        for scale in self.scales:
            z, change, x = scale(x)
            latents.append(z)
            log_det = log_det + change
        return torch.cat(latents, dim=1), log_det

    def inverse(self, z: Tensor) -> Tensor:
        """The images (n, channels, height, width) of which `z` are the latents, not clamped."""
        parts = torch.split(z, self.sizes, dim=1)
        x = z[:, :0]
        for scale, part in zip(reversed(self.scales), reversed(parts), strict=True):
            x = scale.inverse(part, x)  # type: ignore[operator]
        return (torch.sigmoid(x + BLACK) - ALPHA) / (1 - 2 * ALPHA)

    def log_density(self, y: Tensor) -> Tensor:
        """ln p(y) in nats (n,): the change of variables, eq. 3, under a standard normal prior."""
        z, log_det = self.flow(y)
        return gaussian_log_density(z, torch.zeros_like(z), torch.zeros_like(z)) + log_det

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.flow(images)[0]

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return self.inverse(z).clamp(0, 1)

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.log_density(images)

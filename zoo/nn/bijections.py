"""Invertible layers, the parts of every normalizing flow, with one convention.

`forward(x)` goes from data to latents and returns (z, log |det ∂z/∂x|), the latter in nats for each sample, shape (n,);
`inverse(z)` is its exact inverse. Tensors are (n, features) or (n, channels, height, width); features and channels are
dimension 1. Last layers of networks start at zero, so that a coupling starts as the identity.
"""
# Long because each bijection has both directions, its determinant and the equations that these are of.

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar, cast

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.nn.fusing import Fusible, Product

Last = TypeVar("Last", bound=nn.Linear | nn.Conv2d)


class Bijection(nn.Module):
    """Base of every invertible layer."""

    support: tuple[float, float] = (-math.inf, math.inf)  # where each value of x may be

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The latents of `x` and log |det J| (n,)."""
        raise NotImplementedError

    def inverse(self, z: Tensor) -> Tensor:
        """The x of which `z` is the image."""
        raise NotImplementedError


class LinearBijection(Bijection):
    """z = W·x + b over dimension 1, the same at every pixel."""

    mixes: ClassVar[bool] = False  # whether W is more than a diagonal

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """W (features, features), b (features,) and log |det W|."""
        raise NotImplementedError


class Chain(Bijection, Fusible):
    """Bijections one after another: the first is applied first, and their log-determinants add up.

    Linear layers beside one that mixes the features are fused with it; elsewhere a product would cost more.
    """

    def __init__(self, *layers: Bijection) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.runs = _runs(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_det = x.new_zeros(x.shape[0])
        for step in self._steps(x):
            x, change = step(x)
            log_det = log_det + change
        return x, log_det

    def inverse(self, z: Tensor) -> Tensor:
        for step in reversed(self._steps(z)):
            z = step.inverse(z)
        return z

    def fusion(self) -> nn.ModuleList:
        """A product for each run of linear layers."""
        return nn.ModuleList(Product(self._linear(run)) for run in self.runs)

    def weighted(self) -> list[nn.Module]:
        return [layer for run in self.runs for layer in self._linear(run)]

    def _linear(self, run: range) -> list[Any]:
        return [self.layers[i] for i in run]

    def _steps(self, x: Tensor) -> list[Any]:
        # Autocast, which the meta device has not, would lower the precision of a product.
        apart = not self.runs or x.is_meta or torch.is_autocast_enabled(x.device.type)
        fused = None if apart else self.current()
        steps: list[Any] = list(self.layers)
        if fused is not None:
            for run, product in reversed(list(zip(self.runs, cast(nn.ModuleList, fused), strict=True))):
                steps[run.start : run.stop] = [product]
        return steps


def _runs(layers: Sequence[Bijection]) -> list[range]:
    """Where linear layers follow one another, one of which mixes the features."""
    runs, place = [], 0
    for linear, group in itertools.groupby(layers, lambda layer: isinstance(layer, LinearBijection)):
        run = list(group)
        if linear and any(cast(LinearBijection, layer).mixes for layer in run):
            runs.append(range(place, place + len(run)))
        place += len(run)
    return runs


class Logit(Bijection):
    """Pixels to the whole real line: logit(α + (1 − 2α)·y) − logit(α), elementwise.

    Dinh et al. 2016, section 4.1, where (1 − α)·y is printed and would send y = 1 to infinity; this is the authors'
    code. Black is 0, as the zero padding of a convolution is. Defined on `support`, a little wider than [0, 1].
    """

    def __init__(self, alpha: float = 0.05) -> None:
        super().__init__()
        self.alpha = alpha
        self.black = math.log(alpha) - math.log1p(-alpha)
        self.support = (-alpha / (1 - 2 * alpha), 1 + alpha / (1 - 2 * alpha))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        p = self.alpha + (1 - 2 * self.alpha) * x
        up, down = torch.log(p), torch.log1p(-p)
        return up - down - self.black, (math.log(1 - 2 * self.alpha) - up - down).flatten(1).sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        return (torch.sigmoid(z + self.black) - self.alpha) / (1 - 2 * self.alpha)


class Centred(Bijection):
    """Pixels in [0, 1] less a half, with nothing said of what is beyond."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x - 0.5, x.new_zeros(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        return z + 0.5


class Squeeze(Bijection):
    """Blocks of 2 × 2 pixels to channels (Dinh et al. 2016, section 3.6): (n, c, h, w) to (n, 4c, h/2, w/2).

    The channels come in `groups`, one for each pixel of a block in reading order: (0,0), (0,1), (1,0), (1,1). Where one
    size is odd, blocks are 1 × 2 or 2 × 1; where both are, nothing moves and the groups are two halves of the channels.
    Both directions give tensors in the channels_last layout, in which convolutions and `LU` are fastest. by_channel:
    the pixels of a block come one after another for each channel, in no groups.
    """

    def __init__(self, shape: tuple[int, int, int], *, by_channel: bool = False) -> None:
        super().__init__()
        self.by_channel = by_channel
        channels, rows, columns = shape
        self.block = (2 - rows % 2, 2 - columns % 2)
        pixels = self.block[0] * self.block[1]
        if pixels == 1 and channels % 2:
            raise ConfigError(f"an image of shape {shape} cannot be halved. Use fewer scales or an even size.")
        self.groups = max(pixels, 2)
        self.shape = (channels * pixels, rows // self.block[0], columns // self.block[1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        (rows, columns), (channels, h, w) = self.block, self.shape
        blocks = x.permute(0, 2, 3, 1).reshape(x.shape[0], h, rows, w, columns, -1).transpose(2, 3)
        if self.by_channel:
            blocks = blocks.movedim(-1, 3)
        return blocks.reshape(x.shape[0], h, w, channels).permute(0, 3, 1, 2), x.new_zeros(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        (rows, columns), (_, h, w) = self.block, self.shape
        blocks = z.permute(0, 2, 3, 1)
        if self.by_channel:
            blocks = blocks.reshape(z.shape[0], h, w, -1, rows, columns).movedim(3, -1)
        blocks = blocks.reshape(z.shape[0], h, w, rows, columns, -1).transpose(2, 3)
        return blocks.reshape(z.shape[0], h * rows, w * columns, -1).permute(0, 3, 1, 2)


class Flatten(Bijection):
    """Images of `shape` to vectors (n, dimensions), or vectors to themselves."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.flatten(1), x.new_zeros(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        return z.view(-1, *self.shape)


class Coupling(Bijection):
    """z = x·exp(s) + t for some groups of the channels, where s and t are functions of the others.

    Dinh et al. 2016, eq. 7 and 8; with `additive`, s = 0: Dinh et al. 2014, eq. 8 to 10. Dimension 1 is cut into
    `groups` equal parts, of which those in `given` do not change.

    network: from the given values to s and t joined in dimension 1, or to t alone. bound: s = bound·tanh(raw / bound),
    so that no scale runs away.
    """

    def __init__(
        self,
        network: nn.Module,
        given: Sequence[int],
        groups: int,
        *,
        additive: bool = False,
        bound: float = 2.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.given = tuple(given)
        self.changed = tuple(i for i in range(groups) if i not in self.given)
        self.groups = groups
        self.additive = additive
        self.bound = bound

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        parts = x.tensor_split(self.groups, dim=1)
        scale, shift = self._affine(parts, x.dtype)
        changed = _pick(parts, self.changed)
        if scale is None:
            return self._join(parts, changed + shift), x.new_zeros(x.shape[0])
        return self._join(parts, torch.addcmul(shift, changed, torch.exp(scale))), scale.flatten(1).sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        parts = z.tensor_split(self.groups, dim=1)
        scale, shift = self._affine(parts, z.dtype)
        changed = _pick(parts, self.changed) - shift
        return self._join(parts, changed if scale is None else changed * torch.exp(-scale))

    def _affine(self, parts: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor | None, Tensor]:
        # Whatever autocast makes of the network, the flow itself computes in the precision of the data.
        out = self.network(_pick(parts, self.given)).to(dtype)
        if self.additive:
            return None, out
        raw, shift = out.chunk(2, dim=1)
        return self.bound * torch.tanh(raw / self.bound), shift

    def _join(self, parts: Sequence[Tensor], changed: Tensor) -> Tensor:
        sizes = [parts[i].shape[1] for i in self.changed]
        pieces = torch.split(changed, sizes, dim=1) if len(sizes) > 1 else (changed,)
        new = dict(zip(self.changed, pieces, strict=True))
        return torch.cat([new.get(i, part) for i, part in enumerate(parts)], dim=1)


class MultiScale(Bijection):
    """Images to vectors (n, dimensions), some of the values leaving after each scale (Dinh et al. 2016, section 3.6).

    scales: bijections of images; after each, the last half of the channels become latents and the rest goes on, after
    the last one all do. shapes: (channels, height, width) that each scale returns. priors: for each scale but the last,
    None, or a `Coupling` of two groups, the first given, that makes latents of what leaves: the conditional prior of
    Kingma & Dhariwal 2018.
    """

    def __init__(
        self,
        scales: Sequence[Bijection],
        shapes: Sequence[tuple[int, int, int]],
        priors: Sequence[Coupling] = (),
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(scales)
        self.priors = nn.ModuleList(priors)
        self.shapes = list(shapes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_det = x.new_zeros(x.shape[0])
        latents = []
        for i, scale in enumerate(self.scales):
            x, change = scale(x)
            log_det = log_det + change
            if i == len(self.scales) - 1:
                latents.append(x)
                break
            if self.priors:
                x, change = self.priors[i](x)
                log_det = log_det + change
            x, leaving = x.chunk(2, dim=1)
            latents.append(leaving)
        return torch.cat([z.flatten(1) for z in latents], dim=1), log_det

    def inverse(self, z: Tensor) -> Tensor:
        last = len(self.scales) - 1
        sizes = [math.prod(shape) // (1 if i == last else 2) for i, shape in enumerate(self.shapes)]
        latents = torch.split(z, sizes, dim=1)
        x = _images(latents[last], self.shapes[last])
        for i in reversed(range(len(self.scales))):
            if i != last:
                channels, height, width = self.shapes[i]
                x = torch.cat((x, _images(latents[i], (channels // 2, height, width))), dim=1)
                if self.priors:
                    x = cast(Coupling, self.priors[i]).inverse(x)
            x = cast(Bijection, self.scales[i]).inverse(x)
        return x


def zeroed(layer: Last) -> Last:
    """`layer`, linear or convolution, with weights and biases of 0: what the last layer of a network starts as."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(cast(Tensor, layer.bias))
    return layer


def _images(latents: Tensor, shape: tuple[int, int, int]) -> Tensor:
    return latents.view(-1, *shape).contiguous(memory_format=torch.channels_last)


def _pick(parts: Sequence[Tensor], which: Sequence[int]) -> Tensor:
    return parts[which[0]] if len(which) == 1 else torch.cat([parts[i] for i in which], dim=1)

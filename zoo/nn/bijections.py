"""Invertible layers, the parts of every normalizing flow, with one convention.

`forward(x)` goes from data to latents and returns (z, log |det ∂z/∂x|), the latter in nats for each sample, shape (n,);
`inverse(z)` is its exact inverse. Tensors are (n, features) or (n, channels, height, width); features and channels are
dimension 1. Last layers of networks start at zero, so that a coupling starts as the identity.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.nn.folding import Folded, Linear

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


class Chain(Bijection):
    """Bijections one after another: the first is applied first, and their log-determinants add up.

    Under inference mode, in eval mode, each `LU` is folded into one product with the actnorms and LUs beside it.
    """

    def __init__(self, *layers: Bijection) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self._folded: tuple[list[nn.Module], list[Bijection | Folded]] = ([], [])  # layers, and those after folding

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_det = x.new_zeros(len(x))
        for step in self._steps(x):
            x, change = step.forward(x) if isinstance(step, Folded) else step(x)
            log_det = log_det + change
        return x, log_det

    def inverse(self, z: Tensor) -> Tensor:
        for step in reversed(self._steps(z)):
            z = step.inverse(z)
        return z

    def _steps(self, x: Tensor) -> Sequence[Bijection | Folded]:
        layers = list(self.layers)
        plain = not torch.is_inference_mode_enabled() or any(layer.training for layer in layers)
        # Meta tensors have no values to fold; autocast would lower the precision of a folded product; a compiler folds
        # constants by itself.
        if plain or x.is_meta or torch.is_autocast_enabled(x.device.type) or torch.compiler.is_compiling():
            return cast(list[Bijection], layers)
        if self._folded[0] != layers:
            self._folded = (layers, _fold(layers))
        return self._folded[1]


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


class Squeeze(Bijection):
    """Blocks of 2 × 2 pixels to channels (Dinh et al. 2016, section 3.6): (n, c, h, w) to (n, 4c, h/2, w/2).

    The channels come in `groups`, one for each pixel of a block in reading order: (0,0), (0,1), (1,0), (1,1). Where one
    size is odd, blocks are 1 × 2 or 2 × 1; where both are, nothing moves and the groups are two halves of the channels.
    Both directions give tensors in the channels_last layout, in which convolutions and `LU` are fastest.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, rows, columns = shape
        self.block = (2 - rows % 2, 2 - columns % 2)
        pixels = self.block[0] * self.block[1]
        if pixels == 1 and channels % 2:
            raise ConfigError(f"an image of shape {shape} cannot be halved. Use fewer scales or an even size.")
        self.groups = max(pixels, 2)
        self.shape = (channels * pixels, rows // self.block[0], columns // self.block[1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        (rows, columns), (channels, h, w) = self.block, self.shape
        blocks = x.permute(0, 2, 3, 1).reshape(len(x), h, rows, w, columns, -1).transpose(2, 3)
        return blocks.reshape(len(x), h, w, channels).permute(0, 3, 1, 2), x.new_zeros(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        (rows, columns), (_, h, w) = self.block, self.shape
        blocks = z.permute(0, 2, 3, 1).reshape(len(z), h, w, rows, columns, -1).transpose(2, 3)
        return blocks.reshape(len(z), h * rows, w * columns, -1).permute(0, 3, 1, 2)


class Flatten(Bijection):
    """Images of `shape` to vectors (n, dimensions), or vectors to themselves."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.flatten(1), x.new_zeros(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        return z.view(-1, *self.shape)


class Diagonal(Bijection):
    """z = (x + shift)·exp(log_scale), a scale and shift for each dimension of (n, d), starting as the identity.

    The last layer of NICE (Dinh et al. 2014, section 3.3), or a learned diagonal prior.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dimensions))
        self.shift = nn.Parameter(torch.zeros(dimensions))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x + self.shift) * torch.exp(self.log_scale), self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        return z * torch.exp(-self.log_scale) - self.shift


class ActNorm(Bijection):
    """z = (x + shift)·exp(log_scale), a scale and shift for each channel (Kingma & Dhariwal 2018, section 3.1).

    The first batch seen in training mode sets them so that every channel of it has mean 0 and variance 1; from then on
    they are ordinary parameters. In eval mode nothing is ever initialised: untrained, the layer is the identity.
    """

    initialised: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.training and not self.initialised:
            self._initialise(x)
        shape = (1, -1) + (1,) * (x.ndim - 2)
        z = (x + self.shift.view(shape)) * torch.exp(self.log_scale).view(shape)
        return z, (math.prod(x.shape[2:]) * self.log_scale.sum()).expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (z.ndim - 2)
        return z * torch.exp(-self.log_scale).view(shape) - self.shift.view(shape)

    def sources(self) -> tuple[Tensor, ...]:
        """What `affine` depends on."""
        return self.log_scale, self.shift

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """W, b and log |det W| of z = W·x + b."""
        scale = torch.exp(self.log_scale)
        return torch.diag(scale), scale * self.shift, self.log_scale.sum()

    @torch.no_grad()
    def _initialise(self, x: Tensor) -> None:
        # Where an accelerator has no float64 (Apple's), the CPU has.
        values = (x.detach().cpu() if x.device.type == "mps" else x.detach()).double().transpose(0, 1).flatten(1)
        moments = torch.stack((values.mean(1), values.square().mean(1)))
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            # Every process sees its share of the first batch, and all must start alike.
            torch.distributed.all_reduce(moments)
            moments /= torch.distributed.get_world_size()
        mean, variance = moments[0], moments[1] - moments[0].square()
        self.shift.copy_(-mean)
        # A channel that is constant in the first batch keeps a finite scale.
        self.log_scale.copy_(-0.5 * variance.clamp_min(1e-6).log())
        self.initialised.fill_(True)


class LU(Bijection):
    """z = W·x with W = P·L·(U + diag(s)): a linear layer, or an invertible 1 × 1 convolution of images.

    Kingma & Dhariwal 2018, section 3.2 and eq. 10: P is a fixed permutation, L lower triangular with unit diagonal, U
    strictly upper triangular; log |det W| = Σ log |s|, for each pixel. W starts as a random rotation. `lu` holds L
    below and U above its diagonal; the signs of s are fixed, so that W stays invertible. Without `permute`, W = L·(U +
    diag(s)) and starts as the identity.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, features: int, *, permute: bool = True) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(features, features))[0] if permute else torch.eye(features)
        p, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.lu = nn.Parameter(lower.tril(-1) + upper.triu(1))
        self.log_diagonal = nn.Parameter(diagonal.abs().log())
        self.register_buffer("sign", diagonal.sign())
        self.register_buffer("permutation", p.argmax(1))  # row i of P·A is row permutation[i] of A

    def weight(self) -> Tensor:
        """W, (features, features)."""
        # Not in the low precision of autocast: a flow computes in the precision of its data.
        with torch.autocast(self.lu.device.type, enabled=False):
            lower = self.lu.tril(-1) + torch.eye(len(self.lu), dtype=self.lu.dtype, device=self.lu.device)
            upper = self.lu.triu(1) + torch.diag(self.sign * torch.exp(self.log_diagonal))
            return (lower @ upper)[self.permutation]

    def sources(self) -> tuple[Tensor, ...]:
        """What `affine` depends on."""
        return self.lu, self.log_diagonal, self.sign, self.permutation

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """W, b = 0 and log |det W| of z = W·x + b."""
        return self.weight(), torch.zeros_like(self.log_diagonal), self.log_diagonal.sum()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_det = math.prod(x.shape[2:]) * self.log_diagonal.sum()
        return _mix(self.weight(), x), log_det.expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        # In float64, so that the inverse of a float32 layer is as exact as its products are.
        return _mix(torch.linalg.inv(self.weight().double()).to(z.dtype), z)


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
            return self._join(parts, changed + shift), x.new_zeros(len(x))
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
        log_det = x.new_zeros(len(x))
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


def _fold(layers: Sequence[nn.Module]) -> list[Bijection | Folded]:
    """`layers` with every run of linear layers that has an `LU` in it as one: elsewhere a product would cost more."""
    steps: list[Bijection | Folded] = []
    for linear, run in itertools.groupby(layers, lambda layer: isinstance(layer, ActNorm | LU)):
        members = list(run)
        fold = linear and any(isinstance(layer, LU) for layer in members)
        steps += [Folded(cast(list[Linear], members))] if fold else cast(list[Bijection], members)
    return steps


def _mix(weight: Tensor, x: Tensor) -> Tensor:
    """W·x over dimension 1, in the precision of x whatever autocast says."""
    with torch.autocast(x.device.type, enabled=False):
        if x.ndim == 2:
            return x @ weight.T
        return nn.functional.conv2d(x, weight[:, :, None, None])

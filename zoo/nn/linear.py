"""Linear bijections z = W·x + b over dimension 1 of (n, features) or (n, channels, height, width), and their inverses.

`zoo.nn.bijections` has the convention and what is not linear.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from zoo.nn.bijections import Bijection, LinearBijection


def in_float64(x: Tensor) -> Tensor:
    """`x` in float64, on the CPU where an accelerator has none (Apple's)."""
    return (x.cpu() if x.device.type == "mps" else x).double()


class Diagonal(Bijection):
    """z = (x + shift)·exp(log_scale), a scale and shift for each dimension of (n, d), starting as the identity.

    The last layer of NICE (Dinh et al. 2014, section 3.3), or a learned diagonal prior.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dimensions))
        self.shift = nn.Parameter(torch.zeros(dimensions))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x + self.shift) * torch.exp(self.log_scale), self.log_scale.sum().expand(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        return z * torch.exp(-self.log_scale) - self.shift


class ActNorm(LinearBijection):
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
        self._settled = False  # whether `initialised` has been seen, for which the device need not be waited for again

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.training and not self._settled:
            if not self.initialised:
                self._initialise(x)
            self._settled = True
        shape = (1, -1) + (1,) * (x.ndim - 2)
        z = (x + self.shift.view(shape)) * torch.exp(self.log_scale).view(shape)
        return z, (math.prod(x.shape[2:]) * self.log_scale.sum()).expand(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (z.ndim - 2)
        return z * torch.exp(-self.log_scale).view(shape) - self.shift.view(shape)

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """W, b and log |det W| of z = W·x + b."""
        scale = torch.exp(self.log_scale)
        return torch.diag(scale), scale * self.shift, self.log_scale.sum()

    def _load_from_state_dict(self, *state: Any) -> None:
        super()._load_from_state_dict(*state)
        self._settled = False

    @torch.no_grad()
    def _initialise(self, x: Tensor) -> None:
        values = in_float64(x.detach()).transpose(0, 1).flatten(1)
        moments = torch.stack((values.mean(1), values.square().mean(1)))
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            # Every process sees its share of the first batch, and all must start alike.
            torch.distributed.all_reduce(moments)
            moments /= torch.distributed.get_world_size()
        mean, variance = moments[0], moments[1] - moments[0].square()
        self.shift.copy_(-mean)
        # A channel that is constant in the first batch, but for rounding, keeps its scale.
        varies = variance > 1e-14 * moments[1]
        self.log_scale.copy_(-0.5 * torch.where(varies, variance, 1.0).log())
        self.initialised.fill_(True)


class LU(LinearBijection):
    """z = W·x with W = P·L·(U + diag(s)): a linear layer, or an invertible 1 × 1 convolution of images.

    Kingma & Dhariwal 2018, section 3.2 and eq. 10: P is a fixed permutation, L lower triangular with unit diagonal, U
    strictly upper triangular; log |det W| = Σ log |s|, for each pixel. W starts as a random rotation. `lu` holds L
    below and U above its diagonal; the signs of s are fixed, so that W stays invertible. Without `permute`, W = L·(U +
    diag(s)) and starts as the identity.
    """

    mixes = True

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

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """W, b = 0 and log |det W| of z = W·x + b."""
        return self.weight(), torch.zeros_like(self.log_diagonal), self.log_diagonal.sum()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_det = math.prod(x.shape[2:]) * self.log_diagonal.sum()
        return _mix(self.weight(), x), log_det.expand(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        # In float64, so that the inverse of a float32 layer is as exact as its products are.
        return _mix(torch.linalg.inv(in_float64(self.weight())).to(z), z)


def _mix(weight: Tensor, x: Tensor) -> Tensor:
    """W·x over dimension 1, in the precision of x whatever autocast says."""
    with torch.autocast(x.device.type, enabled=False):
        if x.ndim == 2:
            return x @ weight.T
        return nn.functional.conv2d(x, weight[:, :, None, None])

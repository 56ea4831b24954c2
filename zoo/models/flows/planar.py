"""Planar flow: the simplest layers that bend a density, each along one direction.

Rezende, Mohamed 2015, "Variational Inference with Normalizing Flows", arXiv:1505.05770. A layer adds a multiple of one
vector, as much as a smooth step across one plane says: z = x + u·tanh(w·x + b) (eq. 10). Many of them are needed for
little, which is why couplings took over; but a layer fits on a line, and so does its Jacobian (eq. 11 and 12).

Differs from the paper:
- a model of vectors, trained by maximum likelihood: data go through the layers to latents, which the paper's flow, the
  posterior of a variational autoencoder, has the other way round;
- `generate` and `decode` invert each layer, which has no formula: by bisection of a single increasing function;
- the first layer standardises the data (an actnorm), the prior is a learned diagonal Gaussian, and u starts where the
  layer is the identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.models._flow import Flow
from zoo.nn.bijections import Bijection, Chain
from zoo.nn.linear import ActNorm, Diagonal, in_float64
from zoo.recipe import Recipe

BISECTIONS = 64  # halve an interval beyond the resolution of float64


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int] = setting((2,), "(features,)", at_least=1)
    layers: int = setting(32, "planar ones", at_least=1)

    def __post_init__(self) -> None:
        check(self, "planar")


@torch.library.custom_op("zoo::planar_root", mutates_args=())
def root(target: Tensor, along: Tensor, b: Tensor) -> Tensor:
    """The a (n,) of a + along·tanh(a + b) = target (n,), by bisection, for scalars along > −1 and b. One operation to
    torch.compile and torch.export, which would unroll its steps, in every layer, into thousands."""
    low, high = target - along.abs(), target + along.abs()
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = middle + along * torch.tanh(middle + b) > target
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2


@root.register_fake
def _(target: Tensor, along: Tensor, b: Tensor) -> Tensor:
    return torch.empty_like(target)


class Plane(Bijection):
    """z = x + û·tanh(w·x + b), eq. 10, where û is u, moved along w until the layer can be inverted (appendix A.1)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(features) / math.sqrt(features))
        # softplus(w·u) = 1, which makes û zero.
        self.u = nn.Parameter(math.log(math.e - 1) * self.w.detach() / self.w.detach().square().sum())
        self.b = nn.Parameter(torch.zeros(()))

    def push(self) -> tuple[Tensor, Tensor]:
        """û, and w·û = m(w·u) > −1 with m(a) = softplus(a) − 1: then w·z increases with w·x."""
        along = self.w @ self.u
        allowed = F.softplus(along) - 1
        return self.u + (allowed - along) * self.w / self.w.square().sum(), allowed

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        push, along = self.push()
        step = torch.tanh((x * self.w).sum(1) + self.b)
        return x + step[:, None] * push, torch.log1p((1 - step.square()) * along)  # eq. 12

    def inverse(self, z: Tensor) -> Tensor:
        push, along = self.push()
        # a = w·x solves a + (w·û)·tanh(a + b) = w·z; tanh is between −1 and 1.
        target, along, b = map(in_float64, ((z * self.w).sum(1), along, self.b))
        with torch.no_grad():
            a = root(target, along, b)
            slope = 1 + along * (1 - torch.tanh(a + b).square())
        # A step of Newton's of length 0 has the gradient that comparisons have not: that of the implicit function.
        rest = a + along * torch.tanh(a + b) - target
        a = a - (rest - rest.detach()) / slope
        return z - torch.tanh(a + b).to(z)[:, None] * push


class Planar(Flow[Config]):
    """Generate, encode, decode and exact log_prob of vectors."""

    config_class = Config
    recipe = Recipe(
        dataset="two-moons",
        steps=10_000,
        batch_size=256,
        ema=0.999,
        clip=1.0,
        schedule="cosine",
        warmup=200,
        objective={"learning_rate": 0.005},
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        layers: list[Bijection] = [Plane(self.space.dimensions) for _ in range(config.layers)]
        self.bijection = Chain(ActNorm(self.space.dimensions), *layers, Diagonal(self.space.dimensions))

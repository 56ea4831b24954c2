"""NICE: the first normalizing flow of coupling layers; every one of them only adds.

Dinh, Krueger, Bengio 2014, "NICE: Non-linear Independent Components Estimation", arXiv:1410.8516. The dimensions are
parted into the even and the odd ones, and the parts take turns in being shifted by a function of the other (eq. 8 to
10, section 3.2): each such layer keeps volumes. Only the last layer scales, each dimension by a constant (section 3.3),
and the latents are independent and logistic (section 3.4). An image is the vector of its pixels.

Differs from the paper:
- smaller networks: five hidden layers of 300 ReLU units where the paper has 1000 for MNIST, in four couplings as there;
- the last layer of each network starts at zero, so that a new flow is the identity, and the scaling learns a shift too;
- decoded pixels are clamped to [0, 1]: pixels are modelled as they are, as in the paper, so the density lives on all of
  ℝᵈ and leaks out of the range of pixels. With `logit` they go through the logit of Dinh et al. 2016 first;
- Adam with its usual constants, and a learning rate that falls, where the paper has its own constants and early
  stopping.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import setting
from zoo.models._flow import DEQUANTISATIONS, Flow, check_flow_config
from zoo.nn.bijections import Bijection, Chain, Coupling, Flatten, zeroed
from zoo.nn.linear import Diagonal
from zoo.noise import Noise
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((1, 28, 28), "(channels, height, width), or (features,)")
    couplings: int = setting(4, "additive layers", at_least=1)
    layers: int = setting(5, "hidden layers of each network", at_least=1, at_most=1000)
    width: int = setting(300, "units of a hidden layer", at_least=1)
    logit: bool = setting(False, "whether pixels go through it")
    dequantisation: str = setting("uniform", "uniform or variational", choices=DEQUANTISATIONS)

    def __post_init__(self) -> None:
        check_flow_config("nice", self, vectors=True)


class EvenOdd(Bijection):
    """(n, d) with the even dimensions moved before the odd ones, so that a coupling finds two halves."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat((x[:, ::2], x[:, 1::2]), dim=1), x.new_zeros(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        even, odd = z.tensor_split(2, dim=1)
        pairs = torch.stack((even[:, : odd.shape[1]], odd), dim=2).flatten(1)
        return torch.cat((pairs, even[:, odd.shape[1] :]), dim=1)


class Network(nn.Module):
    """The given part (n, given) to shifts of the other (n, changed): m in eq. 9, a rectifier network (section 5.1)."""

    def __init__(self, given: int, changed: int, layers: int, width: int) -> None:
        super().__init__()
        sizes = (given, *[width] * layers)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = zeroed(nn.Linear(width, changed))

    def forward(self, given: Tensor) -> Tensor:
        h = given
        for layer in self.hidden:
            h = F.relu(layer(h))
        out: Tensor = self.last(h)
        return out


class NICE(Flow[Config]):
    """Generate, encode, decode and exact log_prob; latents are standard logistic, not normal."""

    config_class = Config
    recipe = Recipe(
        dataset="mnist",
        steps=30_000,
        batch_size=128,
        precision="bf16-mixed",
        ema=0.999,
        clip=1.0,
        schedule="cosine",
        warmup=500,
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config, config.dequantisation)
        if self.pixels is not None and not config.logit:
            self.pixels = Chain()  # as they are
        even, odd = self.space.dimensions - self.space.dimensions // 2, self.space.dimensions // 2
        couplings: list[Bijection] = []
        for i in range(config.couplings):
            given, changed = (even, odd) if i % 2 == 0 else (odd, even)
            network = Network(given, changed, config.layers, config.width)
            couplings.append(Coupling(network, (i % 2,), 2, additive=True))
        self.bijection = Chain(Flatten(self.space.shape), EvenOdd(), *couplings, Diagonal(self.space.dimensions))

    def log_prior(self, z: Tensor) -> Tensor:
        """ln p_Z(z) in nats (n,), standard logistic: −Σ ln(1 + eᶻ) + ln(1 + e⁻ᶻ) (section 3.4)."""
        z = z.to(torch.promote_types(z.dtype, torch.float32))
        return (F.logsigmoid(z) + F.logsigmoid(-z)).sum(1)

    def _draw(self, noise: Noise) -> Tensor:
        u = noise.uniform(self.space.dimensions)
        # The draws are multiples of 2⁻²⁴, and a coarser type rounds them: both 0 and 1 must be kept off.
        least = max(torch.finfo(u.dtype).eps, 2.0**-23) / 2
        u = u.clamp(least, 1 - least)
        return torch.log(u) - torch.log1p(-u)

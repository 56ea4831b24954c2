"""MAF: a stack of masked autoregressive networks, an exact and flexible density in a single pass.

Papamakarios, Pavlakou, Murray 2017, "Masked Autoregressive Flow for Density Estimation", arXiv:1705.07057. Each layer
standardises every value by a mean and scale that a MADE (Germain et al. 2015, arXiv:1502.03509) computes from those
before it (section 3.1), and the order is reversed from layer to layer. `log_prob` and `encode` take one pass of each
network. `generate` and `decode` take the values one by one: here they compute no unit of the networks twice, but remain
the slow direction. Made for vectors, such as the rows of a table; an image is the vector of its pixels, row by row.

Differs from the paper:
- an actnorm (Kingma & Dhariwal 2018) before each layer, where the paper has batch normalisation after it: training and
  inference are the same function, and the first one standardises the columns of a table. Images do without, since a
  pixel that is black in all of the first batch would be magnified beyond measure when it is not;
- log scales are bounded, s = b·tanh(raw / b), and each layer starts as the identity;
- images go through the logit of Dinh et al. 2016, section 4.1, with α = 0.05, where the paper has α = 10⁻⁶ for MNIST;
- the prior is a learned diagonal Gaussian.

norm="batch" has what the paper has instead: batch normalisation after each layer, of images too, which in train mode is
that of the batch and counts in the density; and a standard normal prior. The degrees of hidden units are dealt out in
turn, as in kamenbliznashki/normalizing_flows, whose unbiased variances are followed where the paper's are biased. The
inverse takes the running averages, in train mode too. Scales are still bounded: bound=1048576 is no bound, to the
precision of float32. preset="paper" is all that at the size of that code's defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo._util.config import setting
from zoo.errors import InvalidInput
from zoo.models._flow import DEQUANTISATIONS, Flow, check_flow_config
from zoo.nn.autoregressive import MaskedAutoregressive
from zoo.nn.bijections import Bijection, Chain, Flatten
from zoo.nn.linear import ActNorm, Diagonal
from zoo.nn.synchronised import moments
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((2,), "(features,), or (channels, height, width)")
    layers: int = setting(5, "autoregressive ones", at_least=1)
    hidden: tuple[int, ...] = setting(
        (64, 64), "widths of the hidden layers of each", at_least=1, at_most=2**20, entries=1, example=(64, 64)
    )
    bound: float = setting(2.0, "largest |log scale| of a layer", above=0, example=2)
    dequantisation: str = setting("variational", "uniform or variational, of images", choices=DEQUANTISATIONS)
    norm: str = setting(
        "actnorm", "between layers: actnorm, or batch, the paper's batch normalisation", choices=("actnorm", "batch")
    )

    def __post_init__(self) -> None:
        check_flow_config("maf", self, vectors=True)


class BatchNorm(Bijection):
    """z = (x − mean)/√(variance + ε)·exp(log_scale) + shift for each of (n, features): in train mode of the batch, else
    of running averages (section 3.2, and Dinh et al. 2016, section 3.7)."""

    mean: Tensor
    variance: Tensor
    synchronised = False

    def __init__(self, features: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.log_scale = nn.Parameter(torch.zeros(features))
        self.shift = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = self.mean, self.variance
        if self.training:
            if len(x) < 2:
                raise InvalidInput(
                    "batch normalisation is of one sample alone, which varies from none. Train on batches of two at "
                    "least, or with norm=actnorm."
                )
            mean, variance, n = moments(x, [0], whole=self.synchronised)
            variance = variance * n / (n - 1)
            with torch.no_grad():
                self.mean.lerp_(mean.to(self.mean.dtype), self.momentum)
                self.variance.lerp_(variance.to(self.variance.dtype), self.momentum)
        log_scale = self.log_scale - 0.5 * torch.log(variance + self.epsilon)
        return (x - mean) * torch.exp(log_scale) + self.shift, log_scale.sum().expand(x.shape[0])

    def inverse(self, z: Tensor) -> Tensor:
        log_scale = self.log_scale - 0.5 * torch.log(self.variance + self.epsilon)
        return (z - self.shift) * torch.exp(-log_scale) + self.mean


class MAF(Flow[Config]):
    """Generate, encode, decode and exact log_prob of vectors or images."""

    config_class = Config
    compiled = ("flow",)  # the inverse is as many steps as there are dimensions
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"hidden": (100, 100), "bound": 2.0**20, "dequantisation": "uniform", "norm": "batch"}
    }
    recipe = Recipe(
        dataset="two-moons",
        steps=10_000,
        batch_size=256,
        ema=0.999,
        clip=1.0,
        schedule="cosine",
        warmup=200,
        objective={"learning_rate": 0.001},
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config, config.dequantisation)
        layers: list[Bijection] = []
        features, batch = self.space.dimensions, config.norm == "batch"
        for i in range(config.layers):
            layer = MaskedAutoregressive(
                features,
                config.hidden,
                reverse=i % 2 == 1,
                bound=config.bound,
                spread="in turn" if batch else "evenly",
            )
            if batch:
                layers += [layer, BatchNorm(features)]
            else:
                layers += [ActNorm(features), layer] if self.pixels is None else [layer]
        if not batch:
            layers.append(Diagonal(features))
        self.bijection = Chain(Flatten(self.space.shape), *layers)

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
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo._util.config import setting
from zoo.models._flow import DEQUANTISATIONS, Flow, check_flow_config
from zoo.nn.autoregressive import MaskedAutoregressive
from zoo.nn.bijections import Bijection, Chain, Flatten
from zoo.nn.linear import ActNorm, Diagonal
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

    def __post_init__(self) -> None:
        check_flow_config("maf", self, vectors=True)


class MAF(Flow[Config]):
    """Generate, encode, decode and exact log_prob of vectors or images."""

    config_class = Config
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
        for i in range(config.layers):
            layer = MaskedAutoregressive(self.space.dimensions, config.hidden, reverse=i % 2 == 1, bound=config.bound)
            layers += [ActNorm(self.space.dimensions), layer] if self.pixels is None else [layer]
        self.bijection = Chain(Flatten(self.space.shape), *layers, Diagonal(self.space.dimensions))

"""IAF: masked autoregressive networks turned round, so that sampling is a single pass.

Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling 2016, "Improving Variational Inference with Inverse
Autoregressive Flow", arXiv:1606.04934. From latents to data each layer shifts and scales every value by functions of
the *latents* before it (section 4), all at once, where MAF looks at the data before it; the order is reversed from
layer to layer.
`generate` and `decode` take one pass of each network. `log_prob` and `encode` take the values one by one: without
gradients no unit is computed twice, but training by maximum likelihood runs every network once for each value. That is
slow: keep it to few dimensions, and use MAF for more (Papamakarios, Pavlakou, Murray 2017, arXiv:1705.07057, section
3.2, compares the two).

Differs from the paper:
- a model of data, trained by maximum likelihood; the paper's flow is the posterior of a variational autoencoder, whose
  encoder hands every layer a context h;
- a layer is x = (z − t)·exp(−s) with bounded log scales, s = b·tanh(raw / b), and starts as the identity; the paper
  has x = σ·z + (1 − σ)·m with a sigmoid σ (eq. 13 and 14), for numerical stability as well;
- the first layer standardises vectors (an actnorm), and the prior is a learned diagonal Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo._util.config import setting
from zoo.models._flow import DEQUANTISATIONS, Flow, check_flow_config
from zoo.nn.autoregressive import InverseAutoregressive
from zoo.nn.bijections import Bijection, Chain, Flatten
from zoo.nn.linear import ActNorm, Diagonal
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((2,), "(features,), or (channels, height, width)")
    layers: int = setting(8, "autoregressive ones", at_least=1)
    hidden: tuple[int, ...] = setting(
        (64, 64), "widths of the hidden layers of each", at_least=1, at_most=2**20, entries=1, example=(64, 64)
    )
    bound: float = setting(2.0, "largest |log scale| of a layer", above=0, example=2)
    dequantisation: str = setting("variational", "uniform or variational, of images", choices=DEQUANTISATIONS)

    def __post_init__(self) -> None:
        check_flow_config("iaf", self, vectors=True)


class IAF(Flow[Config]):
    """Generate, encode, decode and exact log_prob of vectors or images."""

    config_class = Config
    compiled = ("inverse",)  # a density is as many steps as there are dimensions
    recipe = Recipe(
        dataset="pinwheel",
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
        layers: list[Bijection] = [] if self.pixels is not None else [ActNorm(self.space.dimensions)]
        for i in range(config.layers):
            reverse = i % 2 == 1
            layers.append(
                InverseAutoregressive(self.space.dimensions, config.hidden, reverse=reverse, bound=config.bound)
            )
        self.bijection = Chain(Flatten(self.space.shape), *layers, Diagonal(self.space.dimensions))

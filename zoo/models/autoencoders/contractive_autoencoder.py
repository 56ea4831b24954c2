"""Contractive autoencoder: its code moves as little as it can when the input does.

Rifai, Vincent, Muller, Glorot, Bengio 2011, "Contractive auto-encoders: explicit invariance during feature extraction",
ICML. To the error is added λ‖∂h/∂x‖²_F, the squared Jacobian of the code: only where the error insists, along the data,
does the code go on to follow. Of one layer of sigmoids it is Σ_j (h_j (1 − h_j))² Σ_i W_ji², here computed so; of
deeper encoders it is estimated by E‖vᵀ∂h/∂x‖² over random signs v (Hutchinson 1990).

Differs from the paper:
- Adam for gradient descent; the error is a mean over pixels, and the penalty is divided by their number to match.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo._util.config import check, nested, setting
from zoo.models._autoencoder import Autoencoder, Reconstruction, ReconstructionOptions
from zoo.nn.encoders import check_shape, dense_decoder, dense_encoder
from zoo.nn.losses import at_least_float32
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((1, 28, 28), "(channels, height, width), or (features,)", at_least=1)
    hidden: tuple[int, ...] = setting((), "units of the encoder's layers before the code", at_least=1)
    latent_dim: int = setting(256, "units of the code", at_least=1)
    tied: bool = setting(True, "whether the decoder's weights are the encoder's, transposed, as in the paper")
    components: int = setting(1, "Gaussians of the mixture that codes are drawn from; 0: N(0, I)", at_least=0)

    def __post_init__(self) -> None:
        check(self, "contractive-autoencoder")
        check_shape("contractive-autoencoder", self.image_shape)


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    weight: float = setting(0.1, "λ of the penalty, for the error of a whole sample", at_least=0)
    reconstruction: ReconstructionOptions = nested(ReconstructionOptions(loss="cross-entropy"))

    def __post_init__(self) -> None:
        check(self)


def jacobian_of_sigmoids(code: Tensor, weight: Tensor) -> Tensor:
    """‖∂h/∂x‖²_F of each sample (n,), for codes h (n, d) = sigmoid(W x + b) with W (d, features)."""
    code = at_least_float32(code)
    return (code * (1 - code)).square() @ weight.to(code).square().sum(1)


class Objective(Reconstruction["ContractiveAutoencoder"]):
    """The mean error of a pixel and λ times the squared Jacobian of the code, divided by the number of pixels."""

    options_class = Options
    options: Options

    def penalty(self, x: Tensor, code: Tensor) -> Tensor:
        squared = self.model.jacobian(x, code).mean()
        self.observe(jacobian=squared)
        return self.options.weight * squared / self.model.space.dimensions


class ContractiveAutoencoder(Autoencoder[Config]):
    """Encode to sigmoids that little moves, and decode; generate by decoding draws from a mixture fitted to codes."""

    config_class = Config
    objective_class = Objective
    shows_filters = True
    recipe = Recipe(dataset="mnist", batch_size=256, steps=20_000, schedule="cosine")

    def __init__(self, config: Config) -> None:
        super().__init__(config, (config.latent_dim,), config.components, "sigmoid")
        sizes = (self.space.dimensions, *config.hidden, config.latent_dim)
        self.encoder = dense_encoder(sizes, "sigmoid", "sigmoid")
        tied = self.encoder if config.tied else None
        self.decoder = dense_decoder(sizes[::-1], "sigmoid", self.pixels, self.space.shape, tied)

    def jacobian(self, x: Tensor, code: Tensor) -> Tensor:
        """‖∂h/∂x‖²_F of each sample (n,), of samples `x` as the networks see them and their codes: exact for one
        layer, else an estimate by one vector of random signs, with a gradient."""
        first = self.encoder[1]  # type: ignore[index]
        if not self.config.hidden and isinstance(first, nn.Linear):
            return jacobian_of_sigmoids(code, first.weight)
        given = x.detach().requires_grad_()
        h = self.encoder(given)
        signs = torch.randint_like(h, 2) * 2 - 1
        (pulled,) = torch.autograd.grad(h, given, signs, create_graph=True)
        return pulled.flatten(1).square().sum(1)

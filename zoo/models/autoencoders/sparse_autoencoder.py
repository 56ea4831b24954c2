"""Sparse autoencoder: a wide code of which few numbers are used at a time.

Ng 2011, "Sparse autoencoder", CS294A lecture notes, section 3: one hidden layer of sigmoids, whose mean activation ρ̂_j
over the data is held near a small target ρ by β Σ_j KL(ρ ‖ ρ̂_j). Its filters become strokes and edges. Two other ways
to the same end are settings: `objective.sparsity=l1`, the mean of activations, and `config.top_k`, where all but the k
largest are set to 0 (Makhzani, Frey 2014, "k-sparse autoencoders", arXiv:1312.5663).

Differs from the notes:
- ρ̂ is the mean over a batch, or a process's share of it, not over all data; Adam on batches for L-BFGS;
- the weight w here is of a mean over the d units, beside a mean over the D pixels: β = w·D/2d, by default 0.46, where
  the notes take 3; weights decay apart from the gradient (AdamW), which clears them where pixels never change;
- `top_k` is a part of the network, with rectifiers, and needs no penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError
from zoo.models._autoencoder import Autoencoder, Reconstruction, ReconstructionOptions
from zoo.nn.encoders import check_shape, dense_decoder, dense_encoder
from zoo.nn.losses import at_least_float32
from zoo.noise import Noise
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((1, 28, 28), "(channels, height, width), or (features,)", at_least=1)
    latent_dim: int = setting(256, "units of the code", at_least=1)
    top_k: int = setting(
        0, "how many units of a code are kept, the largest; 0 keeps all, and a penalty acts", at_least=0
    )
    tied: bool = setting(False, "whether the decoder's weights are the encoder's, transposed")
    components: int = setting(1, "Gaussians of the mixture that codes are drawn from; 0: N(0, I)", at_least=0)

    def __post_init__(self) -> None:
        check(self, "sparse-autoencoder")
        check_shape("sparse-autoencoder", self.image_shape)
        if self.top_k > self.latent_dim:
            raise ConfigError(f"sparse-autoencoder: top_k={self.top_k} of {self.latent_dim} units. Keep at most those.")


class TopK(nn.Module):
    """Activations (n, d), rectified, of which all but the k largest of each sample are 0."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        kept, places = x.topk(self.k, dim=1)
        return torch.zeros_like(x).scatter(1, places, kept.relu())


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    sparsity: str = setting("kl", "penalty on the code: kl or l1; none acts with top_k", choices=("kl", "l1"))
    target: float = setting(0.05, "ρ of kl, the wanted mean activation", above=0, below=1)
    weight: float = setting(0.3, "of the penalty, a mean over units, beside the mean error of a pixel", at_least=0)
    reconstruction: ReconstructionOptions = nested(ReconstructionOptions(weight_decay=0.5))

    def __post_init__(self) -> None:
        check(self)


def kl_sparsity(code: Tensor, target: float) -> Tensor:
    """The mean over units of KL(ρ ‖ ρ̂_j) = ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j)), nats, for activations
    (n, d) in [0, 1] whose means are ρ̂ and the target ρ."""
    active = code.mean(0).clamp(1e-6, 1 - 1e-6)
    rho = torch.full_like(active, target)
    return (rho * (rho / active).log() + (1 - rho) * ((1 - rho) / (1 - active)).log()).mean()


class Objective(Reconstruction["SparseAutoencoder"]):
    """The mean error of a pixel and the penalty on the code, which is a mean over its units."""

    options_class = Options
    options: Options

    def penalty(self, x: Tensor, code: Tensor) -> Tensor | float:
        if self.model.config.top_k:
            return 0.0
        code = at_least_float32(code)
        self.observe(active=(code > 0.1).float())
        sparse = kl_sparsity(code, self.options.target) if self.options.sparsity == "kl" else code.abs().mean()
        return self.options.weight * sparse


class SparseAutoencoder(Autoencoder[Config]):
    """Encode to a sparse code, and decode it; generate by decoding draws from a mixture fitted to the codes."""

    config_class = Config
    objective_class = Objective
    shows_filters = True
    recipe = Recipe(dataset="mnist", batch_size=256, steps=20_000, schedule="cosine")

    def __init__(self, config: Config) -> None:
        super().__init__(config, (config.latent_dim,), config.components, "none" if config.top_k else "sigmoid")
        sizes = (self.space.dimensions, config.latent_dim)
        self.encoder = dense_encoder(sizes, "none", "none" if config.top_k else "sigmoid")
        if config.top_k:
            self.encoder.append(TopK(config.top_k))
        tied = self.encoder if config.tied else None
        self.decoder = dense_decoder(sizes[::-1], "none", self.pixels, self.space.shape, tied)

    def _latents(self, noise: Noise, temperature: float) -> Tensor:
        z = super()._latents(noise, temperature)
        return TopK(self.config.top_k)(z) if self.config.top_k else z  # draws as sparse as codes

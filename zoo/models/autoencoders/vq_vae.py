"""VQ-VAE: an autoencoder whose code is a grid of tokens, and a PixelCNN that writes such grids.

Van den Oord, Vinyals, Kavukcuoglu 2017, "Neural discrete representation learning", arXiv:1711.00937. The encoder gives
a vector for each place of a coarse grid, and each is replaced by the nearest of a codebook (equations 1, 2). Gradients
pass that step as if it were not there; the codebook moves to what the encoder gives, and the encoder commits to the
codebook (equation 3). The prior over grids is an autoregressive network (section 3.3).

Latents are the vectors after the codebook (n, dim, side, side); `decode` takes any and replaces them likewise, so that
model(z) is of as many images as there are grids of tokens. `tokens` and `vectors` lead from images to tokens, whole
numbers below `codes`, and from these to latents.

Differs from the paper:
- the prior learns at the same time as the autoencoder, from whose gradients it is apart, and not afterwards;
- the squared error is divided by the variance of pixels (`objective.variance`), so that the terms are of one size;
- widths for small images, and Adam's rate falls as a cosine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.errors import ConfigError, InvalidInput
from zoo.model import Model
from zoo.nn.layers import bounded
from zoo.nn.losses import at_least_float32
from zoo.nn.pixelcnn import PixelCNN
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.objective import Objective as BaseObjective
from zoo.recipe import Recipe
from zoo.spaces import Images

INITIAL = 0.5  # deviation of the codebook, near to that of what the encoder comes to give


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting((1, 28, 28), "(channels, height, width), square", at_least=1)
    codes: int = setting(128, "vectors in the codebook", at_least=2)
    dim: int = setting(16, "numbers in each", at_least=1)
    width: int = setting(64, "channels of the encoder and the decoder", at_least=2)
    blocks: int = setting(2, "residual ones of each", at_least=0)
    prior_width: int = setting(64, "channels of the prior", at_least=2)
    prior_blocks: int = setting(5, "residual ones of it", at_least=0)

    def __post_init__(self) -> None:
        check(self, "vq-vae")
        _, height, width = self.image_shape
        if height != width or height % 4:
            shape = self.image_shape
            raise ConfigError(f"vq-vae: image_shape={shape!r}; expected (channels, side, side), a multiple of 4.")


class Residual(nn.Module):
    """Features (n, width, side, side), to which ReLU, 3 × 3, ReLU, 1 × 1 convolutions add (section 4.1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width // 2, 3, padding=1), nn.ReLU(), nn.Conv2d(width // 2, width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = x + self.layers(x)
        return grown


class Encoder(nn.Sequential):
    """Images (n, channels, size, size) to vectors (n, dim, size/4, size/4)."""

    def __init__(self, config: Config) -> None:
        width = config.width
        super().__init__(
            nn.Conv2d(config.image_shape[0], width // 2, 4, stride=2, padding=1),  # (n, width/2, size/2, size/2)
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 4, stride=2, padding=1),  # (n, width, size/4, size/4)
            *(Residual(width) for _ in range(config.blocks)),
            nn.ReLU(),
            nn.Conv2d(width, config.dim, 1),
        )


class Decoder(nn.Sequential):
    """Vectors (n, dim, size/4, size/4) to images (n, channels, size, size) near [0, 1]."""

    def __init__(self, config: Config) -> None:
        width = config.width
        super().__init__(
            nn.Conv2d(config.dim, width, 3, padding=1),
            *(Residual(width) for _ in range(config.blocks)),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1),  # (n, width/2, size/2, size/2)
            nn.ReLU(),
            nn.ConvTranspose2d(width // 2, config.image_shape[0], 4, stride=2, padding=1),
        )


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(0.001, "Adam's", at_least=0)
    commitment: float = setting(0.25, "β, how much the encoder keeps to the codebook", at_least=0)
    variance: float = setting(0.1, "of pixels, by which their squared error is divided", above=0, example=0.1)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["VQVAE"]):
    """Equation 3 for the autoencoder and its codebook, then the cross-entropy of the prior, in nats a token."""

    options_class = Options
    options: Options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        model, rate = self.model, self.options.learning_rate
        own = [*model.encoder.parameters(), *model.decoder.parameters(), model.codebook]
        return {
            "autoencoder": torch.optim.Adam(own, lr=rate),
            "prior": torch.optim.Adam(model.prior.parameters(), lr=rate),
        }

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        model, x = self.model, batch.images
        given = at_least_float32(model.encoder(x))
        tokens = model.nearest(given)
        chosen = at_least_float32(model.chosen(tokens))
        made = at_least_float32(model.decoder(given + (chosen - given).detach()))
        error = (made - x).square().mean() / self.options.variance
        moved, kept = (chosen - given.detach()).square().mean(), (given - chosen.detach()).square().mean()
        used = tokens.new_zeros(model.config.codes).index_fill_(0, tokens.flatten(), 1).sum()
        self.observe(reconstruction=error, tokens_used=used)
        yield "autoencoder", error + moved + self.options.commitment * kept
        yield "prior", F.cross_entropy(at_least_float32(model.prior(tokens)), tokens)


class VQVAE(Model[Config]):
    """Generate from tokens that the prior draws, encode to vectors of the codebook, decode."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="fashion-mnist", batch_size=128, steps=20_000, schedule="cosine", channels_last=True)
    spherical = False  # latents are corners of a lattice

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images(config.image_shape)
        self.side = config.image_shape[1] // 4
        self.latent_shape = (config.dim, self.side, self.side)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.codebook = nn.Parameter(INITIAL * torch.randn(config.codes, config.dim))
        self.prior = PixelCNN(config.codes, config.prior_width, config.prior_blocks)

    def nearest(self, z: Tensor) -> Tensor:
        """Of vectors (n, dim, side, side) the nearest of the codebook, (n, side, side) int64."""
        flat = at_least_float32(z).permute(0, 2, 3, 1).flatten(0, 2)
        book = self.codebook.to(flat)
        with torch.autocast(z.device.type, enabled=False):  # which would compare in bfloat16
            distances = book.square().sum(1) - 2 * flat @ book.t()  # less ‖z‖², the same for all
        return distances.argmin(1).view(z.shape[0], *z.shape[2:])

    def tokens(self, images: Tensor) -> Tensor:
        """The tokens (n, side, side) of images (n, channels, size, size) in [0, 1], int64 of 0 … codes − 1. Raises as
        `encode` does."""
        return self.nearest(self.encode(images))

    def vectors(self, tokens: Tensor) -> Tensor:
        """The latents (n, dim, side, side) of tokens (n, side, side), for `decode`. Raises InvalidInput for tokens of
        another shape or beyond the codebook."""
        if tokens.ndim != 3 or tokens.dtype != torch.int64 or tokens.shape[1:] != (self.side, self.side):
            expected = f"torch.int64 (n, {self.side}, {self.side}), as tokens() gives"
            raise InvalidInput(f"tokens came as {tokens.dtype} {tuple(tokens.shape)}; expected {expected}.")
        if bool(((tokens < 0) | (tokens >= self.config.codes)).any()):
            raise InvalidInput(f"tokens reach beyond the codebook; expected 0 … {self.config.codes - 1}.")
        return self.chosen(tokens)

    def chosen(self, tokens: Tensor) -> Tensor:
        """`vectors` without checks, for which a device would be waited for."""
        return F.embedding(tokens, self.codebook).permute(0, 3, 1, 2)

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self._quantised(self.encoder(x))

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return bounded(self.decoder(self._quantised(z)))

    def _latents(self, noise: Noise, temperature: float) -> Tensor:
        return self.vectors(self.prior.draw(noise, self.side, self.side, temperature))

    def _quantised(self, z: Tensor) -> Tensor:
        """The nearest of the codebook in each place; gradients pass to it, and to z as if it were z itself."""
        return self.chosen(self.nearest(z)) + (z - z.detach())

"""WAE: Wasserstein autoencoder, whose codes as a whole are distributed as the prior.

Tolstikhin, Bousquet, Gelly, Schölkopf 2018, "Wasserstein auto-encoders", arXiv:1711.01558. A VAE pulls the code of
every single image towards the prior, and blurs where they overlap. Here the encoder is a function, and only the
distribution of all codes is held to N(0, I): the error plus λ·D(Q_Z, P_Z) (equation 4), where D is either the maximum
mean discrepancy with the inverse multiquadratic kernel (algorithm 2) or a discriminator of codes (algorithm 1).

Differs from the paper:
- λ weighs the mean error of a pixel; multiplied by the number of pixels it is the paper's;
- the kernel is summed over seven scales, as in the authors' code, and the prior has variance 1;
- Adam's rate falls as a cosine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError
from zoo.models._autoencoder import Autoencoder, Reconstruction, ReconstructionOptions
from zoo.nn.layers import dense
from zoo.nn.losses import at_least_float32, discriminator_loss, generator_loss
from zoo.recipe import Recipe

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the kernel, as in the authors' code


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting((1, 28, 28), "(channels, height, width), square", at_least=1)
    latent_dim: int = setting(16, "numbers in a code", at_least=1)
    width: int = setting(32, "channels at half of the side", at_least=1)
    components: int = setting(0, "Gaussians of the mixture that codes are drawn from; 0: N(0, I)", at_least=0)

    def __post_init__(self) -> None:
        check(self, "wae")
        _, height, width = self.image_shape
        if height != width or height % 4:
            shape = self.image_shape
            raise ConfigError(f"wae: image_shape={shape!r}; expected (channels, side, side), a multiple of 4.")

    @property
    def widths(self) -> list[int]:
        """Channels after each halving: twice as many each time, until the side is odd or 4."""
        side, found = self.image_shape[1], [self.width]
        while (side := side // 2) % 2 == 0 and side > 4:
            found.append(2 * found[-1])
        return found


class Encoder(nn.Sequential):
    """Images (n, channels, side, side) to codes (n, latent_dim)."""

    def __init__(self, config: Config) -> None:
        layers: list[nn.Module] = []
        before = config.image_shape[0]
        for width in config.widths:  # (n, width, side/2, side/2) …
            layers += [nn.Conv2d(before, width, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        side = config.image_shape[1] >> len(config.widths)
        super().__init__(*layers, nn.Flatten(), nn.Linear(before * side * side, config.latent_dim))


class Decoder(nn.Sequential):
    """Codes (n, latent_dim) to images (n, channels, side, side) in [0, 1]."""

    def __init__(self, config: Config) -> None:
        widths, side = config.widths, config.image_shape[1] >> len(config.widths)
        layers: list[nn.Module] = [
            nn.Linear(config.latent_dim, widths[-1] * side * side, bias=False),
            nn.Unflatten(1, (widths[-1], side, side)),
            nn.BatchNorm2d(widths[-1]),
            nn.ReLU(),
        ]
        for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        last = nn.ConvTranspose2d(widths[0], config.image_shape[0], 4, stride=2, padding=1)
        super().__init__(*layers, last, nn.Sigmoid())


def mmd(codes: Tensor, prior: Tensor) -> Tensor:
    """The unbiased estimate of the squared maximum mean discrepancy between codes and draws of the prior, each (n, d),
    n at least 2, with the kernel Σ_s C_s/(C_s + ‖a − b‖²), C_s = 2·d·s over `SCALES` s (section 4)."""
    n = len(codes)
    if n < 2:
        raise ConfigError("a batch of 1 has no discrepancy from the prior. Train with batch_size=2 or more.")
    kernels = []
    for a, b in ((codes, codes), (prior, prior), (codes, prior)):
        squared = (a[:, None] - b[None]).square().sum(2)
        constants = [2 * codes.shape[1] * scale for scale in SCALES]
        kernels.append(torch.stack([constant / (constant + squared) for constant in constants]).sum(0))
    own, others, between = kernels
    off = 1 - torch.eye(n, dtype=codes.dtype, device=codes.device)
    return ((own + others) * off).sum() / (n * (n - 1)) - 2 * between.mean()


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    penalty: str = setting("mmd", "mmd, or gan, a discriminator of codes", choices=("mmd", "gan"))
    weight: float = setting(10.0, "λ of the penalty, for the error of a whole image", at_least=0)
    discriminator_learning_rate: float = setting(0.0005, "Adam's, of gan", at_least=0)
    reconstruction: ReconstructionOptions = nested(ReconstructionOptions())

    def __post_init__(self) -> None:
        check(self)


class Objective(Reconstruction["WAE"]):
    """The mean error of a pixel and λ times the discrepancy of codes, divided by the number of pixels."""

    options_class = Options
    options: Options

    def __init__(self, model: WAE, options: Options) -> None:
        super().__init__(model, options)
        if options.penalty == "gan":
            self.discriminator = dense([model.config.latent_dim, 512, 512, 512, 1])

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = super().optimizers()
        if self.options.penalty == "gan":
            rate = self.options.discriminator_learning_rate
            networks["discriminator"] = torch.optim.Adam(self.discriminator.parameters(), lr=rate, betas=(0.5, 0.999))
        return networks

    def updates_by(self, code: Tensor) -> Iterator[tuple[str, Tensor]]:
        if self.options.penalty == "gan":
            drawn = torch.randn_like(code)
            yield "discriminator", discriminator_loss(self.discriminator(drawn), self.discriminator(code.detach()))

    def penalty(self, x: Tensor, code: Tensor) -> Tensor:
        code = at_least_float32(code)
        if self.options.penalty == "gan":
            discrepancy = generator_loss(self.discriminator(code))
        else:
            discrepancy = mmd(code, torch.randn_like(code))
        self.observe(discrepancy=discrepancy)
        return self.options.weight * discrepancy / self.model.space.dimensions


class WAE(Autoencoder[Config]):
    """Generate by decoding standard normal codes, encode, decode."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(
        dataset="fashion-mnist", batch_size=128, steps=20_000, schedule="cosine", channels_last=True, ema=0.999
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config, (config.latent_dim,), config.components)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

"""VAE: variational autoencoder.

Kingma & Welling 2014, "Auto-encoding variational Bayes", arXiv:1312.6114. The encoder gives
q(z|x) = N(μ(x), diag σ²(x)), the decoder p(x|z) = N(d(z), s² I), and the prior is N(0, I). Training maximises the
evidence lower bound, equation 3: E_q ln p(x|z) − KL(q(z|x) ‖ N(0, I)), with one reparametrised sample z = μ + σ·ε.

With likelihood="bernoulli" a pixel is black or white and d(z) its probability to be white (appendix C.1): −ln p(x|z) is
the binary cross-entropy, and grey images are drawn anew as black and white ones at each step, their values the
probabilities (Salakhutdinov, Murray 2008).

`log_prob` is the tighter importance-weighted bound of Burda, Grosse, Salakhutdinov 2016, arXiv:1509.00519, equation 8:
ln 1/K Σ_k p(x, z_k)/q(z_k|x).

Codes of images as a whole, q(z) = E_x q(z|x), are not quite the prior, and where they are not, samples are poor. With
components=10 as many Gaussians are fitted to draws of q(z) when training has ended, and take the prior's place in
`generate` and in the bound (Ghosh et al. 2020, arXiv:1903.12436, section 4; Dai, Wipf 2019, arXiv:1903.05789).

Differs from the paper:
- both networks are convolutional, where the paper's are dense with one hidden layer; hidden=[500] makes them so, and
  hidden=[200, 200] those of Burda et al., with tanh as in both papers; activation="relu" makes of the former PyTorch's
  example of it (pytorch/examples, vae), which preset="paper" is: 400 units, 20 latents, Bernoulli pixels;
- the Gaussian's standard deviation s is one learned number for all pixels (Rybkin, Daniilidis, Levine 2021,
  arXiv:2006.13202), which balances reconstruction and KL; a weight β on the KL can shift that balance;
- Adam with a falling learning rate replaces Adagrad.

Generated images are the decoder's means d(z), without the noise of p(x|z) in each pixel, as is customary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo._util.config import check, setting
from zoo.errors import ConfigError, InvalidInput
from zoo.models._autoencoder import WithMixture, cross_entropy
from zoo.nn.encoders import dense_decoder, dense_encoder, first_layer
from zoo.nn.losses import at_least_float32, gaussian_kl, gaussian_log_density
from zoo.nn.mixture import check_fitting
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.objective import Objective as BaseObjective
from zoo.recipe import Recipe
from zoo.spaces import BinaryImages, Images


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_size: int = setting(28, "of the side, which is halved depth times", at_least=4)
    channels: int = setting(1, "of images", at_least=1)
    latent_dim: int = setting(16, "numbers in a latent", at_least=1)
    width: int = setting(32, "channels at half of image_size", at_least=1)
    depth: int = setting(2, "halvings, after each of which there are twice as many channels", at_least=1)
    hidden: tuple[int, ...] = setting((), "units of dense layers in place of convolutions, from the image", at_least=1)
    activation: str = setting("tanh", "of dense layers: tanh or relu", choices=("tanh", "relu"))
    components: int = setting(0, "Gaussians of the mixture that latents are drawn from; 0: N(0, I)", at_least=0)
    likelihood: str = setting(
        "gaussian", "of a pixel: gaussian, or bernoulli, of black and white ones", choices=("gaussian", "bernoulli")
    )

    def __post_init__(self) -> None:
        check(self, "vae")
        halvings = min(self.depth, self.image_size.bit_length())  # of any more the power would fill memory
        if self.image_size % 2**halvings and not self.hidden:
            raise ConfigError(
                f"vae: image_size={self.image_size!r}; expected a multiple of 2 to the power of depth={self.depth}."
            )

    @property
    def widths(self) -> list[int]:
        """Channels after each halving, and at last twice as many again."""
        return [self.width * 2**level for level in range(self.depth + 1)]


class Encoder(nn.Sequential):
    """Images (n, channels, size, size) in [0, 1] to (n, 2·latent_dim): means, then log variances, of q(z|x)."""

    def __init__(self, config: Config) -> None:
        *widths, last = config.widths
        side = config.image_size >> config.depth
        layers: list[nn.Module] = []
        for before, after in pairwise([config.channels, *widths]):  # (n, width, size/2, size/2) …
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.SiLU()]
        super().__init__(
            *layers,
            nn.Conv2d(widths[-1], last, 3, padding=1),  # (n, last, side, side)
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(last * side * side, 2 * config.latent_dim),
        )


class Decoder(nn.Sequential):
    """Latents (n, latent_dim) to the means of p(x|z), images (n, channels, size, size) in [0, 1]."""

    def __init__(self, config: Config) -> None:
        *widths, last = config.widths
        side = config.image_size >> config.depth
        layers: list[nn.Module] = [
            nn.Linear(config.latent_dim, last * side * side),
            nn.Unflatten(1, (last, side, side)),
            nn.SiLU(),
            nn.Conv2d(last, widths[-1], 3, padding=1),  # (n, last/2, side, side)
            nn.SiLU(),
        ]
        for before, after in pairwise([*widths[::-1], config.width]):  # … (n, width, size, size)
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.SiLU()]
        super().__init__(*layers, nn.Conv2d(config.width, config.channels, 3, padding=1), nn.Sigmoid())


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(0.001, "Adam's", at_least=0)
    beta: float = setting(
        1.0,
        "weight of the KL term; 1 is the bound, larger values trade reconstruction for a smoother latent space "
        "(Higgins et al. 2017)",
        at_least=0,
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["VAE"]):
    """The negative evidence lower bound, in nats per dimension, of images that are uniformly dequantised, or made black
    and white by chance."""

    options_class = Options
    options: Options

    def __init__(self, model: VAE, options: Options) -> None:
        super().__init__(model, options)
        if model.mixture is not None:
            check_fitting()  # not after hours of training

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"vae": torch.optim.Adam(self.model.parameters(), lr=self.options.learning_rate)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        uniform = torch.rand_like(batch.images)
        dequantised = (255 * batch.images + uniform) / 256  # (k + u)/256 of 8-bit level k, as in Model.bits_per_dim
        x = (uniform < batch.images).to(uniform) if self.model.binary else dequantised
        mean, log_variance = self.model.posterior(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        bound = self.model.log_likelihood(x, z) - self.options.beta * gaussian_kl(mean, log_variance)
        yield "vae", -bound.mean() / self.model.space.dimensions


class VAE(WithMixture[Config]):
    """Generate, encode to the posterior mean, decode to the mean image, and bound ln p(x) from below."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"latent_dim": 20, "hidden": (400,), "activation": "relu", "likelihood": "bernoulli"}
    }
    objective_class = Objective
    recipe = Recipe(
        batch_size=128, steps=15_000, precision="bf16-mixed", channels_last=True, ema=0.999, clip=1.0, schedule="cosine"
    )
    log_prob_kind = "lower-bound"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        shape = (config.channels, config.image_size, config.image_size)
        self.binary = config.likelihood == "bernoulli"
        self.space = BinaryImages(shape, probabilities=True) if self.binary else Images(shape)
        self.latent_shape = (config.latent_dim,)
        self.make_mixture(config.components)
        if config.hidden:
            layers, activation = [self.space.dimensions, *config.hidden], config.activation
            self.encoder: nn.Module = dense_encoder([*layers, 2 * config.latent_dim], activation, "none")
            self.decoder: nn.Module = dense_decoder([config.latent_dim, *layers[::-1]], activation, "sigmoid", shape)
        else:
            self.encoder, self.decoder = Encoder(config), Decoder(config)
        if not self.binary:  # ln s of p(x|z); starts at a standard deviation of 0.2 in pixels of [0, 1]
            self.log_sigma = nn.Parameter(torch.tensor(math.log(0.2)))

    def first_layer(self) -> nn.Module:
        return first_layer(self.encoder)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), each (n, latent_dim), in at least float32."""
        mean, log_variance = at_least_float32(self.encoder(images)).chunk(2, dim=1)
        return mean, log_variance

    def log_likelihood(self, images: Tensor, z: Tensor) -> Tensor:
        """ln p(x|z) in nats, (n,)."""
        mean = at_least_float32(self.decoder(z))
        if self.binary:
            return -cross_entropy(mean, images).flatten(1).sum(1)
        return gaussian_log_density(images, mean, self.log_sigma)

    def log_prior(self, z: Tensor) -> Tensor:
        """ln p(z) in nats, (n,): of the mixture, if there is one, else of N(0, I)."""
        if self.mixture is not None:
            return self.mixture.log_prob(z.to(self.mixture.means)).to(z)
        zero = torch.zeros((), dtype=z.dtype, device=z.device)
        return gaussian_log_density(z, zero, zero)

    @torch.no_grad()
    def codes(self, samples: Tensor, seed: int) -> Tensor:
        """Draws of q(z|x), since the prior is to be that of them all: what says nothing of an image stays N(0, 1)."""
        mean, log_variance = self.posterior(samples.to(self.device, self.dtype))
        return mean + (0.5 * log_variance).exp() * Noise(seed, 0, len(mean)).normal(*self.latent_shape).to(mean)

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        images: Tensor = self.decoder(z)
        return images

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.posterior(images)[0]

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise, *, samples: int = 64) -> Tensor:
        if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
            raise InvalidInput(f"samples={samples!r}; expected a whole number of importance samples, at least 1.")
        mean, log_variance = self.posterior(images)
        log_std = 0.5 * log_variance
        log_weights = []
        # One importance sample at a time keeps memory at one batch, whatever `samples` is.
        for epsilon in noise.normal(samples, *self.latent_shape).unbind(1):
            z = mean + log_std.exp() * epsilon
            log_joint = self.log_likelihood(images, z) + self.log_prior(z)
            log_weights.append(log_joint - gaussian_log_density(z, mean, log_std))
        return torch.logsumexp(torch.stack(log_weights), 0) - math.log(samples)

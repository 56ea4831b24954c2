"""my-model: a small variational autoencoder, to be made into a model of your own.

Kingma & Welling 2014, "Auto-encoding variational Bayes", arXiv:1312.6114: q(z|x) = N(μ(x), diag σ²(x)),
p(x|z) = N(d(z), s² I), p(z) = N(0, I). Training maximises the evidence lower bound, equation 3,
E_q ln p(x|z) − KL(q(z|x) ‖ p(z)). `log_prob` is the importance-weighted bound of Burda, Grosse & Salakhutdinov 2016,
arXiv:1509.00519, equation 8, which comes closer to ln p(x) with every sample.

Differs from the paper: the deviation s of a pixel is learned, and Adam takes the place of Adagrad.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.plugin import Batch, Model, Noise, Recipe, check, errors, inputs, losses, setting, spaces
from zoo.plugin import Objective as BaseObjective


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((1, 28, 28), "(channels, height, width)", at_least=1)
    hidden: int = setting(256, "units between pixels and latents", at_least=1)
    latent_dim: int = setting(16, "numbers in a latent", at_least=1)

    def __post_init__(self) -> None:
        check(self, "my-model")
        if len(self.image_shape) != 3:
            raise errors.ConfigError(f"my-model: image_shape={self.image_shape}; expected (channels, height, width).")


@dataclass(frozen=True)
class Options:
    """How it is trained: what `--set objective.NAME=VALUE` sets."""

    learning_rate: float = setting(0.001, "Adam's", at_least=0)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["MyModel"]):
    """The negative evidence lower bound, in nats per dimension. It exists while the model is trained."""

    options_class = Options
    options: Options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"vae": torch.optim.Adam(self.model.parameters(), lr=self.options.learning_rate)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        # An 8-bit pixel is one of 256 levels; a density wants it anywhere in its cell.
        images = (255 * batch.images + torch.rand_like(batch.images)) / 256
        mean, log_variance = self.model.posterior(images)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        bound = self.model.log_likelihood(images, z) - losses.gaussian_kl(mean, log_variance)
        yield "vae", -bound.mean() / self.model.space.dimensions


class MyModel(Model):
    """The public methods, `generate`, `encode`, `decode` and `log_prob`, are zoo's. They check what comes in, draw the
    noise and call these hooks, which only compute."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(batch_size=128, steps=5000, schedule="cosine")
    log_prob_kind = "lower-bound"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space, self.latent_shape = spaces.Images(config.image_shape), (config.latent_dim,)
        self.encoder = nn.Sequential(
            nn.Flatten(),  # (n, pixels)
            nn.Linear(self.space.dimensions, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, 2 * config.latent_dim),  # means, then log variances
        )
        self.decoder = nn.Sequential(
            nn.Linear(config.latent_dim, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, self.space.dimensions),
            nn.Sigmoid(),
            nn.Unflatten(1, config.image_shape),  # (n, channels, height, width) in [0, 1]
        )
        self.log_sigma = nn.Parameter(torch.tensor(math.log(0.2)))  # ln s

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), each (n, latent_dim)."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return mean, log_variance

    def log_likelihood(self, images: Tensor, z: Tensor) -> Tensor:
        """ln p(x|z) in nats, (n,)."""
        return losses.gaussian_log_density(images, self.decoder(z), self.log_sigma)

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        images: Tensor = self.decoder(z)
        return images

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.posterior(images)[0]

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise, *, samples: int = 64) -> Tensor:
        samples = inputs.integer("samples", samples, 1)
        mean, log_variance = self.posterior(images)
        zero, log_std = torch.zeros_like(mean), 0.5 * log_variance
        log_weights = []
        for epsilon in noise.normal(samples, *self.latent_shape).unbind(1):  # all randomness comes from `noise`
            z = mean + log_std.exp() * epsilon
            log_joint = self.log_likelihood(images, z) + losses.gaussian_log_density(z, zero, zero)
            log_weights.append(log_joint - losses.gaussian_log_density(z, mean, log_std))
        return torch.logsumexp(torch.stack(log_weights), 0) - math.log(samples)

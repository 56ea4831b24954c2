"""InfoGAN: part of the latent is a code that can be read back from the image, without labels.

Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, "InfoGAN: interpretable representation learning by information
maximizing generative adversarial nets", arXiv:1606.03657. To the GAN's game comes λ times a lower bound of the mutual
information between codes c and images G(z, c), L_I = E log Q(c|x) + H(c) (equations 5 and 6), maximised over G and Q.
Q shares all layers but the last with the discriminator; the categorical posterior is a softmax, the continuous ones are
Gaussians (section 6). For MNIST a code is one category of ten and two numbers uniform on [−1, 1] (section 7.2, appendix
C.1), beside noise.

Differs from the paper:
- 32 numbers of noise, standard normal, where the paper has 62; DCGAN's layers (arXiv:1511.06434) in both networks;
- the deviation of the continuous posteriors is one learned number each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.latent import Noise, truncate
from zoo.models._gan import AdversarialModel, AdversarialObjective, AdversarialOptions
from zoo.nn import dcgan, losses
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.spaces import Images

FEATURES = 64  # of an image, from which discriminator and Q go on


@dataclass(frozen=True)
class Config:
    """Sizes of the generator, the code and Q."""

    image_size: int = setting(28, "4, 5, 6 or 7 times a power of two")
    channels: int = setting(1, "of images", at_least=1)
    categories: int = setting(10, "of the code", at_least=2)
    continuous: int = setting(2, "numbers of the code beside the category", at_least=0)
    noise_dim: int = setting(32, "numbers of the rest of the latent", at_least=1)
    width: int = setting(48, "channels of the generator's narrowest hidden layer", at_least=1)
    reader_width: int = setting(32, "channels of Q's first layer", at_least=1)

    def __post_init__(self) -> None:
        check(self, "infogan")
        dcgan.doublings(self.image_size, "infogan")

    @property
    def code_dim(self) -> int:
        """Length of the code: a one-hot category, then the continuous numbers."""
        return self.categories + self.continuous


class Reader(nn.Module):
    """Q and, all but its last layer, the discriminator: images in [−1, 1] to features and codes."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.categories = config.categories
        layers = dcgan.Discriminator(config.image_size, config.channels, config.reader_width, outputs=FEATURES)
        self.features = nn.Sequential(*layers, nn.LeakyReLU(0.2))  # (n, 64)
        self.code = nn.Linear(FEATURES, config.code_dim)
        self.log_deviation = nn.Parameter(torch.zeros(config.continuous))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (n, 64), logits (n, categories) and means (n, continuous)."""
        features = self.features(images)
        code = self.code(features)
        return features, code[:, : self.categories], code[:, self.categories :]


@dataclass(frozen=True)
class Options:
    """How it is trained. Most of the discriminator's weights are Q's and released, so nothing bounds them."""

    information: float = setting(1.0, "λ, the factor of L_I", at_least=0)
    # Section 6 has a smaller λ for them, whose densities would otherwise outweigh the category.
    numbers: float = setting(0.1, "factor of the continuous codes' part within L_I", at_least=0)
    adversarial: AdversarialOptions = nested(AdversarialOptions(), without=("mixed", "weight_clip", "spectral_norm"))

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["InfoGAN"]):
    """One step of the discriminator and Q, then one of the generator; both with −λ L_I."""

    options_class = Options
    options: Options

    def __init__(self, model: InfoGAN, options: Options) -> None:
        # The discriminator's features are the model's own: they are released, since they read the codes.
        super().__init__(model, nn.Linear(FEATURES, 1), options)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = super().optimizers()
        networks["discriminator"].add_param_group({"params": list(self.model.reader.parameters())})
        return networks

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        logits: Tensor = self.discriminator(self.model.reader(images)[0])
        return logits

    def discriminator_step(self, batch: Batch) -> Tensor:
        real = self.augmented(self.real(batch))
        z = self.latents(batch)
        with torch.no_grad():
            fake = self.model.generator(z)
        fake = self.augmented(fake)
        features, logits, means = self.model.reader(fake)
        on_real, on_fake = self.score(real, None), self.discriminator(features)
        self.log_outputs(on_real, on_fake)
        information = self.information(z, logits, means)
        return self.discriminator_loss(on_real, on_fake) + self.penalty(real, fake, None) - information

    def generator_step(self, batch: Batch) -> Tensor:
        z = self.latents(batch)
        features, logits, means = self.model.reader(self.augmented(self.model.generator(z)))
        information = self.information(z, logits, means)
        return self.loss.generator(self.discriminator(features)) - information

    def information(self, z: Tensor, logits: Tensor, means: Tensor) -> Tensor:
        """λ times the bound, with the options' share of its continuous part."""
        return self.options.information * self.bound(z, logits, means, numbers=self.options.numbers)

    def bound(self, z: Tensor, logits: Tensor, means: Tensor, *, numbers: float = 1.0) -> Tensor:
        """L_I in nats, the mean over the batch (equation 5): of the category H = ln categories, of each number ln 2,
        the latter part times `numbers`."""
        config = self.model.config
        category, values = z[:, : config.categories], z[:, config.categories : config.code_dim]
        categorical = (category * F.log_softmax(logits.float(), 1)).sum(1) + math.log(config.categories)
        gaussian = losses.gaussian_log_density(values, means, self.model.reader.log_deviation)
        bound: Tensor = (categorical + numbers * (gaussian + config.continuous * math.log(2))).mean()
        return bound

    def latents(self, batch: Batch) -> Tensor:
        config, n, device = self.model.config, len(batch.images), batch.images.device
        category = F.one_hot(torch.randint(config.categories, (n,), device=device), config.categories)
        numbers = 2 * torch.rand(n, config.continuous, device=device) - 1
        return torch.cat([category, numbers, torch.randn(n, config.noise_dim, device=device)], 1)


class InfoGAN(AdversarialModel[Config]):
    """Generate and decode by the generator; encode by Q.

    Latents (n, categories + continuous + noise_dim) hold, in this order, a category, one-hot or as probabilities;
    numbers in [−1, 1]; noise. `encode` gives the posterior's probabilities and means, and for the noise, which Q does
    not read, the mean of its prior, 0. `temperature` and `truncation` are of the noise.
    """

    config_class = Config
    objective_class = Objective
    encodes_by = "network"
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.code_dim + config.noise_dim,)
        self.code = config.categories, config.continuous
        self.generator = dcgan.Generator(*self.latent_shape, config.image_size, config.channels, config.width)
        self.reader = Reader(config)

    def _draw(self, noise: Noise) -> Tensor:
        category = F.one_hot(noise.integers(self.config.categories), self.config.categories)
        numbers = 2 * noise.uniform(self.config.continuous) - 1
        return torch.cat([category.to(numbers), numbers, noise.normal(self.config.noise_dim)], 1)

    def _latents(self, noise: Noise, temperature: float, *, truncation: float | None = None) -> Tensor:
        codes, rest = self._draw(noise).tensor_split([self.config.code_dim], 1)
        rest = rest if truncation is None else truncate(rest, truncation)
        return torch.cat([codes, temperature * rest], 1)

    def _classify(self, x: Tensor, noise: Noise) -> Tensor:
        """Q's posterior of the category, (n, categories): which of them is which class of the data nobody told it."""
        logits: Tensor = self.reader(2 * x - 1)[1]
        return logits.softmax(1)

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        _, logits, means = self.reader(2 * images - 1)
        unread = images.new_zeros(images.shape[0], self.config.noise_dim)
        return torch.cat([logits.softmax(1), means, unread], 1)

"""Conditional GAN: the class is given to generator and discriminator alike.

Mirza & Osindero 2014, "Conditional generative adversarial nets", arXiv:1411.1784; equation 2 is the game that both
networks play: min_G max_D E log D(x|y) + E log(1 − D(G(z|y))), the generator's half in its non-saturating form.

Differs from the paper:
- both networks are convolutional, in the manner of DCGAN (arXiv:1511.06434), where the paper's are dense with maxout;
- the discriminator sees the class as one constant plane for each class beside the image, the generator as a one-hot
  vector beside the latent, where the paper maps both through a hidden layer first;
- latents are standard normal, not uniform, so that interpolation and temperature mean what they say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ConfigError
from zoo.latent import Noise, descend
from zoo.losses import discriminator_loss, generator_loss
from zoo.model import Model
from zoo.models.gans.dcgan import initialise
from zoo.training.objective import Batch
from zoo.training.objective import Objective as BaseObjective
from zoo.training.recipe import Recipe

CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Sizes. image_size: a multiple of 4; width: channels at half of image_size; classes: names in order of index."""

    image_size: int = 28
    channels: int = 1
    latent_dim: int = 100
    width: int = 64
    classes: tuple[str, ...] = CLOTHES

    def __post_init__(self) -> None:
        if not isinstance(self.image_size, int) or self.image_size < 4 or self.image_size % 4:
            raise ConfigError(f"cgan: image_size={self.image_size!r}; expected a multiple of 4, for example 28.")
        if min(self.channels, self.latent_dim, self.width) < 1:
            raise ConfigError("cgan: channels, latent_dim and width must be at least 1.")
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise ConfigError(f"cgan: classes={self.classes!r}; expected at least two different names.")


class Generator(nn.Module):
    """Latents (n, latent_dim) and class indices (n,) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.classes = len(config.classes)
        quarter, wide = config.image_size // 4, 2 * config.width
        self.project = nn.Sequential(
            nn.Linear(config.latent_dim + self.classes, wide * quarter * quarter, bias=False),
            nn.Unflatten(1, (wide, quarter, quarter)),  # (n, 2·width, size/4, size/4)
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
        )
        self.grow = nn.Sequential(
            nn.ConvTranspose2d(wide, config.width, 4, stride=2, padding=1, bias=False),  # (n, width, size/2, size/2)
            nn.BatchNorm2d(config.width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(config.width, config.channels, 4, stride=2, padding=1),  # (n, channels, size, size)
            nn.Tanh(),
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        one_hot = F.one_hot(labels, self.classes).to(z.dtype)
        images: Tensor = self.grow(self.project(torch.cat([z, one_hot], 1)))
        return images


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] and class indices (n,) to logits (n, 1, 1, 1)."""

    def __init__(self, config: Config, width: int, dropout: float) -> None:
        super().__init__()
        self.classes = len(config.classes)
        self.score = nn.Sequential(
            nn.Conv2d(config.channels + self.classes, width, 4, stride=2, padding=1),  # (n, width, size/2, size/2)
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout2d(dropout),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),  # (n, 2·width, size/4, size/4)
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout2d(dropout),
            nn.Conv2d(2 * width, 1, config.image_size // 4),  # (n, 1, 1, 1)
        )

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        one_hot = F.one_hot(labels, self.classes).to(images.dtype)
        planes = one_hot[:, :, None, None].expand(-1, -1, *images.shape[2:])
        logits: Tensor = self.score(torch.cat([images, planes], 1))
        return logits


class Objective(BaseObjective):
    """One discriminator step on real and generated images of the batch's classes, then one generator step.

    discriminator_width: channels of its first layer. dropout: share of its channels dropped while training.
    """

    def __init__(
        self,
        model: CGAN,
        *,
        learning_rate: float = 0.0002,
        beta1: float = 0.5,
        discriminator_width: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(model)
        self.learning_rate, self.beta1 = learning_rate, beta1
        self.discriminator = Discriminator(model.config, discriminator_width, dropout)
        initialise(self.discriminator)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            name: torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(self.beta1, 0.999))
            for name, network in (("discriminator", self.discriminator), ("generator", self.model.generator))
        }

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        real, labels = 2 * batch.images - 1, batch.labels
        assert labels is not None  # the release maker refuses data without labels for a conditional model
        z = torch.randn(len(real), *self.model.latent_shape, device=real.device)
        fake = self.model.generator(z, labels)
        yield (
            "discriminator",
            discriminator_loss(self.discriminator(real, labels), self.discriminator(fake.detach(), labels)),
        )
        yield "generator", generator_loss(self.discriminator(fake, labels))


class CGAN(Model):
    """Generate and decode by the generator under a class; encode by inverting it under that class."""

    config_class = Config
    objective_class = Objective
    encodes_by = "optimisation"
    recipe = Recipe(batch_size=128, steps=15_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.image_shape = (config.channels, config.image_size, config.image_size)
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)
        initialise(self.generator)

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        images: Tensor = self.generator(z, condition)
        return (images + 1) / 2

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise, *, steps: int = 200) -> Tensor:
        return descend(self, images, condition, noise, steps).latents

"""DCGAN: deep convolutional generative adversarial network.

Radford, Metz, Chintala 2015, "Unsupervised representation learning with deep convolutional generative adversarial
networks", arXiv:1511.06434; section 3 gives the rules kept here: strided convolutions instead of pooling, batch
normalisation except at the generator's output and the discriminator's input, no dense hidden layers, ReLU and tanh in
the generator, leaky ReLU (slope 0.2) in the discriminator. Training details are those of section 4: weights from
N(0, 0.02²), Adam with learning rate 0.0002 and β₁ = 0.5, images scaled to [−1, 1].

Differs from the paper:
- the narrowest generator layer has 48 channels where figure 1 has 128, so that the weights stay small;
- kernels are 4 × 4, as in the authors' Torch code, where figure 1 draws 5 × 5: a stride of 2 divides 4 evenly;
- latents are standard normal, not uniform on [−1, 1], so that interpolation and temperature mean what they say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.latent import Noise, descend
from zoo.losses import discriminator_loss, generator_loss
from zoo.model import Model
from zoo.training.objective import Batch
from zoo.training.objective import Objective as BaseObjective
from zoo.training.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes. image_size: a power of two, at least 8; width: channels of the generator's narrowest hidden layer."""

    image_size: int = 64
    channels: int = 3
    latent_dim: int = 100
    width: int = 48

    def __post_init__(self) -> None:
        size = self.image_size
        if not isinstance(size, int) or size < 8 or size & (size - 1):
            raise ConfigError(f"dcgan: image_size={size!r}; expected a power of two of at least 8, for example 64.")
        if min(self.channels, self.latent_dim, self.width) < 1:
            raise ConfigError("dcgan: channels, latent_dim and width must be at least 1.")

    @property
    def widths(self) -> list[int]:
        """Channels at 4 × 4, 8 × 8 … up to half of image_size: 8, 4, 2, 1 times `width` for 64 × 64."""
        stages = self.image_size.bit_length() - 3
        return [self.width << stage for stage in reversed(range(stages))]


class Generator(nn.Sequential):
    """Latents (n, latent_dim, 1, 1) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        widths = config.widths
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.latent_dim, widths[0], 4, bias=False),  # (n, 8·width, 4, 4)
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for before, after in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),  # twice the size
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], config.channels, 4, stride=2, padding=1), nn.Tanh()]
        super().__init__(*layers)


class Discriminator(nn.Sequential):
    """Images (n, channels, size, size) in [−1, 1] to logits (n, 1, 1, 1); half the size in each stage down to 4 × 4."""

    def __init__(self, config: Config, width: int) -> None:
        widths = [width << stage for stage in range(len(config.widths))]
        layers: list[nn.Module] = [
            nn.Conv2d(config.channels, widths[0], 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for before, after in pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False),  # half the size
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4))


def initialise(network: nn.Module) -> None:
    """Weights from N(0, 0.02²), batch norm scales from N(1, 0.02²), biases 0 (section 4 and the authors' code)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]


class Objective(BaseObjective):
    """The non-saturating game: one discriminator step, then one generator step, each with Adam.

    discriminator_width: channels of the discriminator's first layer. smoothing: one-sided label smoothing.
    """

    def __init__(
        self,
        model: DCGAN,
        *,
        learning_rate: float = 0.0002,
        beta1: float = 0.5,
        discriminator_width: int = 64,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__(model)
        self.learning_rate, self.beta1, self.smoothing = learning_rate, beta1, smoothing
        self.discriminator = Discriminator(model.config, discriminator_width)
        initialise(self.discriminator)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            name: torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(self.beta1, 0.999))
            for name, network in (("discriminator", self.discriminator), ("generator", self.model.generator))
        }

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        real = 2 * batch.images - 1
        z = torch.randn(len(real), *self.model.latent_shape, device=real.device)
        fake = self.model.generator(z[:, :, None, None])
        # Real and fake images go through the discriminator separately, so batch norm sees each on its own.
        on_real, on_fake = self.discriminator(real), self.discriminator(fake.detach())
        yield "discriminator", discriminator_loss(on_real, on_fake, smoothing=self.smoothing)
        yield "generator", generator_loss(self.discriminator(fake))


class DCGAN(Model):
    """Generate and decode by the generator; encode by inverting it."""

    config_class = Config
    objective_class = Objective
    encodes_by = "optimisation"
    recipe = Recipe(batch_size=128, steps=20_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.image_shape = (config.channels, config.image_size, config.image_size)
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)
        initialise(self.generator)

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        images: Tensor = self.generator(z[:, :, None, None])
        return (images + 1) / 2

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise, *, steps: int = 200) -> Tensor:
        return descend(self, images, condition, noise, steps).latents

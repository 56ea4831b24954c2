"""VAE-GAN: a VAE whose reconstructions are compared in the features of a GAN's discriminator.

Larsen, Sønderby, Larochelle, Winther 2016, "Autoencoding beyond pixels using a learned similarity metric",
arXiv:1512.09300. Encoder, decoder and discriminator are trained together (algorithm 1): the encoder by
KL(q(z|x) ‖ N(0, I)) plus the error of reconstruction in the features Dis_l, a Gaussian of unit variance (equations 6
and 7); the decoder, which is the GAN's generator, by γ times that error plus the generator's loss; the discriminator by
the GAN's alone, on real images, on reconstructions and on images of the prior.

Differs from the paper:
- DCGAN's layers (arXiv:1511.06434) at a fraction of the paper's width; the features l are those of 8 × 8 pixels (after
  the third halving of 64), where the paper takes its discriminator's third convolution;
- the error is the mean over features and not their sum, the KL the mean over images weighed by `kl`, and the
  generator's loss is the non-saturating one: with sums the two would have to be weighed just so;
- reconstructions and images of the prior count half each, and together as much as the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.latent import Noise
from zoo.models._gan import AdversarialModel, Game, not_negative, without
from zoo.models.gans import dcgan
from zoo.nn import losses
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes. image_size: 4, 5, 6 or 7 times a power of two, at least 16; width: channels of the generator's narrowest
    hidden layer; encoder_width: of the encoder's first."""

    image_size: int = 64
    channels: int = 3
    latent_dim: int = 64
    width: int = 32
    encoder_width: int = 16

    def __post_init__(self) -> None:
        if dcgan.doublings(self.image_size, "vae-gan") < 2:
            raise ConfigError(f"vae-gan: image_size={self.image_size}; expected at least 16, for features to compare.")
        if min(self.channels, self.latent_dim, self.width, self.encoder_width) < 1:
            raise ConfigError("vae-gan: channels, latent_dim, width and encoder_width must be at least 1.")


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] to features Dis_l (n, c, h, h) and logits (n, 1)."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        layers = list(dcgan.Discriminator(config.image_size, config.channels, width))
        self.features = nn.Sequential(*layers[:-5])  # all but the last halving and the logit
        self.judge = nn.Sequential(*layers[-5:])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        return features, self.judge(features)


class Objective(Game):
    """One step each of encoder, generator and discriminator, in this order (algorithm 1).

    width: channels of the discriminator's first layer. kl: weight of the KL, a mean over images, in the encoder's loss.
    likeness: γ, the weight of the reconstruction in the generator's loss. craft: options of
    `zoo.models._gan.Game` but for weight_clip and those of the order of steps and of what the discriminator sees.
    """

    def __init__(
        self, model: VAEGAN, *, width: int = 32, kl: float = 0.002, likeness: float = 5.0, **craft: Any
    ) -> None:
        without(craft, ("mixed", "discriminator_steps", "input_noise", "augment", "weight_clip"), "vae-gan")
        super().__init__(model, Discriminator(model.config, width), **craft)
        not_negative(kl=kl, likeness=likeness)
        self.kl, self.likeness = kl, likeness

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        encoder = torch.optim.Adam(
            self.model.encoder.parameters(), lr=self.learning_rate, betas=(self.beta1, self.beta2)
        )
        return {"encoder": encoder, **super().optimizers()}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        real = self.real(batch)
        mean, log_variance = self.model.posterior(real)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        with torch.no_grad():
            features, _ = self.discriminator(real)
        again = self.model.generator(z)
        likeness = self.unlikeness(features, self.discriminator(again)[0])
        yield "encoder", self.kl * losses.gaussian_kl(mean, log_variance).mean() + likeness
        again, drawn = self.model.generator(z.detach()), self.fake(batch)
        again_features, on_again = self.discriminator(again)
        on_drawn = self.score(drawn, None)
        fooled = 0.5 * (self.loss.generator(on_again) + self.loss.generator(on_drawn))
        yield "generator", self.likeness * self.unlikeness(features, again_features) + fooled
        on_real, on_again, on_drawn = (self.score(x.detach(), None) for x in (real, again, drawn))
        self.note(on_real, on_drawn)
        loss = self.discriminator_loss(on_real, torch.cat([on_again, on_drawn]))
        yield "discriminator", loss + self.penalty(real, drawn.detach(), None)

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        logits: Tensor = self.discriminator(images)[1]
        return logits

    def unlikeness(self, features: Tensor, others: Tensor) -> Tensor:
        """½ of the mean squared difference: −ln of equation 7's Gaussian, over its dimensions, without constants."""
        return 0.5 * (features.float() - others.float()).square().mean()


class VAEGAN(AdversarialModel):
    """Generate and decode by the generator; encode to the posterior's mean."""

    config_class = Config
    objective_class = Objective
    encodes_by = "network"
    recipe = Recipe(batch_size=64, steps=8_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        size, channels = config.image_size, config.channels
        self.encoder = dcgan.Discriminator(size, channels, config.encoder_width, outputs=2 * config.latent_dim)
        self.generator = dcgan.Generator(config.latent_dim, size, channels, config.width)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (n, latent_dim) of q(z|x) for images in [−1, 1]."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return mean, log_variance

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.posterior(2 * images - 1)[0]

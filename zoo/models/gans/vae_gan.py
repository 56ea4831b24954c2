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

import torch
from torch import Tensor, nn

from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError
from zoo.models._gan import AdversarialModel, AdversarialObjective, AdversarialOptions
from zoo.nn import dcgan, losses
from zoo.noise import Noise
from zoo.objective import Batch, adam
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator and the encoder."""

    image_size: int = setting(64, "4, 5, 6 or 7 times a power of two, at least 16")
    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(64, "numbers in a latent", at_least=1)
    width: int = setting(32, "channels of the generator's narrowest hidden layer", at_least=1)
    encoder_width: int = setting(16, "channels of the encoder's first layer", at_least=1)

    def __post_init__(self) -> None:
        check(self, "vae-gan")
        if dcgan.doublings(self.image_size, "vae-gan") < 2:
            raise ConfigError(f"vae-gan: image_size={self.image_size}; expected at least 16, for features to compare.")


class Discriminator(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] to features Dis_l (n, c, h, h) and logits (n, 1)."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        network = dcgan.Discriminator(config.image_size, config.channels, width)
        self.features, self.head = network.split(dcgan.doublings(config.image_size, "vae-gan") - 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        return features, self.head(features)


def feature_loss(features: Tensor, others: Tensor) -> Tensor:
    """½ of the mean squared difference: −ln of equation 7's Gaussian, over its dimensions, without constants."""
    return 0.5 * (features.float() - others.float()).square().mean()


@dataclass(frozen=True)
class Options:
    """How it is trained. The order of steps is the paper's, and the discriminator sees images as they are."""

    width: int = setting(32, "channels of the discriminator's first layer", at_least=1)
    kl: float = setting(0.002, "weight of the KL, a mean over images, in the encoder's loss", at_least=0)
    reconstruction_weight: float = setting(
        5.0, "γ, the weight of the reconstruction in the generator's loss", at_least=0, former="likeness"
    )
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(), without=("mixed", "discriminator_steps", "input_noise", "augment", "weight_clip")
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["VAEGAN"]):
    """One step each of encoder, generator and discriminator, in this order (algorithm 1)."""

    options_class = Options
    options: Options

    def __init__(self, model: VAEGAN, options: Options) -> None:
        super().__init__(model, Discriminator(model.config, options.width), options)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        rates = {"encoder": self.adversarial.learning_rate}
        return adam({"encoder": self.model.encoder}, rates, self.betas) | super().optimizers()

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        real = self.real(batch)
        mean, log_variance = self.model.posterior(real)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        with torch.no_grad():
            features, _ = self.discriminator(real)
        again = self.model.generator(z)
        error = feature_loss(features, self.discriminator(again)[0])
        yield "encoder", self.options.kl * losses.gaussian_kl(mean, log_variance).mean() + error
        again, drawn = self.model.generator(z.detach()), self.fake(batch)
        again_features, on_again = self.discriminator(again)
        on_drawn = self.score(drawn, None)
        fooled = 0.5 * (self.loss.generator(on_again) + self.loss.generator(on_drawn))
        yield "generator", self.options.reconstruction_weight * feature_loss(features, again_features) + fooled
        on_real, on_again, on_drawn = (self.score(x.detach(), None) for x in (real, again, drawn))
        self.log_outputs(on_real, on_drawn)
        loss = self.discriminator_loss(on_real, torch.cat([on_again, on_drawn]))
        yield "discriminator", loss + self.penalty(real, drawn.detach(), None)

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        logits: Tensor = self.discriminator(images)[1]
        return logits


class VAEGAN(AdversarialModel[Config]):
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

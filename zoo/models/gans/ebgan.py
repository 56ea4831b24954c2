"""EBGAN: the discriminator is an autoencoder, its energy the error of reconstruction.

Zhao, Mathieu, LeCun 2016, "Energy-based generative adversarial network", arXiv:1609.03126. The discriminator learns low
energy D(x) = ‖Dec(Enc(x)) − x‖ on real images and at least a margin m on generated ones, by the loss E D(x) +
E max(0, m − D(G(z))) (equation 1, section 2.3); the generator minimises E D(G(z)) (equation 2) plus 0.1 times the
pulling-away term of its images' codes (section 2.4), which keeps a batch from becoming one image. The networks are
convolutional, as section 4 has them for all but MNIST.

Differs from the paper:
- the energy is the mean square over pixels, not the norm, so that the margin does not depend on the size of images;
- the generator is DCGAN's for 28 × 28 pixels; the decoder mirrors the encoder;
- latents are standard normal.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from zoo._util.config import check, nested, setting
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn import losses
from zoo.nn.dcgan import Discriminator, Generator, doublings
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator."""

    image_size: int = setting(64, "4, 5, 6 or 7 times a power of two")
    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(100, "numbers in a latent", at_least=1)
    width: int = setting(32, "channels of the generator's narrowest hidden layer", at_least=1)
    output_bias: bool = setting(True, "of the generator's last layer")

    def __post_init__(self) -> None:
        check(self, "ebgan")
        doublings(self.image_size, "ebgan")


class Autoencoder(nn.Module):
    """Images (n, channels, size, size) in [−1, 1] to codes (n, code_dim) and back."""

    def __init__(self, size: int, channels: int, width: int, code_dim: int) -> None:
        super().__init__()
        self.encoder = Discriminator(size, channels, width, outputs=code_dim)
        self.decoder = Generator(code_dim, size, channels, width)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (n,), the mean squared error of each image, and its code (n, code_dim)."""
        codes = self.encoder(images)
        # Under autocast generated images and what is made of them are bfloat16, too coarse for an energy.
        return (self.decoder(codes).float() - images.float()).square().flatten(1).mean(1), codes


@dataclass(frozen=True)
class Options:
    """How it is trained. The loss is its own, and has no labels."""

    width: int = setting(32, "channels of the autoencoder's first layer", at_least=1)
    code_dim: int = setting(32, "numbers in the autoencoder's codes", at_least=1)
    margin: float = setting(0.2, "m, an energy, in squared units of pixels in [−1, 1]", at_least=0)
    pull: float = setting(0.1, "factor of the pulling-away term; 0 leaves it out", at_least=0)
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(), without=("loss", "smoothing", "fake_smoothing", "label_noise")
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["EBGAN"]):
    """One discriminator step by the margin, then one generator step with the pulling-away term."""

    options_class = Options
    options: Options

    def __init__(self, model: EBGAN, options: Options) -> None:
        size, channels = model.config.image_size, model.config.channels
        super().__init__(model, Autoencoder(size, channels, options.width, options.code_dim), options)
        self.outputs = "energy"

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        energies: Tensor = self.discriminator(images)[0]
        return energies

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        return losses.energy_discriminator_loss(on_real, on_fake, self.options.margin)

    def log_outputs(self, on_real: Tensor, on_fake: Tensor) -> None:
        self.observe(real=on_real, fake=on_fake)

    def generator_step(self, batch: Batch) -> Tensor:
        energies, codes = self.discriminator(self.augmented(self.fake(batch)))
        loss: Tensor = energies.mean() + self.options.pull * losses.pulling_away(codes)
        return loss


class EBGAN(GAN[Config]):
    """Generate and decode by the generator of DCGAN; encode by inverting it."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(
            config.latent_dim, config.image_size, config.channels, config.width, bias=config.output_bias
        )

"""Convolutional autoencoder: pooling down to small feature maps, transposed convolutions up again.

Masci, Meier, Cireşan, Schmidhuber 2011, "Stacked convolutional auto-encoders for hierarchical feature extraction",
ICANN. Convolutions share their weights over the image, and max-pooling makes the code sparse and small. The default is
the one of Géron's textbook: 16, 32, 64 channels, each layer pooled, 28 → 14 → 7 → 3, and transposed convolutions back;
its code is feature maps, 64 × 3 × 3, not much less than the image. With `latent_dim` a dense layer narrows it to a code
of so many numbers.

Differs from the paper:
- all layers are trained together, not one after another;
- SELU for tanh, and transposed convolutions for convolutions with flipped, shared filters.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo._util.config import check, setting
from zoo.models._autoencoder import Autoencoder, Reconstruction
from zoo.nn.encoders import check_sides, conv_decoder, conv_encoder, pooled_shape
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting((1, 28, 28), "(channels, height, width)", at_least=1)
    widths: tuple[int, ...] = setting((16, 32, 64), "channels of each layer, after which sides are halved", at_least=1)
    latent_dim: int = setting(0, "numbers in a code; 0 leaves it feature maps", at_least=0)
    components: int = setting(1, "Gaussians of the mixture that codes are drawn from; 0: N(0, I)", at_least=0)

    def __post_init__(self) -> None:
        check(self, "conv-autoencoder")
        check_sides("conv-autoencoder", self.image_shape, self.widths)


class ConvAutoencoder(Autoencoder[Config]):
    """Encode and decode by convolutions; generate by decoding draws from a mixture fitted to the codes."""

    config_class = Config
    objective_class = Reconstruction
    recipe = Recipe(dataset="fashion-mnist", batch_size=128, steps=10_000, schedule="cosine")

    def __init__(self, config: Config) -> None:
        shape, widths = config.image_shape, config.widths
        latent = (config.latent_dim,) if config.latent_dim else pooled_shape(shape, widths)
        super().__init__(config, latent, config.components)
        self.encoder = conv_encoder(shape, widths, config.latent_dim)
        self.decoder = conv_decoder(shape, widths, config.latent_dim)

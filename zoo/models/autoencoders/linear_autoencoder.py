"""Linear autoencoder: two dense layers without activations, which find the principal components.

Baldi, Hornik 1989, "Neural networks and principal component analysis: learning from examples without local minima",
Neural Networks 2(1). With the squared error the best code of d numbers is one of the subspace of the first d principal
components: every other critical point is a saddle. The encoder finds some basis of it, not the components themselves,
and the biases find the mean. Of vectors, whose columns are standardised first, these are the components of the
correlation matrix.

Differs from the paper:
- Adam on batches where the paper has no algorithm in mind.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo._util.config import check, setting
from zoo.models._autoencoder import Autoencoder, Reconstruction
from zoo.nn.encoders import check_shape, dense_decoder, dense_encoder
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((1, 28, 28), "(channels, height, width), or (features,)", at_least=1)
    latent_dim: int = setting(16, "numbers in a code", at_least=1)
    components: int = setting(1, "Gaussians of the mixture that codes are drawn from; 0: N(0, I)", at_least=0)

    def __post_init__(self) -> None:
        check(self, "linear-autoencoder")
        check_shape("linear-autoencoder", self.image_shape)


class LinearAutoencoder(Autoencoder[Config]):
    """Encode and decode by a linear map each; generate by decoding draws from a mixture fitted to the codes."""

    config_class = Config
    squashed = False
    objective_class = Reconstruction
    recipe = Recipe(dataset="fashion-mnist", batch_size=256, steps=10_000, schedule="cosine")

    def __init__(self, config: Config) -> None:
        super().__init__(config, (config.latent_dim,), config.components)
        sizes = (self.space.dimensions, config.latent_dim)
        self.encoder = dense_encoder(sizes, "none", "none")
        self.decoder = dense_decoder(sizes[::-1], "none", "none", self.space.shape)

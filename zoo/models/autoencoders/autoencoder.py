"""Autoencoder: stacked dense layers down to a code and up again, the "sandwich" of the textbooks.

Hinton, Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks", Science 313(5786). Dense layers
narrow towards a code of few numbers, and as many widen again; all of them are trained together to give back what comes
in. The default is the one of Géron's textbook (784-100-30-100-784, SELU); `hidden=[1000, 500, 250]`, `code=none`,
`activation=sigmoid` is the paper's. With a code of at least as many numbers as come in it is overcomplete, and learns
nothing but to copy unless something holds it back.

Differs from the paper:
- trained from one start: the paper's pretraining of layer after layer by restricted Boltzmann machines made deep
  networks of sigmoids trainable, which SELU, good initial weights and Adam do as well; `objective.pretraining` brings
  it back, with an autoencoder for each layer (Bengio et al. 2006);
- an autoencoder as such draws nothing: samples are decoded from a mixture fitted to the codes.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo._util.config import check, nested, setting
from zoo.models._autoencoder import Autoencoder, Layerwise, ReconstructionOptions
from zoo.nn.encoders import ACTIVATIONS, check_shape, dense_decoder, dense_encoder
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, ...] = setting((1, 28, 28), "(channels, height, width), or (features,)", at_least=1)
    hidden: tuple[int, ...] = setting((100,), "units of the encoder's layers before the code", at_least=1)
    latent_dim: int = setting(30, "numbers in a code", at_least=1)
    activation: str = setting("selu", "of the hidden layers", choices=ACTIVATIONS)
    code: str = setting("selu", "activation of the code", choices=ACTIVATIONS)
    tied: bool = setting(False, "whether the decoder's weights are the encoder's, transposed")
    components: int = setting(10, "Gaussians of the mixture that codes are drawn from; 0: N(0, I)", at_least=0)

    def __post_init__(self) -> None:
        check(self, "autoencoder")
        check_shape("autoencoder", self.image_shape)


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    pretraining: int = setting(0, "steps for which each layer is first trained alone", at_least=0)
    reconstruction: ReconstructionOptions = nested(ReconstructionOptions())

    def __post_init__(self) -> None:
        check(self)


class Objective(Layerwise["StackedAutoencoder"]):
    """The mean error of the values of a sample; before that, if asked for, of each layer's input alone."""

    options_class = Options
    options: Options


class StackedAutoencoder(Autoencoder[Config]):
    """Encode and decode by dense layers; generate by decoding draws from a mixture fitted to the codes."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(dataset="fashion-mnist", batch_size=128, steps=20_000, schedule="cosine")

    def __init__(self, config: Config) -> None:
        super().__init__(config, (config.latent_dim,), config.components, config.code)
        sizes = (self.space.dimensions, *config.hidden, config.latent_dim)
        self.encoder = dense_encoder(sizes, config.activation, config.code)
        tied = self.encoder if config.tied else None
        self.decoder = dense_decoder(sizes[::-1], config.activation, self.pixels, self.space.shape, tied)

"""Denoising autoencoder: given a corrupted image, it makes the whole one.

Vincent, Larochelle, Bengio, Manzagol 2008, "Extracting and composing robust features with denoising autoencoders",
ICML; Vincent, Larochelle, Lajoie, Bengio, Manzagol 2010, "Stacked denoising autoencoders", JMLR 11. The encoder sees a
sample with Gaussian noise, salt and pepper, or part of it set to 0 (2010, section 3.3); the target is the sample. To
undo that it must know what samples look like, which keeps even an overcomplete code from copying. With `pretraining`
each layer is first trained alone to denoise what the layers before it make, as the paper stacks them (section 3.5).

`translate(noisy)` denoises; encode and decode are those of any autoencoder, and see nothing corrupted.

Differs from the paper:
- noisy pixels are clamped to [0, 1], as those of an image file are;
- the target is weighed alike wherever it was corrupted or not, while the paper also tries an emphasis;
- layers pretrained alone, but for the first, learn by the squared error, and their input is corrupted as pixels are;
- a convolutional network beside the paper's dense one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError
from zoo.models._autoencoder import Autoencoder, Layerwise, ReconstructionOptions
from zoo.nn.encoders import (
    ACTIVATIONS,
    check_sides,
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
    pooled_shape,
)
from zoo.noise import Noise
from zoo.recipe import Recipe


def gaussian(x: Tensor, amount: float) -> Tensor:
    """Samples with noise of deviation `amount` in each value."""
    return x + amount * torch.randn_like(x)


def masking(x: Tensor, amount: float) -> Tensor:
    """Samples of whose values a share of `amount` is 0."""
    return x * (torch.rand_like(x) >= amount)


def salt_and_pepper(x: Tensor, amount: float) -> Tensor:
    """Samples of whose values a share of `amount` is 0 or 1, as a coin falls."""
    return torch.where(torch.rand_like(x) < amount, (torch.rand_like(x) < 0.5).to(x), x)


def dropout(x: Tensor, amount: float) -> Tensor:
    """`masking` with what is left enlarged to keep the mean."""
    return F.dropout(x, amount)


CORRUPTIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "gaussian": gaussian,
    "masking": masking,
    "salt-and-pepper": salt_and_pepper,
    "dropout": dropout,
}


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting((1, 28, 28), "(channels, height, width)", at_least=1)
    network: str = setting("dense", "dense or convolutional", choices=("dense", "convolutional"))
    hidden: tuple[int, ...] = setting((), "dense: units of the encoder's layers before the code", at_least=1)
    widths: tuple[int, ...] = setting((16, 32, 64), "convolutional: channels of its layers", at_least=1)
    latent_dim: int = setting(512, "numbers in a code; 0, of convolutions alone, leaves it feature maps", at_least=0)
    activation: str = setting("sigmoid", "dense: of the hidden layers and the code", choices=ACTIVATIONS)
    components: int = setting(1, "Gaussians of the mixture that codes are drawn from; 0: N(0, I)", at_least=0)

    def __post_init__(self) -> None:
        check(self, "denoising-autoencoder")
        if self.network == "convolutional":
            check_sides("denoising-autoencoder", self.image_shape, self.widths)
        elif not self.latent_dim:
            raise ConfigError("denoising-autoencoder: latent_dim=0; a dense network needs a code of at least 1 number.")


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    corruption: str = setting("gaussian", "of what the encoder sees", choices=CORRUPTIONS)
    amount: float = setting(0.5, "deviation of Gaussian noise, or the share of values that is corrupted", at_least=0)
    pretraining: int = setting(0, "steps for which each dense layer is first trained alone", at_least=0)
    reconstruction: ReconstructionOptions = nested(ReconstructionOptions(loss="cross-entropy"))

    def __post_init__(self) -> None:
        check(self)
        if self.corruption != "gaussian" and self.amount >= 1:
            raise ConfigError(f"amount={self.amount!r}; expected a share below 1 of {self.corruption}.")


class Objective(Layerwise["DenoisingAutoencoder"]):
    """The error of what is made of a corrupted sample; before that, if asked for, of each layer's input alone."""

    options_class = Options
    options: Options

    def __init__(self, model: DenoisingAutoencoder, options: Options) -> None:
        if options.pretraining and model.config.network != "dense":
            raise ConfigError(f"pretraining={options.pretraining}; only layers of a dense network are trained alone.")
        super().__init__(model, options)

    def corrupted(self, x: Tensor, *, hidden: bool = False) -> Tensor:
        made = CORRUPTIONS[self.options.corruption](x, self.options.amount)
        # What a layer gave has no range of pixels, and dropout enlarges what it leaves.
        return made if hidden or self.options.corruption == "dropout" else made.clamp(0, 1)


class DenoisingAutoencoder(Autoencoder[Config]):
    """Translate a corrupted image into the whole one; encode, decode, and generate from a mixture fitted to codes."""

    config_class = Config
    objective_class = Objective
    shows_filters = True
    recipe = Recipe(dataset="mnist", batch_size=128, steps=20_000, schedule="cosine")
    deterministic = True

    def __init__(self, config: Config) -> None:
        dense = config.network == "dense"
        latent = (config.latent_dim,) if config.latent_dim else pooled_shape(config.image_shape, config.widths)
        super().__init__(config, latent, config.components, config.activation if dense else "none")
        if dense:
            sizes = (self.space.dimensions, *config.hidden, config.latent_dim)
            self.encoder = dense_encoder(sizes, config.activation, config.activation)
            self.decoder = dense_decoder(sizes[::-1], config.activation, "sigmoid", self.space.shape)
        else:
            self.encoder = conv_encoder(config.image_shape, config.widths, config.latent_dim)
            self.decoder = conv_decoder(config.image_shape, config.widths, config.latent_dim)

    def _translate(self, images: Tensor, noise: Noise, temperature: float) -> Tensor:
        return self._decode(self._encode(images, None, noise), None)

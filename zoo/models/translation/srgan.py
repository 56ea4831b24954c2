"""SRGAN: super-resolution, an image four times as large on each side, with details that look real.

Ledig, Theis, Huszár, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi 2017, "Photo-realistic single image
super-resolution using a generative adversarial network", arXiv:1609.04802. Going on from SRResNet, whose network it is
(`zoo.nn.srresnet`), it trades some of its closeness for details that a discriminator takes for real: its loss is of
the features of an image classifier, plus 10⁻³ of the adversarial one (equations 3, 5 and 6).

Differs from the paper, besides what SRResNet does:
- the discriminator begins with 32 channels where the paper's begins with 64, with a hidden layer of 256 units instead
  of 1,024;
- the features are those of the shipped network, which hardly sees brightness, so the squared error of pixels counts
  too. With network="timm:vgg19.tv_in1k", layers=["features.35"] and pixel=0 they are the paper's VGG54.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo import building, releases
from zoo._util.config import check, setting
from zoo.errors import ConfigError
from zoo.models._super_resolution import Enlarger
from zoo.nn import losses
from zoo.nn.perceptual import Features, over_layers
from zoo.objective import Batch, adam
from zoo.objective import Objective as Base
from zoo.recipe import Recipe

SLOPE = 0.2  # of negative activations in the discriminator


class Discriminator(nn.Sequential):
    """Images (n, channels, h, w) in [−1, 1] to logits (n, 1): eight convolutions, every other one of which halves the
    size while the next doubles the channels (section 2.1.1)."""

    def __init__(self, shape: tuple[int, int, int], width: int, hidden: int) -> None:
        channels, height, wide = shape
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(SLOPE)]
        for stage in range(4):
            after = width * 2**stage
            layers += self._layer(after // 2, after, 1) if stage else []
            layers += self._layer(after, after, 2)
            height, wide = -(-height // 2), -(-wide // 2)
        dense = nn.Linear(after * height * wide, hidden)
        super().__init__(*layers, nn.Flatten(), dense, nn.LeakyReLU(SLOPE), nn.Linear(hidden, 1))

    @staticmethod
    def _layer(before: int, after: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE)]


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    start: str = setting("", "name or folder of a release of the same config whose weights the generator begins with")
    network: str = setting("colour64", "of the features, as of `zoo.nn.perceptual.Features`")
    layers: tuple[str, ...] = setting((), "of that network, as of `zoo.nn.perceptual.Features`")
    features: float = setting(0.1, "factor of the squared error of features, added up over layers", at_least=0)
    pixel: float = setting(10.0, "factor of the squared error of pixels", at_least=0)
    adversarial: float = setting(0.001, "factor of the adversarial loss", at_least=0)
    width: int = setting(32, "channels of the discriminator's first convolution", at_least=1)
    hidden: int = setting(256, "units of the discriminator's hidden layer", at_least=1)
    learning_rate: float = setting(0.0002, "Adam's", at_least=0)
    discriminator_learning_rate: float = setting(0.0001, "Adam's for the discriminator", at_least=0)
    beta1: float = setting(0.9, "Adam's", at_least=0, below=1)
    beta2: float = setting(0.999, "Adam's", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self)


class AdversarialObjective(Base["SRGAN"]):
    """The discriminator's step, then the generator's, each with Adam."""

    options_class = Options
    options: Options
    outputs = "probability"
    pairs = True

    def __init__(self, model: SRGAN, options: Options) -> None:
        super().__init__(model, options)
        if options.start:
            begin(model, options.start)
        self.features = Features(options.network, options.layers)
        self.discriminator = Discriminator(model.config.image_shape, options.width, options.hidden)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        options, networks = self.options, {"discriminator": self.discriminator, "generator": self.model}
        rates = {"discriminator": options.discriminator_learning_rate, "generator": options.learning_rate}
        return adam(networks, rates, (float(options.beta1), float(options.beta2)))

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.sources is not None
        made = self.model.network(batch.sources)
        on_real, on_fake = self.score(batch.images), self.score(made.detach())
        self.observe(real=on_real.sigmoid(), fake=on_fake.sigmoid())
        yield "discriminator", losses.discriminator_loss(on_real, on_fake)
        adversarial = losses.generator_loss(self.score(made))
        yield "generator", self.content(made, batch.images) + self.options.adversarial * adversarial

    def score(self, images: Tensor) -> Tensor:
        """Logits (n, 1) of images in [0, 1]."""
        logits: Tensor = self.discriminator(2 * images - 1)
        return logits

    def content(self, made: Tensor, images: Tensor) -> Tensor:
        """The weighted errors of features, which are of what is inside of [0, 1], and of pixels."""
        with torch.no_grad():
            wanted = self.features.maps(images)
        apart = over_layers(losses.perceptual_loss, self.features.maps(made.clamp(0, 1)), wanted)
        return self.options.features * apart + self.options.pixel * F.mse_loss(made, images)


def begin(model: Enlarger, start: str) -> None:
    """Give `model` the weights of the release `start`. Raises ConfigError when that is of another kind or config."""
    release: Any = building.load(releases.find(start))
    if not isinstance(release, Enlarger) or release.config != model.config:
        raise ConfigError(f"start={start!r} has {release.config}, the model {model.config}; expected the same.")
    model.load_state_dict(release.state_dict())


class SRGAN(Enlarger):
    """Enlarge an image four times, with details that look real."""

    objective_class = AdversarialObjective
    recipe = Recipe(
        dataset="super-resolution",
        flip=True,
        batch_size=16,
        steps=2_000,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
        schedule="cosine",
    )

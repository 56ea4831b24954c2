"""Context encoder: filling a hole in an image with what its surroundings suggest.

Pathak, Krähenbühl, Donahue, Darrell, Efros 2016, "Context encoders: feature learning by inpainting", arXiv:1604.07379.
An encoder squeezes the image with its hole to a bottleneck, from which a decoder draws it again; the loss is λ_rec
times the squared error in the hole plus λ_adv times that of a discriminator which sees the filled image (equations 1 to
3, λ_rec = 0.999, λ_adv = 0.001). Holes are the central region or one rectangle anywhere.

The mask is the alpha channel of the condition: where alpha is at least ½ a pixel is known, and comes back as it was, in
the model's dtype; elsewhere it is the hole. So a PNG with transparent parts is a condition. A picture without alpha has
no hole: `translate` gives it back as it is, `picture` and the command line say that there is nothing to fill.

Differs from the paper:
- 64 × 64 pixels, 16 channels in the first layer where the authors' network for 128 × 128 has 64, doubled with every
  halving; a convolution over all of the smallest layer instead of the channel-wise fully connected one, as in the
  authors' code, so that larger images can be filled too;
- one rectangle stands for section 3.3's overlapping random blocks, and for regions of arbitrary shape;
- the network sees the mask, which the paper's has to find by its colour;
- the discriminator sees the whole filled image, also for central holes, where the paper's sees the hole alone; its
  weight is larger, 0.01.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo._util.config import check, setting
from zoo.conditions import Images as ImageCondition
from zoo.errors import ConfigError
from zoo.models._translator import Translator
from zoo.nn import losses
from zoo.nn.dcgan import Discriminator, doublings
from zoo.nn.layers import initialise
from zoo.objective import Batch, adam
from zoo.objective import Objective as Base
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting(
        (3, 64, 64), "(channels, side, side), the side 4, 5, 6 or 7 times a power of two", at_least=1
    )
    width: int = setting(16, "channels of the first layer, doubled with every halving", at_least=1)
    bottleneck: int = setting(384, "numbers that are left of an image of the trained size", at_least=1)

    def __post_init__(self) -> None:
        check(self, "context-encoder")
        shape = self.image_shape
        if shape[1] != shape[2]:
            raise ConfigError(f"context-encoder: image_shape={shape!r}; expected (channels, side, side).")
        doublings(shape[1], "context-encoder")


def network(config: Config) -> nn.Sequential:
    """Images with a mask (n, channels + 1, side, side) to images (n, channels, side, side) in [−1, 1]."""
    channels, side, _ = config.image_shape
    count = doublings(side, "context-encoder")
    wide = [channels + 1, *(config.width << stage for stage in range(count))]
    layers: list[nn.Module] = []
    for stage in range(count):  # to (n, wide[-1], 4, 4)
        layers.append(nn.Conv2d(wide[stage], wide[stage + 1], 4, stride=2, padding=1, bias=not stage))
        layers += [nn.BatchNorm2d(wide[stage + 1])] if stage else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    last = side >> count
    layers += [
        nn.Conv2d(wide[-1], config.bottleneck, last, bias=False),  # (n, bottleneck, 1, 1)
        nn.BatchNorm2d(config.bottleneck),
        nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(config.bottleneck, wide[-1], last, bias=False),
        nn.BatchNorm2d(wide[-1]),
        nn.ReLU(inplace=True),
    ]
    for stage in reversed(range(1, count)):
        layers += [
            nn.ConvTranspose2d(wide[stage + 1], wide[stage], 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(wide[stage]),
            nn.ReLU(inplace=True),
        ]
    layers += [nn.ConvTranspose2d(wide[1], channels, 4, stride=2, padding=1), nn.Tanh()]
    net = nn.Sequential(*layers)
    initialise(net)
    return net


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int = setting(32, "channels of the discriminator's first layer", at_least=1)
    reconstruction: float = setting(0.99, "λ_rec", at_least=0)
    adversarial: float = setting(0.01, "λ_adv", at_least=0)
    learning_rate: float = setting(0.002, "Adam's", at_least=0)
    discriminator_learning_rate: float | None = setting(
        None, "a tenth of the network's, as in the authors' code, unless given", at_least=0
    )
    beta1: float = setting(0.5, "Adam's", at_least=0, below=1)
    beta2: float = setting(0.999, "Adam's", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(Base["ContextEncoder"]):
    """The discriminator's step on whole and filled images, then the network's, each with Adam."""

    options_class = Options
    options: Options

    outputs = "probability"
    pairs = True

    def __init__(self, model: ContextEncoder, options: Options) -> None:
        super().__init__(model, options)
        channels, side, _ = model.config.image_shape
        self.discriminator = Discriminator(side, channels, options.width)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        options, networks = self.options, {"discriminator": self.discriminator, "generator": self.model.network}
        own = options.discriminator_learning_rate
        slower = options.learning_rate / 10 if own is None else own
        rates = {"discriminator": slower, "generator": options.learning_rate}
        return adam(networks, rates, (float(options.beta1), float(options.beta2)))

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.sources is not None
        real, known = 2 * batch.images - 1, batch.sources[:, -1:] >= 0.5
        made = self.model.network(with_mask(batch.sources))
        filled = torch.where(known, real, made)
        on_real, on_filled = self.discriminator(real), self.discriminator(filled.detach())
        self.observe(real=on_real.sigmoid(), fake=on_filled.sigmoid())
        yield "discriminator", losses.discriminator_loss(on_real, on_filled)
        hole = (~known).expand_as(real)
        # The mean over the hole, whatever its size; a batch without holes has none.
        error = torch.where(hole, made - real, 0).square().sum() / hole.sum().clamp(min=1)
        adversarial = losses.generator_loss(self.discriminator(filled))
        yield "generator", self.options.reconstruction * error + self.options.adversarial * adversarial


def with_mask(sources: Tensor) -> Tensor:
    """What the network gets of sources (n, channels + 1, h, w) in [0, 1]: images in [−1, 1], 0 in the hole; a mask."""
    known = (sources[:, -1:] >= 0.5).to(sources)
    return torch.cat([(2 * sources[:, :-1] - 1) * known, known], 1)


class ContextEncoder(Translator):
    """Fill the hole of an image; known pixels stay as they are."""

    config_class = Config
    objective_class = Objective
    recipe = Recipe(
        dataset="holes", flip=True, batch_size=64, steps=6_000, precision="bf16-mixed", channels_last=True, ema=0.999
    )
    fade = 0
    keeps_colour = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        channels, side, _ = config.image_shape
        self.space, self.condition = Images(config.image_shape), ImageCondition(channels + 1)
        self.multiple = 2 ** doublings(side, "context-encoder")
        self.smallest = side
        # What a hole is filled from: as far as the bottleneck reaches on the smallest layer, and the others besides.
        self.overlap = side + self.multiple
        self.tile = max(512, 4 * self.overlap)
        self.network = network(config)

    def nothing_to_do(self, images: Tensor) -> str:
        """Without a transparent part there is no hole."""
        whole = bool((images[:, -1:] >= 0.5).all())
        reason = (
            "the picture has no transparent part, so that there is nothing to fill. Make transparent what is to be."
        )
        return reason if whole else ""

    def _translate_tile(self, sources: Tensor) -> Tensor:
        made = (self.network(with_mask(sources)) + 1) / 2
        return torch.where(sources[:, -1:] >= 0.5, sources[:, :-1], made)

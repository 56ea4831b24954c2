"""WGAN-GP: a Wasserstein GAN whose critic is kept Lipschitz by a penalty on its gradient.

Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, "Improved training of Wasserstein GANs", arXiv:1704.00028. The
critic maximises E D(x) − E D(G(z)) − λ E (‖∇D(x̂)‖ − 1)² (equation 3) at points x̂ on lines between real and generated
images; λ = 10, Adam with learning rate 0.0001, β₁ = 0 and β₂ = 0.9, and several critic steps for one of the generator
(algorithm 1). Both networks are residual, as in the paper's appendix on architectures: batch norm in the generator,
none in the critic, whose penalty is of single images. Vectors are made and judged by dense networks of three hidden
layers, as the authors' code does it for toy data.

Differs from the paper:
- far narrower networks: the generator has 32 channels at the full size, doubled with every second halving; the critic
  begins with a convolution that halves the size, since most of the penalty's cost is at the full size;
- the critic takes two steps for one of the generator where the paper's takes five, unless the recipe says otherwise;
- the critic's blocks halve the size by a stride, where the authors' average after their last convolution.

The authors' code for MNIST has a generator of plain transposed convolutions without norms, of 28 × 28 pixels only:
network="plain", and preset="paper" with its 128 latents and 64 channels, as in caogang/wgan-gp, which is that code in
PyTorch. Its sigmoid is a tanh here, of half as much, which is the same. For images of 32 × 32 pixels the plain network
is that of the repository's CIFAR-10, with batch norms, the first of them of each number. The critic is residual all the
same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn.dcgan import doublings
from zoo.nn.layers import dense
from zoo.nn.standardising import Standardise
from zoo.recipe import Recipe
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Config:
    """Sizes of the generator."""

    image_shape: tuple[int, ...] = setting(
        (1, 28, 28), "(channels, side, side), the side 4, 5, 6 or 7 times a power of two, or (features,)", at_least=1
    )
    latent_dim: int = setting(64, "numbers in a latent", at_least=1)
    width: int = setting(32, "channels at the full size of images, or units of the hidden layers", at_least=1)
    network: str = setting("residual", "the generator of images: residual or plain", choices=("residual", "plain"))

    def __post_init__(self) -> None:
        check(self, "wgan-gp")
        shape = self.image_shape
        if self.network == "plain" and shape[1:] not in ((28, 28), (32, 32)):
            raise ConfigError(
                f"wgan-gp: image_shape={shape!r}; the plain network makes (channels, 28, 28) or (channels, 32, 32)."
            )
        if len(shape) not in (1, 3) or (len(shape) == 3 and shape[1] != shape[2]):
            raise ConfigError(f"wgan-gp: image_shape={shape!r}; expected (channels, side, side) or (features,).")
        if len(shape) == 3:
            doublings(shape[1], "wgan-gp")


class Up(nn.Module):
    """A residual block that doubles the size: (n, before, s, s) to (n, after, 2s, 2s)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU())
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.second = nn.Sequential(nn.BatchNorm2d(after), nn.ReLU(), nn.Conv2d(after, after, 3, padding=1))
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        x_up = F.interpolate(self.shortcut(x), scale_factor=2)  # a 1 × 1 convolution first: it costs a quarter there
        hidden = self.conv1(F.interpolate(self.first(x), scale_factor=2))
        result: Tensor = x_up + self.second(hidden)
        return result


class Down(nn.Module):
    """A residual block that halves the size: (n, before, 2s, 2s) to (n, after, s, s)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, before, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, after, 4, stride=2, padding=1),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.shortcut(x) + self.residual(x)
        return result


def generator(config: Config) -> nn.Sequential:
    """Latents (n, latent_dim) to images (n, channels, side, side) in [−1, 1], or to vectors (n, features)."""
    if len(config.image_shape) == 1:
        return dense([config.latent_dim, *[config.width] * 3, config.image_shape[0]])
    if config.network == "plain":
        return plain(config) if config.image_shape[1] == 28 else plain_normed(config)
    channels, side, _ = config.image_shape
    count = doublings(side, "wgan-gp")
    wide = [config.width << math.ceil(stage / 2) for stage in reversed(range(count + 1))]  # 4, 4, 2, 2, 1 times `width`
    start = side >> count
    return nn.Sequential(
        nn.Linear(config.latent_dim, wide[0] * start * start),
        nn.Unflatten(1, (wide[0], start, start)),  # (n, 4·width, 4, 4)
        *(Up(before, after) for before, after in pairwise(wide)),
        nn.BatchNorm2d(wide[-1]),
        nn.ReLU(),
        nn.Conv2d(wide[-1], channels, 3, padding=1),
        nn.Tanh(),
    )


class Corner(nn.Module):
    """The first 7 × 7 pixels: (n, channels, 8, 8) to (n, channels, 7, 7)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :7, :7]


def plain(config: Config) -> nn.Sequential:
    """Latents (n, latent_dim) to images (n, channels, 28, 28) in [−1, 1]."""
    width = config.width
    return nn.Sequential(
        nn.Linear(config.latent_dim, 4 * width * 16),
        nn.ReLU(inplace=True),
        nn.Unflatten(1, (4 * width, 4, 4)),
        nn.ConvTranspose2d(4 * width, 2 * width, 5),  # (n, 2·width, 8, 8)
        nn.ReLU(inplace=True),
        Corner(),
        nn.ConvTranspose2d(2 * width, width, 5),  # (n, width, 11, 11)
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(width, config.image_shape[0], 8, stride=2),
        nn.Tanh(),
    )


def plain_normed(config: Config) -> nn.Sequential:
    """Latents (n, latent_dim) to images (n, channels, 32, 32) in [−1, 1]."""
    width, first = config.width, 4 * config.width * 16
    layers: list[nn.Module] = [
        nn.Linear(config.latent_dim, first),
        nn.BatchNorm1d(first),
        nn.ReLU(inplace=True),
        nn.Unflatten(1, (4 * width, 4, 4)),
    ]
    for before in (4 * width, 2 * width):
        layers += [
            nn.ConvTranspose2d(before, before // 2, 2, stride=2),
            nn.BatchNorm2d(before // 2),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, config.image_shape[0], 2, stride=2), nn.Tanh())


def critic(config: Config, width: int) -> nn.Sequential:
    """Images (n, channels, side, side) in [−1, 1], or vectors (n, features), to scores (n, 1)."""
    if len(config.image_shape) == 1:
        return dense([config.image_shape[0], *[width] * 3, 1])
    channels, side, _ = config.image_shape
    count = doublings(side, "wgan-gp")
    wide = [width * min(2**stage, 4) for stage in range(count)]  # for 64 × 64: 1, 2, 4, 4 times `width`
    end = side >> count
    network = nn.Sequential(
        nn.Conv2d(channels, wide[0], 4, stride=2, padding=1),  # (n, width, 32, 32)
        *(Down(before, after) for before, after in pairwise(wide)),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(wide[-1] * end * end, 1),
    )
    # He et al. 2015, as in the authors' code. Where gradients start small, the penalty swells weights in any direction
    # before the critic has learned which one tells real from generated, and the generator collapses.
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, 0.2)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network


@dataclass(frozen=True)
class Options:
    """How it is trained, with the paper's values but for the steps."""

    width: int | None = setting(None, "channels, or units, of the critic; the generator's unless given", at_least=1)
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(
            loss="wasserstein",
            gradient_penalty=10.0,
            discriminator_steps=2,
            learning_rate=0.0001,
            beta1=0.0,
            beta2=0.9,
        )
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["WGANGP"]):
    """Critic steps by equation 3, then one generator step."""

    options_class = Options

    def __init__(self, model: WGANGP, options: Options) -> None:
        super().__init__(model, critic(model.config, options.width or model.config.width), options)


class WGANGP(GAN[Config]):
    """Generate and decode by the generator; encode by inverting it."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"network": "plain", "latent_dim": 128, "width": 64}}
    objective_class = Objective
    version = 1
    recipe = Recipe(batch_size=128, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = of_shape(config.image_shape)
        self.standard = None if self.signed else Standardise(self.space.dimensions)
        self.latent_shape = (config.latent_dim,)
        self.generator = generator(config)

"""StyleGAN2: styles modulate the weights, nothing grows, and the generator is smooth along its latents.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, "Analyzing and improving the image quality of StyleGAN", CVPR,
arXiv:1912.04958; configuration F. Modulation and demodulation (section 2.2), a generator with skips and a residual
discriminator (4.1), lazy regularisation (3.1), path length regularisation (3.2, equation 4). Mapping network, noise
inputs, style mixing and truncation are those of StyleGAN (Karras, Laine, Aila 2019, arXiv:1812.04948).

Differs from the paper:
- 64 × 64 pixels unless told otherwise; the preset `paper` has its 1024 × 1024;
- penalties are added to the loss of a step, where the authors take steps for them alone, and the path lengths are those
  of the images of that step, not of half as many others; Adam is slowed down as theirs is;
- truncation is of the noise inputs too, so that 0 gives one image for all seeds; theirs remain as they are;
- biases of the mapping are larger by √2, which is the gain of the authors' leaky ReLUs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.models._gan import AdversarialOptions
from zoo.models._style import StyledGAN, StyleObjective, slow_down
from zoo.nn.blur import blurred, enlarged, enlarging_conv
from zoo.nn.equalized import HE, LEAKY, EqualizedConv2d, EqualizedLinear, MinibatchStdDev
from zoo.nn.styles import StyledGenerator
from zoo.objective import Batch
from zoo.recipe import Recipe

DECAY = 0.01  # of the mean path length, by a step that measures it


@dataclass(frozen=True)
class Config:
    """Sizes of the generator."""

    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(512, "numbers in z and in w", at_least=1)
    widths: tuple[int, ...] = setting(
        (512, 512, 512, 512, 512), "channels at 4 × 4 and at every doubling", at_least=1, entries=2
    )
    mapping_layers: int = setting(8, "dense layers from z to w", at_least=1)

    def __post_init__(self) -> None:
        check(self, "stylegan2")


class Activation(nn.Module):
    """Leaky ReLU with the gain √2, by which the variance stays."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, LEAKY) * HE


class Halving(nn.Module):
    """Filter, then a convolution of stride 2 without a border of its own: (n, before, 2s, 2s) to (n, after, s, s)."""

    def __init__(self, before: int, after: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = EqualizedConv2d(before, after, kernel, stride=2, padding=0, gain=1, bias=bias)
        self.padding = (kernel + 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        halved: Tensor = self.conv(blurred(x, self.padding))
        return halved


class Down(nn.Module):
    """A residual block that halves the size: (n, before, 2s, 2s) to (n, after, s, s)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            EqualizedConv2d(before, before, 3, gain=1), Activation(), Halving(before, after, 3), Activation()
        )
        self.shortcut = Halving(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = (self.residual(x) + self.shortcut(x)) * math.sqrt(0.5)
        return result


class Discriminator(nn.Sequential):
    """Images (n, channels, size, size) to logits (n, 1), as wide at each size as the generator."""

    def __init__(self, config: Config) -> None:
        wide = config.widths[::-1]
        last = wide[-1]
        super().__init__(
            EqualizedConv2d(config.channels, wide[0], 1, gain=1),
            Activation(),
            *(Down(*pair) for pair in pairwise(wide)),  # (n, last, 4, 4)
            MinibatchStdDev(),
            EqualizedConv2d(last + 1, last, 3, gain=1),
            Activation(),
            nn.Flatten(),
            EqualizedLinear(16 * last, last, gain=1),
            Activation(),
            EqualizedLinear(last, 1, gain=1),
        )


@dataclass(frozen=True)
class Options:
    """How it is trained: as in the paper, at 1024 × 1024. For smaller images much less R1 does, by the rule of Karras,
    Aittala, Hellsten, Laine, Lehtinen, Aila 2020 (arXiv:2006.06676, appendix C) 0.0002 · pixels / batch: 0.026 for
    batches of 32 of 64 × 64."""

    mixing: float = setting(
        0.9,
        "share of the generated images with the styles of two latents (Karras et al. 2019, section 3.1)",
        at_least=0,
        at_most=1,
        example=0.9,
    )
    r1_every: int = setting(16, "steps from one R1 to the next, which then counts as many times", at_least=1)
    path: float = setting(2.0, "weight of path length regularisation; 0 leaves it out", at_least=0)
    path_every: int = setting(4, "steps from one of it to the next, which then counts as many times", at_least=1)
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(r1=10.0, learning_rate=0.002, beta1=0.0, beta2=0.99),
        without=("spectral_norm", "mixed", "gradient_penalty"),
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(StyleObjective["StyleGAN2"]):
    """One discriminator step, in which every `r1_every`-th has the penalty R1, then one generator step, in which every
    `path_every`-th has that of path lengths."""

    options_class = Options
    options: Options
    mean_length: Tensor

    def __init__(self, model: StyleGAN2, options: Options) -> None:
        super().__init__(model, Discriminator(model.config), options)
        self.register_buffer("mean_length", torch.zeros(()))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        both = super().optimizers()
        if self.options.path:
            slow_down(both["generator"], self.options.path_every)
        return both

    def generator_step(self, batch: Batch) -> Tensor:
        if not self.options.path or self.step % self.options.path_every:
            return super().generator_step(batch)
        styles = self.styles(batch)
        images: Tensor = self.model.generator(styles, self.noise(styles))
        return self.judged(images, batch) + self.options.path * self.options.path_every * self.path_penalty(
            images, styles
        )

    def path_penalty(self, images: Tensor, styles: Tensor) -> Tensor:
        """E (‖Jᵀy‖ − a)², J the derivative of an image by its styles w+, y an image of noise of variance 1/(h·w), and a
        the mean of such lengths in training, so that a step in w moves an image alike wherever it is taken."""
        y = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
        (moved,) = torch.autograd.grad((images * y).sum(), styles, create_graph=True)
        lengths = moved.float().square().sum(2).mean(1).sqrt()
        self.mean_length.lerp_(lengths.detach().mean().to(self.mean_length), DECAY)
        self.observe(path_length=lengths.detach())
        return (lengths - self.mean_length).square().mean()


class StyleGAN2(StyledGAN[Config]):
    """Generate, decode and encode as every model with styles does."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"widths": (512, 512, 512, 512, 512, 256, 128, 64, 32)}
    }
    objective_class = Objective
    recipe = Recipe(batch_size=32, steps=50_000, flip=True, precision="bf16-mixed", channels_last=True, ema=0.998)

    def __init__(self, config: Config) -> None:
        generator = StyledGenerator(
            config.channels,
            config.latent_dim,
            config.widths,
            config.mapping_layers,
            enlarging=enlarging_conv,
            enlarged=enlarged,
            gain=HE,
        )
        super().__init__(config, generator, channels=config.channels, dim=config.latent_dim)

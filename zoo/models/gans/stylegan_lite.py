"""StyleGAN-lite: a style-based generator for 64 × 64 pixels and one processor.

Karras, Laine, Aila 2019, "A style-based generator architecture for generative adversarial networks", arXiv:1812.04948,
and Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, "Analyzing and improving the image quality of StyleGAN",
arXiv:1912.04958. Which of the two each part follows:
- both: mapping network from z to w, with a hundredth of the learning rate; learned constant at 4 × 4; noise inputs;
  style mixing in training (2019, section 3.1); truncation in w around the tracked mean (2019, appendix B); equalized
  learning rate; non-saturating loss; moving average of the weights;
- 2020: styles modulate and demodulate the weights (section 2.2, equations 1 and 3), where 2019 has AdaIN; one learned
  strength of the noise for each layer, where 2019 has one for each channel; generator with skips, residual
  discriminator, neither of them growing (section 4.1); R1 every 16 steps (section 3.1).

Differs from the papers, hence lite:
- 16 channels at 64 × 64 and 128 at 4 × 4, where they have 256 to 512; w of 128 numbers; 4 dense layers in the
  mapping, not 8;
- the discriminator halves by convolutions of stride 2 without blur, the first of them of the colours themselves;
- no gain of √2 after leaky ReLUs, so that features get smaller from layer to layer, until training makes up for it;
- the learning rate is 0.005, where they have 0.002 for runs a hundred times as long: after 2,000 steps the Fréchet
  distance of faces is 0.53 instead of 0.81;
- the lazy penalty is added to the loss of every 16th step, where they take a step for it alone; Adam is slowed down as
  theirs is;
- truncation is of the noise inputs too, so that 0 gives one face for all seeds; theirs remain as they are;
- no path length regularisation, which was not tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, nested, setting
from zoo.models._gan import AdversarialOptions
from zoo.models._style import StyledGAN, StyleObjective
from zoo.nn.equalized import LEAKY, EqualizedConv2d, discriminator_epilogue
from zoo.nn.styles import StyledGenerator
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Config:
    """Sizes of the generator."""

    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(128, "numbers in z and in w", at_least=1)
    widths: tuple[int, ...] = setting(
        (128, 128, 96, 48, 16), "channels at 4 × 4 and at every doubling", at_least=1, entries=2
    )
    mapping_layers: int = setting(4, "dense layers from z to w", at_least=1)

    def __post_init__(self) -> None:
        check(self, "stylegan-lite")


def enlarging_conv(x: Tensor, weight: Tensor) -> Tensor:
    """x (n, before, s, s) twice as large by bilinear interpolation, then convolved with weight (after, before, 3, 3):
    (n, after, 2s, 2s), but for the border, where zeros lie outside of x.

    Both are linear, so that one convolution of the small image gives all four pixels that come of each of its own; a
    fourth of the memory, and no pass for the interpolation.
    """
    after, before = weight.shape[:2]
    kernel = (weight.flatten(2) @ _composed(weight)).view(after, before, 4, 3, 3).transpose(1, 2).flatten(0, 1)
    return F.pixel_shuffle(F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), padding=1), 2)


def _composed(like: Tensor) -> Tensor:
    """The kernels (9, 4·3·3) that each pixel of a 3 × 3 kernel adds to those of the four pixels, row by row."""
    spread = like.new_tensor([1, 3, 3, 1]) / 4
    pixels = torch.eye(9, dtype=like.dtype, device=like.device).view(9, 1, 3, 3)
    # At the full size they are 6 × 6; their pixels of equal parity see the pixels of the small image.
    wide = F.conv2d(F.pad(pixels, (3, 3, 3, 3)), torch.outer(spread, spread)[None, None])
    return torch.stack([wide[:, 0, 1 - i :: 2, 1 - j :: 2] for i in range(2) for j in range(2)], 1).flatten(1)


class Down(nn.Module):
    """A residual block that halves the size: (n, before, 2s, 2s) to (n, after, s, s)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            EqualizedConv2d(before, before, 3),
            nn.LeakyReLU(LEAKY),
            EqualizedConv2d(before, after, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAKY),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), EqualizedConv2d(before, after, 1, gain=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = (self.residual(x) + self.shortcut(x)) * math.sqrt(0.5)
        return result


class Discriminator(nn.Sequential):
    """Images (n, channels, size, size) to logits (n, 1). width: channels after the first halving."""

    def __init__(self, config: Config, width: int) -> None:
        wide = [min(width << stage, max(*config.widths, width)) for stage in range(len(config.widths) - 1)]
        super().__init__(
            EqualizedConv2d(config.channels, wide[0], 4, stride=2, padding=1),  # (n, width, 32, 32)
            nn.LeakyReLU(LEAKY),
            *(Down(*pair) for pair in pairwise(wide)),  # (n, 128, 4, 4)
            discriminator_epilogue(wide[-1]),
        )


@dataclass(frozen=True)
class Options:
    """How it is trained. At 64 × 64 pixels and small batches much less R1 does than the papers' 10 at 1024 × 1024
    (Karras, Aittala, Hellsten, Laine, Lehtinen, Aila 2020, arXiv:2006.06676, appendix C)."""

    width: int = setting(48, "channels of the discriminator after its first halving", at_least=1)
    mixing: float = setting(
        0.9,
        "share of the generated images with the styles of two latents (Karras et al. 2019, section 3.1)",
        at_least=0,
        at_most=1,
        example=0.9,
    )
    r1_every: int = setting(
        16,
        "steps from one penalty to the next, which then counts as many times; Adam is slowed down to match (Karras et "
        "al. 2020, appendix B)",
        at_least=1,
    )
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(r1=0.1, learning_rate=0.005, beta1=0.0, beta2=0.99),
        without=("spectral_norm", "mixed", "gradient_penalty"),
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(StyleObjective["StyleGANLite"]):
    """One discriminator step, in which every `r1_every`-th has the penalty R1, then one generator step."""

    options_class = Options
    options: Options

    def __init__(self, model: StyleGANLite, options: Options) -> None:
        super().__init__(model, Discriminator(model.config, options.width), options)


class StyleGANLite(StyledGAN[Config]):
    """Generate, decode and encode as every model with styles does."""

    config_class = Config
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {".colours.": ".to_rgb.", ".paint.": ".conv."}
    recipe = Recipe(batch_size=32, steps=10_000, flip=True, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        generator = StyledGenerator(
            config.channels,
            config.latent_dim,
            config.widths,
            config.mapping_layers,
            enlarging=enlarging_conv,
            enlarged=partial(F.interpolate, scale_factor=2, mode="bilinear"),
        )
        super().__init__(config, generator, channels=config.channels, dim=config.latent_dim)

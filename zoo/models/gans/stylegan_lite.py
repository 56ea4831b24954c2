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

# Longer than other systems: two papers' parts of one generator, whose layers are made for one processor.

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util import inputs
from zoo._util.config import check, nested, setting
from zoo.errors import InvalidInput
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn.equalized import LEAKY, EqualizedConv2d, EqualizedLinear, discriminator_epilogue, pixel_norm
from zoo.nn.layers import bounded
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.spaces import Images

SPACES = ("z", "w", "w+")
TRACKING = 0.998  # decay of the mean of w over batches; the authors' code has 0.995


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

    @property
    def sizes(self) -> list[int]:
        """Sides from 4 to the full size."""
        return [4 << stage for stage in range(len(self.widths))]


class StyledConv(nn.Module):
    """A convolution modulated by a style, then noise, bias and leaky ReLU: (n, before, s, s), or (n, before, s/2, s/2)
    if it enlarges, and w (n, dim) to (n, after, s, s)."""

    def __init__(self, before: int, after: int, dim: int, *, enlarges: bool = False) -> None:
        super().__init__()
        self.style = EqualizedLinear(dim, before, gain=1, start=1)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(after))
        self.scale = 1 / math.sqrt(9 * before)
        self.enlarges = enlarges

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        style = self.style(w)
        weight = self.weight * self.scale
        # w'ᵢⱼₖ = sᵢ·wᵢⱼₖ is a scaling of the inputs, and demodulation one of the outputs (section 2.2).
        x = x * style.to(x.dtype)[:, :, None, None]
        x = enlarging_conv(x, weight) if self.enlarges else F.conv2d(x, weight, padding=1)
        x = x * demodulation(weight, style).to(x.dtype)[:, :, None, None]
        if noise is not None:
            x = x + (noise * self.noise_strength).to(x.dtype)
        return F.leaky_relu(x + self.bias.to(x.dtype)[:, None, None], LEAKY)


def demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """1/√(Σ (sᵢ·wᵢⱼₖ)² + 10⁻⁸) (n, after), of weights (after, before, k, k) and styles (n, before): what gives each
    modulated filter the norm 1 (Karras et al. 2020, equation 3)."""
    kind = torch.promote_types(weight.dtype, torch.float32)
    with torch.autocast(style.device.type, enabled=False):
        energies = weight.to(kind).square().sum((2, 3))
        return torch.rsqrt(style.to(kind).square() @ energies.T + 1e-8).to(weight.dtype)


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


class ToRGB(nn.Module):
    """Features (n, before, s, s) and w (n, dim) to colours (n, channels, s, s), by a 1 × 1 convolution that is
    modulated but not demodulated, as in the authors' code of 2020."""

    def __init__(self, before: int, channels: int, dim: int) -> None:
        super().__init__()
        self.style = EqualizedLinear(dim, before, gain=1, start=1)
        self.conv = EqualizedConv2d(before, channels, 1, gain=1)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        colours: Tensor = self.conv(x * self.style(w).to(x.dtype)[:, :, None, None])
        return colours


class Mapping(nn.Sequential):
    """z (n, dim), of whatever length, to w (n, dim)."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        for _ in range(layers):
            self.append(EqualizedLinear(dim, dim, rate=0.01))
            self.append(nn.LeakyReLU(LEAKY))

    def forward(self, z: Tensor) -> Tensor:
        w: Tensor = super().forward(pixel_norm(z))  # type: ignore[no-untyped-call]
        return w


class Generator(nn.Module):
    """Styles w+ (n, layers, dim), a w for each layer, to images (n, channels, size, size), about in [−1, 1].

    Layers: the first convolution at 4 × 4 has w 0; those that enlarge to a size and follow at it have the next two, in
    this order. The colours of a size share the w of the convolution that comes next. noise: for each convolution
    (n or 1, 1, s, s), or none.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        dim, wide = config.latent_dim, config.widths
        self.mapping = Mapping(dim, config.mapping_layers)
        self.start = nn.Parameter(torch.randn(1, wide[0], 4, 4))
        self.first = StyledConv(wide[0], wide[0], dim)
        self.enlarge = nn.ModuleList(StyledConv(*pair, dim, enlarges=True) for pair in pairwise(wide))
        self.follow = nn.ModuleList(StyledConv(after, after, dim) for after in wide[1:])
        self.to_rgb = nn.ModuleList(ToRGB(after, config.channels, dim) for after in wide)
        self.noise_sizes = [4, *(size for size in config.sizes[1:] for _ in range(2))]

    def forward(self, styles: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        w = styles.unbind(1)
        maps: Sequence[Tensor | None] = noise or [None] * len(self.noise_sizes)
        x = self.first(self.start.expand(styles.shape[0], -1, -1, -1), w[0], maps[0])
        images: Tensor = self.to_rgb[0](x, w[1])
        for k, (enlarge, follow) in enumerate(zip(self.enlarge, self.follow, strict=True)):
            x = enlarge(x, w[2 * k + 1], maps[2 * k + 1])
            x = follow(x, w[2 * k + 2], maps[2 * k + 2])
            larger = F.interpolate(images, scale_factor=2, mode="bilinear")
            images = larger + self.to_rgb[k + 1](x, w[2 * k + 3])
        return images


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


class Objective(AdversarialObjective["StyleGANLite"]):
    """One discriminator step, in which every `r1_every`-th has the penalty R1, then one generator step."""

    options_class = Options
    options: Options

    def __init__(self, model: StyleGANLite, options: Options) -> None:
        super().__init__(model, Discriminator(model.config, options.width), options)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        both = super().optimizers()
        every = self.options.r1_every
        if self.adversarial.r1 and every > 1:
            kept = every / (every + 1)
            for group in both["discriminator"].param_groups:
                group["lr"] *= kept
                group["betas"] = tuple(beta**kept for beta in group["betas"])
        return both

    def fake(self, batch: Batch) -> Tensor:
        generator, n = self.model.generator, len(batch.images)
        first, second = generator.mapping(self.latents(batch)), generator.mapping(self.latents(batch))
        self.model.track(first.detach())
        layers = torch.arange(self.model.style_layers, device=first.device)
        cut = torch.randint(1, self.model.style_layers, (n, 1), device=first.device)
        mixed = torch.rand(n, 1, device=first.device) < self.options.mixing
        second_there = mixed & (layers >= cut)
        styles = torch.where(second_there[:, :, None], second[:, None], first[:, None])
        noise = [torch.randn(n, 1, size, size, device=first.device) for size in generator.noise_sizes]
        images: Tensor = generator(styles, noise)
        return images

    def latents(self, batch: Batch) -> Tensor:
        return torch.randn(len(batch.images), self.model.config.latent_dim, device=batch.images.device)

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor | float:
        if self.step % self.options.r1_every:
            return 0.0
        return self.options.r1_every * super().penalty(real, fake, labels)


class StyleGANLite(GAN[Config]):
    """Generate by mapping, then synthesis; decode styles; encode by finding the styles of an image.

    Latents are styles w+ (layers, dim): what `encode` finds, `decode` takes, and every tool of latent space moves in.
    `styles` makes them from z, or from one w for all layers. What `generate` draws has noise inputs, what `decode`
    makes of the same styles has none unless it is given a seed of them.
    """

    config_class = Config
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {".colours.": ".to_rgb.", ".paint.": ".conv."}
    recipe = Recipe(batch_size=32, steps=10_000, flip=True, precision="bf16-mixed", channels_last=True, ema=0.999)

    truncated = 0.7
    spherical = False  # styles lie around their mean, not around 0

    generator: Generator
    mean_w: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.style_layers = 2 * len(config.sizes)
        self.space = Images((config.channels, config.sizes[-1], config.sizes[-1]))
        self.latent_shape = (self.style_layers, config.latent_dim)
        self.generator = Generator(config)
        self.register_buffer("mean_w", torch.zeros(config.latent_dim))

    def styles(self, latents: Tensor, *, space: str = "z", truncation: float = 1.0) -> Tensor:
        """Styles w+ (n, layers, dim) of latents: z or w (n, dim), or w+ (n, layers, dim), as `space` says.

        truncation: ψ, the share that remains of the distance from the mean of w (Karras et al. 2019, appendix B): 0
        gives the mean face, 1 changes nothing. Raises InvalidInput for another space, a bad batch or another ψ.
        """
        if space not in SPACES:
            raise InvalidInput(f"space={space!r}; expected one of {', '.join(SPACES)}.")
        psi = _share(truncation)
        shape = self.latent_shape if space == "w+" else self.latent_shape[1:]
        given = inputs.batch("latents", latents, shape, f"(n, {'layers, ' * (space == 'w+')}dim)")
        given = given.to(self.device, self.dtype)
        with torch.inference_mode(), self.evaluating() as model:
            styles = model._styles(model.generator.mapping(given) if space == "z" else given, psi)
        return self.check_result(styles.clone(), given="these latents")

    def decode(
        self,
        latents: Tensor,
        *,
        condition: Any = None,
        batch_size: int | None = None,
        space: str = "w+",
        **options: Any,
    ) -> Tensor:
        """Images (n, channels, height, width) in [0, 1] of `latents`: styles w+ (n, layers, dim), or z or w (n, dim),
        as `space` says. noise: a seed of the noise inputs, the same for all images; without one there is none.
        Raises InvalidInput for a bad batch or another space."""
        styles = latents if space == "w+" else self.styles(latents, space=space)
        return super().decode(styles, condition=condition, batch_size=batch_size, **options)

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Take w (n, dim), drawn in training, into the mean."""
        self.mean_w.lerp_(w.to(self.mean_w).mean(0), 1 - TRACKING)

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, truncation: float | None = None
    ) -> Tensor:
        """truncation: ψ in [0, 1], as in `styles`; it multiplies with the temperature, which is the same thing. Both
        are of the noise inputs too, so that 0 gives the mean face for every seed."""
        styles = self._latents(noise, temperature, truncation=truncation)
        return self._images_of(styles, noise, temperature * _share(truncation))

    def _latents(self, noise: Noise, temperature: float, *, truncation: float | None = None) -> Tensor:
        return self._styles(self._draw(noise), temperature * _share(truncation))

    @torch.no_grad()
    def _draw(self, noise: Noise) -> Tensor:
        z = noise.normal(self.config.latent_dim).to(self.device, self.dtype)
        return self._styles(self.generator.mapping(z), 1.0)

    def _starts(self, noise: Noise, count: int) -> Tensor:
        # Halfway to the mean, from where every face is near.
        w = self.generator.mapping(noise.normal(count, self.config.latent_dim).flatten(0, 1))
        return self._styles(w, 0.5).view(len(noise), count, *self.latent_shape)

    def _improbability(self, z: Tensor) -> Tensor:
        apart: Tensor = (z - self.mean_w.to(z)).square().flatten(1).mean(1)
        return apart

    def _styles(self, w: Tensor, psi: float) -> Tensor:
        """w (n, dim) or w+ (n, layers, dim), pulled to the mean, as w+."""
        pulled = torch.lerp(self.mean_w.to(w), w, psi)
        return pulled if w.ndim == 3 else pulled[:, None].repeat(1, self.style_layers, 1)

    def _decode(self, z: Tensor, condition: Tensor | None, *, noise: int | None = None) -> Tensor:
        if noise is None:
            return self._images_of(z, None)
        return self._images_of(
            z, Noise(inputs.integer("noise", noise, 0), stream="noise", device=z.device, dtype=z.dtype)
        )

    def _images_of(self, styles: Tensor, noise: Noise | None, share: float = 1.0) -> Tensor:
        sizes = self.generator.noise_sizes
        maps = None if noise is None else [share * noise.normal(1, size, size) for size in sizes]
        # Nothing bounds a sum of colours; what is a little beyond black or white is black or white.
        return bounded((self.generator(styles, maps) + 1) / 2)


def _share(truncation: float | None) -> float:
    """ψ, 1 where none is given."""
    if truncation is None:
        return 1.0
    psi = inputs.scalar("truncation", truncation, 0, "0.7")
    if psi > 1:
        raise InvalidInput(
            f"truncation={psi:g}; of a model with styles it is the share that is kept of the way from the mean, from 0 "
            "to 1, for example 0.7."
        )
    return psi

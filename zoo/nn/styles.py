"""What generators with styles are made of: the mapping, modulated convolutions, and a synthesis that adds up colours.

Karras, Laine, Aila 2019, "A style-based generator architecture for generative adversarial networks", arXiv:1812.04948,
and Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, "Analyzing and improving the image quality of StyleGAN",
arXiv:1912.04958. Sizes are those of StyleGAN2: styles modulate and demodulate the weights, and the images of all sizes
are enlarged and summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.equalized import LEAKY, EqualizedConv2d, EqualizedLinear, pixel_norm

Enlarging = Callable[[Tensor, Tensor], Tensor]
RATE = 0.01  # of learning, of the mapping (Karras et al. 2019, appendix C)


class Mapping(nn.Sequential):
    """z (n, dim), of whatever length, to w (n, dim)."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        for _ in range(layers):
            self.append(EqualizedLinear(dim, dim, rate=RATE))
            self.append(nn.LeakyReLU(LEAKY))

    def forward(self, z: Tensor) -> Tensor:
        w: Tensor = super().forward(pixel_norm(z))  # type: ignore[no-untyped-call]
        return w


class StyledConv(nn.Module):
    """A convolution modulated by a style, then noise, bias and leaky ReLU: (n, before, s, s), or (n, before, s/2, s/2)
    if it enlarges, and w (n, dim) to (n, after, s, s).

    enlarging: images (n, before, s, s) and weights (after, before, 3, 3) to (n, after, 2s, 2s), None to keep the size.
    gain: after the leaky ReLU.
    """

    def __init__(
        self, before: int, after: int, dim: int, *, enlarging: Enlarging | None = None, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.style = EqualizedLinear(dim, before, gain=1, start=1)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(after))
        self.scale = 1 / math.sqrt(9 * before)
        self.enlarging, self.gain = enlarging, gain

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        style = self.style(w)
        weight = self.weight * self.scale
        # w'ᵢⱼₖ = sᵢ·wᵢⱼₖ is a scaling of the inputs, and demodulation one of the outputs (2020, section 2.2).
        x = x * style.to(x.dtype)[:, :, None, None]
        x = F.conv2d(x, weight, padding=1) if self.enlarging is None else self.enlarging(x, weight)
        x = x * demodulation(weight, style).to(x.dtype)[:, :, None, None]
        if noise is not None:
            x = x + (noise * self.noise_strength).to(x.dtype)
        x = F.leaky_relu(x + self.bias.to(x.dtype)[:, None, None], LEAKY)
        return x if self.gain == 1 else x * self.gain


def demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """1/√(Σ (sᵢ·wᵢⱼₖ)² + 10⁻⁸) (n, after), of weights (after, before, k, k) and styles (n, before): what gives each
    modulated filter the norm 1 (2020, equation 3)."""
    kind = torch.promote_types(weight.dtype, torch.float32)
    with torch.autocast(style.device.type, enabled=False):
        energies = weight.to(kind).square().sum((2, 3))
        return torch.rsqrt(style.to(kind).square() @ energies.T + 1e-8).to(weight.dtype)


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


class StyledGenerator(nn.Module):
    """Styles w+ (n, layers, dim), a w for each layer, to images (n, channels, size, size), about in [−1, 1].

    Layers: the first convolution at 4 × 4 has w 0; those that enlarge to a size and follow at it have the next two, in
    this order. The colours of a size share the w of the convolution that comes next. noise: for each convolution
    (n or 1, 1, s, s), or none.

    widths: channels at 4 × 4 and at every doubling. enlarging, gain: of `StyledConv`. enlarged: images, twice as large.
    """

    def __init__(
        self,
        channels: int,
        dim: int,
        widths: Sequence[int],
        mapping_layers: int,
        *,
        enlarging: Enlarging,
        enlarged: Callable[[Tensor], Tensor],
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.mapping = Mapping(dim, mapping_layers)
        self.start = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.first = StyledConv(widths[0], widths[0], dim, gain=gain)
        self.enlarge = nn.ModuleList(
            StyledConv(*pair, dim, enlarging=enlarging, gain=gain) for pair in pairwise(widths)
        )
        self.follow = nn.ModuleList(StyledConv(after, after, dim, gain=gain) for after in widths[1:])
        self.to_rgb = nn.ModuleList(ToRGB(after, channels, dim) for after in widths)
        self.enlarged = enlarged
        self.noise_sizes = [4, *(4 << stage for stage in range(1, len(widths)) for _ in range(2))]

    def forward(self, styles: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        w = styles.unbind(1)
        maps: Sequence[Tensor | None] = noise or [None] * len(self.noise_sizes)
        x = self.first(self.start.expand(styles.shape[0], -1, -1, -1), w[0], maps[0])
        images: Tensor = self.to_rgb[0](x, w[1])
        for k, (enlarge, follow) in enumerate(zip(self.enlarge, self.follow, strict=True)):
            x = enlarge(x, w[2 * k + 1], maps[2 * k + 1])
            x = follow(x, w[2 * k + 2], maps[2 * k + 2])
            images = self.enlarged(images) + self.to_rgb[k + 1](x, w[2 * k + 3])
        return images

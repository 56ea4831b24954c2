"""BigGAN-deep: the generator of BigGAN with blocks of four convolutions, narrow between a wide beginning and end.

Brock, Donahue, Simonyan 2018, "Large scale GAN training for high fidelity natural image synthesis", arXiv:1809.11096,
appendix B and figure 16. Each block narrows to a quarter of its channels by a 1 × 1 convolution and widens again; what
skips it loses channels, or in the discriminator gains some by a convolution, and nothing else. The latent and the
class's embedding go in together, at the bottom and in the norms of all blocks. Hinge loss, projection, orthogonal
regularisation and two learning rates are those of BigGAN.

Truncation is that of the released networks: latents are cut off at 2 and multiplied by `truncation`, from 0 to 1, and
the norms have statistics for each of `levels` truncations, between which they are interpolated.

Differs from the paper:
- 32 × 32 pixels, CIFAR-10's classes and few channels by default; the preset `paper` is the generator for 128 × 128;
- no spectral normalisation in the generator; one discriminator step, not two;
- training gathers statistics for truncation 1, which all levels get; `levels` is 1 unless a converted network has more.
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

from zoo import latent
from zoo._util import inputs
from zoo._util.config import check, setting
from zoo.conditions import Labels
from zoo.errors import ConfigError
from zoo.models._biggan import (
    CIFAR10,
    Attention,
    ProjectionDiscriminator,
    ProjectionObjective,
    ProjectionOptions,
    initialise,
)
from zoo.models._gan import GAN
from zoo.nn.synchronised import batch_norm
from zoo.noise import Noise
from zoo.recipe import Recipe
from zoo.spaces import Images

NARROWER = 4  # times, within a block
CUT = 2.0  # standard deviations beyond which no latent is drawn under truncation
EPS = 1e-4  # of norms, as in the released networks


@dataclass(frozen=True)
class Config:
    """Sizes of the generator, and the classes."""

    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(64, "numbers in a latent", at_least=1)
    embedding_dim: int = setting(64, "numbers in the embedding of a class", at_least=1)
    width: int = setting(32, "channels at the full size", at_least=1)
    multipliers: tuple[int, ...] = setting(
        (4, 4, 2, 1), "of width, at 4 × 4 pixels and at every doubling", at_least=1, entries=2
    )
    classes: tuple[str, ...] = setting(CIFAR10, "names in order of index", entries=2, distinct=True)
    attention: int = setting(0, "the size at which the generator has self-attention; 0: none", at_least=0)
    levels: int = setting(1, "truncations, from 0 to 1, for which norms have statistics; 1: for 1 alone", at_least=1)

    def __post_init__(self) -> None:
        check(self, "biggan-deep")
        if self.attention not in (0, *self.sizes[1:]):
            raise ConfigError(f"biggan-deep: attention={self.attention}; expected 0 or one of {self.sizes[1:]}.")
        if any(after > before for before, after in pairwise(self.multipliers)):
            raise ConfigError(
                f"biggan-deep: multipliers={self.multipliers!r}; expected none larger than the one before."
            )
        if self.widths[-2] < NARROWER:
            raise ConfigError(
                f"biggan-deep: width={self.width!r}; a block has a quarter of its channels inside. Choose more."
            )
        if self.attention and self.widths[self.sizes.index(self.attention)] < 8:
            raise ConfigError("biggan-deep: self-attention takes an eighth of the channels. Choose a larger width.")

    @property
    def sizes(self) -> list[int]:
        """Sides from 4 to the full size."""
        return [4 << stage for stage in range(len(self.multipliers))]

    @property
    def widths(self) -> list[int]:
        """Channels at each of them."""
        return [self.width * multiplier for multiplier in self.multipliers]


class Norm(nn.Module):
    """Batch norm without a gain or bias, with running statistics for each of `levels` truncations from 0 to 1."""

    mean: Tensor
    variance: Tensor
    synchronised = False

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(levels, channels))
        self.register_buffer("variance", torch.ones(levels, channels))

    def forward(self, x: Tensor, truncation: float) -> Tensor:
        if self.training:
            mean, variance = self.mean[-1].clone(), self.variance[-1].clone()  # which autograd keeps
            x = batch_norm(x, mean, variance, eps=EPS, whole=self.synchronised)
            self.mean.copy_(mean)
            self.variance.copy_(variance)
            return x
        return F.batch_norm(x, self._at(self.mean, truncation), self._at(self.variance, truncation), eps=EPS)

    @staticmethod
    def _at(statistics: Tensor, truncation: float) -> Tensor:
        """Those of a truncation (channels,), between those of its neighbours."""
        share, level = math.modf(truncation * (len(statistics) - 1))
        here = statistics[int(level)]
        return torch.lerp(here, statistics[int(level) + 1], share) if share else here


class ConditionalNorm(nn.Module):
    """`Norm`, its gain, around 1, and bias linear in a vector (n, dim)."""

    def __init__(self, channels: int, dim: int, levels: int) -> None:
        super().__init__()
        self.norm = Norm(channels, levels)
        self.gain = nn.Linear(dim, channels, bias=False)
        self.bias = nn.Linear(dim, channels, bias=False)

    def forward(self, x: Tensor, vector: Tensor, truncation: float) -> Tensor:
        gain, bias = (layer(vector)[:, :, None, None] for layer in (self.gain, self.bias))
        result: Tensor = self.norm(x, truncation) * (1 + gain) + bias
        return result


class Block(nn.Module):
    """A residual block: (n, before, s, s) to (n, after, s, s), or (n, after, 2s, 2s) if it enlarges; after ≤ before."""

    def __init__(self, before: int, after: int, dim: int, levels: int, *, enlarges: bool) -> None:
        super().__init__()
        inner, self.after, self.enlarges = before // NARROWER, after, enlarges
        self.norms = nn.ModuleList(ConditionalNorm(wide, dim, levels) for wide in (before, inner, inner, inner))
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(before, inner, 1),
                nn.Conv2d(inner, inner, 3, padding=1),
                nn.Conv2d(inner, inner, 3, padding=1),
                nn.Conv2d(inner, after, 1),
            ]
        )

    def forward(self, x: Tensor, vector: Tensor, truncation: float) -> Tensor:
        hidden, kept = x, x[:, : self.after]
        for place, (norm, conv) in enumerate(zip(self.norms, self.convs, strict=True)):
            hidden = F.relu(norm(hidden, vector, truncation))
            if self.enlarges and place == 1:
                hidden = F.interpolate(hidden, scale_factor=2)
            hidden = conv(hidden)
        return hidden + (F.interpolate(kept, scale_factor=2) if self.enlarges else kept)


class Generator(nn.Module):
    """Latents (n, latent_dim) and class indices (n,) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        wide, dim, levels = config.widths, config.latent_dim + config.embedding_dim, config.levels
        self.embedding = nn.Embedding(len(config.classes), config.embedding_dim)
        self.project = nn.Sequential(nn.Linear(dim, wide[0] * 16), nn.Unflatten(1, (wide[0], 4, 4)))
        self.blocks = nn.ModuleList(
            Block(before, there, dim, levels, enlarges=enlarges)
            for before, after in pairwise(wide)
            for there, enlarges in ((before, False), (after, True))
        )
        # Before the first block at its size.
        self.attends = 2 * config.sizes.index(config.attention) if config.attention else -1
        if config.attention:
            self.attention = Attention(wide[self.attends // 2])
        self.norm = Norm(wide[-1], levels)
        self.gain, self.bias = nn.Parameter(torch.ones(wide[-1])), nn.Parameter(torch.zeros(wide[-1]))
        self.to_rgb = nn.Conv2d(wide[-1], config.channels, 3, padding=1)
        initialise(self)

    def forward(self, z: Tensor, labels: Tensor, truncation: float = 1.0) -> Tensor:
        vector = torch.cat([z, self.embedding(labels)], 1)
        hidden = self.project(vector)
        for place, block in enumerate(self.blocks):
            if place == self.attends:
                hidden = self.attention(hidden)
            hidden = block(hidden, vector, truncation)
        if self.attends == len(self.blocks):
            hidden = self.attention(hidden)
        hidden = self.norm(hidden, truncation) * self.gain[:, None, None] + self.bias[:, None, None]
        return torch.tanh(self.to_rgb(F.relu(hidden)))


class Down(nn.Module):
    """A residual block of the discriminator: (n, before, s, s) to (n, after, s, s), or (n, after, s/2, s/2) if it
    halves; after ≥ before."""

    def __init__(self, before: int, after: int, *, halves: bool) -> None:
        super().__init__()
        inner = after // NARROWER
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(before, inner, 1),
                nn.Conv2d(inner, inner, 3, padding=1),
                nn.Conv2d(inner, inner, 3, padding=1),
                nn.Conv2d(inner, after, 1),
            ]
        )
        self.more = nn.Conv2d(before, after - before, 1) if after > before else None
        self.pool = nn.AvgPool2d(2) if halves else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden, (*inner, last) = x, self.convs
        for conv in inner:
            hidden = conv(F.relu(hidden))
        kept = self.pool(x)
        if self.more is not None:
            kept = torch.cat([kept, self.more(kept)], 1)
        result: Tensor = last(self.pool(F.relu(hidden))) + kept
        return result


class Discriminator(ProjectionDiscriminator):
    """Images (n, channels, size, size) in [−1, 1] and class indices (n,) to scores (n,)."""

    def __init__(self, config: Config, width: int) -> None:
        wide = [width * multiplier for multiplier in config.multipliers[::-1]]
        blocks = [
            Down(there, after, halves=halves)
            for before, after in pairwise(wide)
            for there, halves in ((before, True), (after, False))
        ]
        first = nn.Conv2d(config.channels, wide[0], 3, padding=1)
        super().__init__(nn.Sequential(first, *blocks, nn.ReLU()), wide[-1], len(config.classes))


class Objective(ProjectionObjective["BigGANDeep"]):
    """One discriminator step by the hinge loss, then one generator step with orthogonal regularisation."""

    options_class = ProjectionOptions

    def __init__(self, model: BigGANDeep, options: ProjectionOptions) -> None:
        if options.width < NARROWER:
            raise ConfigError(f"width={options.width}; expected at least {NARROWER}, of which a block has a quarter.")
        super().__init__(model, Discriminator(model.config, options.width), options)


class BigGANDeep(GAN[Config]):
    """Generate and decode by the generator under a class; encode by inverting it under that class."""

    config_class = Config
    truncated = 0.5
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "latent_dim": 128,
            "embedding_dim": 128,
            "width": 128,
            "multipliers": (16, 16, 8, 4, 2, 1),
            "classes": tuple(map(str, range(1000))),
            "attention": 64,
            "levels": 51,
        }
    }
    objective_class = Objective
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.sizes[-1], config.sizes[-1]))
        self.condition = Labels(config.classes)
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, truncation: float | None = None
    ) -> Tensor:
        """truncation: from 0 to 1; latents are cut off at ± 2 standard deviations and multiplied by it, and norms take
        the statistics of it. The smaller, the more typical and the more alike."""
        return self._decode(self._latents(noise, temperature, truncation=truncation), condition, truncation=truncation)

    def _latents(self, noise: Noise, temperature: float, *, truncation: float | None = None) -> Tensor:
        z = self._draw(noise)
        if truncation is not None:
            z = inputs.share("truncation", truncation) * latent.truncate(z, CUT)
        return temperature * z

    def _decode(self, z: Tensor, condition: Tensor | None, *, truncation: float | None = None) -> Tensor:
        """truncation: from 0 to 1; whose statistics the norms take, those of 1 unless given."""
        return (self.generator(z, condition, inputs.share("truncation", truncation)) + 1) / 2  # type: ignore[no-any-return]

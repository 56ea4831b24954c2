"""BigGAN-lite: BigGAN's ideas for 32 × 32 pixels and one processor.

Brock, Donahue, Simonyan 2018, "Large scale GAN training for high fidelity natural image synthesis", arXiv:1809.11096.
Kept: residual generator with class-conditional batch norm whose gains and biases are linear in an embedding of the
class shared by all layers (section 3, appendix B); projection discriminator (Miyato & Koyama 2018, arXiv:1802.05637,
equation 3) with spectral normalisation; hinge loss; orthogonal regularisation of the generator (equation 3) with β =
0.0001; orthogonal initialisation; two learning rates; moving average of the generator's weights; truncation (section
3.1).

Differs from the paper, hence lite:
- 32 channels at the full size, doubled with each halving to 128 at most, where the paper has 96 times up to 16;
- the latent goes in at the bottom alone, not also in slices at each block; no self-attention;
- no spectral normalisation in the generator; one discriminator step, not two; batches of 64, not 2048.

hierarchical, multipliers and attention give the generator what it lacks: slices of the latent at each block, the
paper's channels, and self-attention (Zhang et al. 2018, arXiv:1805.08318, as the authors' code has it). preset="paper"
is the generator of table 4 for 128 × 128 pixels, as in ajbrock/BigGAN-PyTorch with --hier; the class is then given to
the blocks alone, not at the bottom. The discriminator has these channels and no self-attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
from zoo.nn.dcgan import doublings
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator, and the classes."""

    image_size: int = setting(32, "4, 5, 6 or 7 times a power of two")
    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(100, "numbers in a latent", at_least=1)
    width: int = setting(32, "channels at the full size", at_least=1)
    embedding_dim: int = setting(32, "numbers in the embedding of a class", at_least=1)
    classes: tuple[str, ...] = setting(CIFAR10, "names in order of index", entries=2, distinct=True)
    multipliers: tuple[int, ...] | None = setting(
        None, "of width, from the smallest to the full size; 4, 4, 2, 1 for 32 × 32 unless given", at_least=1
    )
    hierarchical: bool = setting(False, "whether the latent goes in in slices, one at the bottom and one at each block")
    attention: int = setting(0, "the size at which the generator has self-attention; 0: none", at_least=0)

    def __post_init__(self) -> None:
        check(self, "biggan-lite")
        stages = doublings(self.image_size, "biggan-lite") + 1
        if self.multipliers is not None and len(self.multipliers) != stages:
            raise ConfigError(f"biggan-lite: multipliers={self.multipliers!r}; expected {stages} numbers.")
        if self.hierarchical and self.latent_dim % stages:
            raise ConfigError(
                f"biggan-lite: latent_dim={self.latent_dim}; expected a multiple of {stages}, the slices it goes in in."
            )
        sizes = [self.image_size >> stage for stage in range(stages - 1)]
        if self.attention not in (0, *sizes):
            raise ConfigError(f"biggan-lite: attention={self.attention}; expected 0 or one of {sizes}.")
        if self.attention and self.widths(self.width)[-1 - sizes.index(self.attention)] < 8:
            raise ConfigError("biggan-lite: self-attention takes an eighth of the channels. Choose a larger width.")

    def widths(self, width: int) -> list[int]:
        """Channels from the smallest to the full size: 4, 4, 2, 1 times `width` for 32 × 32 unless said otherwise."""
        if self.multipliers is not None:
            return [width * multiplier for multiplier in self.multipliers]
        return [width * min(2**stage, 4) for stage in reversed(range(doublings(self.image_size, "biggan-lite") + 1))]


class ConditionalBatchNorm(nn.Module):
    """Batch norm of (n, channels, h, w), its gain, around 1, and bias linear in an embedding (n, embedding_dim)."""

    def __init__(self, channels: int, embedding_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Linear(embedding_dim, channels, bias=False)
        self.bias = nn.Linear(embedding_dim, channels, bias=False)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        gain, bias = (layer(embedding)[:, :, None, None] for layer in (self.gain, self.bias))
        result: Tensor = self.norm(x) * (1 + gain) + bias
        return result


class Up(nn.Module):
    """A residual block that doubles the size: (n, before, s, s) to (n, after, 2s, 2s)."""

    def __init__(self, before: int, after: int, embedding_dim: int) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm(before, embedding_dim)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm2 = ConditionalBatchNorm(after, embedding_dim)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.conv1(F.interpolate(F.relu(self.norm1(x, embedding)), scale_factor=2))
        hidden = self.conv2(F.relu(self.norm2(hidden, embedding)))
        # A 1 × 1 convolution and an enlargement to the nearest neighbour commute; this order costs a quarter.
        result: Tensor = hidden + F.interpolate(self.shortcut(x), scale_factor=2)
        return result


class Generator(nn.Module):
    """Latents (n, latent_dim) and class indices (n,) to images (n, channels, size, size) in [−1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        wide = config.widths(config.width)
        start = config.image_size >> len(wide) - 1
        self.slices = len(wide) if config.hierarchical else 0
        given = config.latent_dim // len(wide) if config.hierarchical else config.latent_dim + config.embedding_dim
        condition = config.embedding_dim + (given if config.hierarchical else 0)
        self.embedding = nn.Embedding(len(config.classes), config.embedding_dim)
        self.project = nn.Sequential(
            nn.Linear(given, wide[0] * start * start),
            nn.Unflatten(1, (wide[0], start, start)),  # (n, 4·width, 4, 4)
        )
        self.blocks = nn.ModuleList(Up(before, after, condition) for before, after in pairwise(wide))
        self.to_rgb = nn.Sequential(
            nn.BatchNorm2d(wide[-1]), nn.ReLU(), nn.Conv2d(wide[-1], config.channels, 3, padding=1), nn.Tanh()
        )
        sizes = [start << stage for stage in range(len(wide))]
        self.attends = sizes.index(config.attention) - 1 if config.attention else -1  # after which block
        if config.attention:
            self.attention = Attention(wide[self.attends + 1])
        initialise(self)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        embedding = self.embedding(labels)
        if self.slices:
            first, *parts = z.chunk(self.slices, 1)
            conditions = [torch.cat([embedding, part], 1) for part in parts]
        else:
            first, conditions = torch.cat([z, embedding], 1), [embedding] * len(self.blocks)
        hidden = self.project(first)
        for i, (block, condition) in enumerate(zip(self.blocks, conditions, strict=True)):
            hidden = block(hidden, condition)
            if i == self.attends:
                hidden = self.attention(hidden)
        images: Tensor = self.to_rgb(hidden)
        return images


class Down(nn.Module):
    """A residual block of the discriminator: (n, before, 2s, 2s) to (n, after, s, s). The first sees the image."""

    def __init__(self, before: int, after: int, *, first: bool) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Identity() if first else nn.ReLU(),
            nn.Conv2d(before, after, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.shortcut(x) + self.residual(x)
        return result


class Discriminator(ProjectionDiscriminator):
    """Images (n, channels, size, size) in [−1, 1] and class indices (n,) to scores (n,)."""

    def __init__(self, config: Config, width: int) -> None:
        wide = config.widths(width)[:0:-1]  # 1, 2, 4 times `width` for 32 × 32
        stages = pairwise([config.channels, *wide])
        blocks = nn.Sequential(*(Down(*pair, first=stage == 0) for stage, pair in enumerate(stages)), nn.ReLU())
        super().__init__(blocks, wide[-1], len(config.classes))


class Objective(ProjectionObjective["BigGANLite"]):
    """One discriminator step by the hinge loss, then one generator step with orthogonal regularisation."""

    options_class = ProjectionOptions

    def __init__(self, model: BigGANLite, options: ProjectionOptions) -> None:
        super().__init__(model, Discriminator(model.config, options.width), options)


class BigGANLite(GAN[Config]):
    """Generate and decode by the generator under a class; encode by inverting it under that class."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "image_size": 128,
            "latent_dim": 120,
            "width": 96,
            "embedding_dim": 128,
            "classes": tuple(map(str, range(1000))),
            "multipliers": (16, 16, 8, 4, 2, 1),
            "hierarchical": True,
            "attention": 64,
        }
    }
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {".paint.": ".to_rgb."}
    recipe = Recipe(batch_size=64, steps=10_000, precision="bf16-mixed", channels_last=True, ema=0.999)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.image_size, config.image_size))
        self.condition = Labels(config.classes)
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)

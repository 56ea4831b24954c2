"""ProGAN: progressive growing of GANs.

Karras, Aila, Laine, Lehtinen 2018, "Progressive growing of GANs for improved quality, stability, and variation",
arXiv:1710.10196. Generator and discriminator start at 4 × 4 pixels; at each doubling the new layers fade in, weighted
by α from 0 to 1, then all are trained on (section 2, figure 2). Kept: equalized learning rate, pixel norm of features
and latents, minibatch standard deviation in the discriminator, WGAN-GP with the drift term, Adam with 0.001, β₁ = 0 and
β₂ = 0.99, the moving average of the generator (section 4, appendix A.1), real images faded like generated ones.

Differs from the paper:
- 16 channels at 64 × 64 and 128 at 4 × 4, where table 2 has 256 and 512; latents of 128 numbers;
- the deviation is taken over groups of four images, as in the authors' code, not over the whole batch;
- thousands of steps with 32 images each, where it trains on millions of images for each doubling;
- former stages' colours go on being fitted: each 1 × 1 convolution to colours keeps learning, by squared error, to give
  what the whole generator gives at its size, while the features it sees are left alone. In the paper it is forgotten
  once the next stage has faded in; here all stages can be drawn from one latent, so that growth can be seen.

preset="paper" has the widths of table 2, for 1024 × 1024 pixels, and its latents of 512 numbers.
"""

# Longer than other systems: a generator and a discriminator that grow, and the phases in which they do.

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util import inputs
from zoo._util.config import check, nested, setting
from zoo.errors import ConfigError, InvalidInput
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn.equalized import HE, LEAKY, EqualizedConv2d, EqualizedLinear, discriminator_epilogue, pixel_norm
from zoo.nn.layers import bounded
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.recipe import Recipe
from zoo.spaces import Images


@dataclass(frozen=True)
class Config:
    """Sizes of the generator."""

    channels: int = setting(3, "of images", at_least=1)
    latent_dim: int = setting(128, "numbers in a latent", at_least=1)
    widths: tuple[int, ...] = setting(
        (128, 128, 64, 32, 16), "channels at 4 × 4 and at every doubling", at_least=1, entries=2
    )

    def __post_init__(self) -> None:
        check(self, "progan")

    @property
    def sizes(self) -> list[int]:
        """Sides from 4 to the full size, one for each stage."""
        return [4 << stage for stage in range(len(self.widths))]


class Norm(nn.Module):
    """Leaky ReLU, then pixel norm."""

    def forward(self, x: Tensor) -> Tensor:
        return pixel_norm(F.leaky_relu(x, LEAKY))


class Generator(nn.Module):
    """Latents (n, latent_dim) to images (n, channels, size, size), about in [−1, 1], of the size of a level.

    Level k draws at the size of stage k; level k − 1 + α, between two, is the new stage weighted by α and the former
    one, enlarged, by 1 − α (figure 2).
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        wide = config.widths
        first = nn.Sequential(
            EqualizedLinear(config.latent_dim, 16 * wide[0], gain=HE / 4),
            nn.Unflatten(1, (wide[0], 4, 4)),
            Norm(),
            EqualizedConv2d(wide[0], wide[0], 3),
            Norm(),
        )
        self.blocks = nn.ModuleList([first, *(enlarging(*pair) for pair in pairwise(wide))])
        self.to_rgb = nn.ModuleList(EqualizedConv2d(width, config.channels, 1, gain=1) for width in wide)

    def forward(self, z: Tensor, level: float | None = None) -> Tensor:
        level = len(self.blocks) - 1 if level is None else level
        return self.images_of(self.features(z, math.ceil(level)), level)

    def features(self, z: Tensor, stage: int) -> list[Tensor]:
        """What each stage up to `stage` makes of the latents: (n, width, size, size)."""
        x, made = pixel_norm(z), []
        for block in self.blocks[: stage + 1]:
            x = block(x)
            made.append(x)
        return made

    def images_of(self, features: list[Tensor], level: float) -> Tensor:
        """The images of `level`, of the features up to its stage."""
        stage = math.ceil(level)
        images: Tensor = self.to_rgb[stage](features[stage])
        if stage == level:
            return images
        return faded(F.interpolate(self.to_rgb[stage - 1](features[stage - 1]), scale_factor=2), images, level)


def faded(former: Tensor, new: Tensor, level: float) -> Tensor:
    """What a stage gives that fades in at `level` k − 1 + α: α of its own, 1 − α of the former's (figure 2)."""
    return torch.lerp(former, new, level - (math.ceil(level) - 1))


def enlarging(before: int, after: int) -> nn.Sequential:
    """A stage of the generator: (n, before, s, s) to (n, after, 2s, 2s)."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        EqualizedConv2d(before, after, 3),
        Norm(),
        EqualizedConv2d(after, after, 3),
        Norm(),
    )


class Discriminator(nn.Module):
    """Images (n, channels, size, size) of a level to scores (n, 1): the generator's mirror."""

    def __init__(self, config: Config, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [discriminator_epilogue(widths[0]), *(halving(after, before) for before, after in pairwise(widths))]
        )
        self.from_rgb = nn.ModuleList(
            nn.Sequential(EqualizedConv2d(config.channels, width, 1), nn.LeakyReLU(LEAKY)) for width in widths
        )

    def forward(self, images: Tensor, level: float | None = None) -> Tensor:
        level = len(self.blocks) - 1 if level is None else level
        stage = math.ceil(level)
        x = self.from_rgb[stage](images)
        for k in reversed(range(stage + 1)):
            x = self.blocks[k](x)
            if k == stage and stage != level:
                x = faded(self.from_rgb[k - 1](F.avg_pool2d(images, 2)), x, level)
        scores: Tensor = x
        return scores


def halving(before: int, after: int) -> nn.Sequential:
    """A stage of the discriminator: (n, before, 2s, 2s) to (n, after, s, s)."""
    return nn.Sequential(
        EqualizedConv2d(before, before, 3),
        nn.LeakyReLU(LEAKY),
        EqualizedConv2d(before, after, 3),
        nn.LeakyReLU(LEAKY),
        nn.AvgPool2d(2),
    )


@dataclass(frozen=True)
class Options:
    """How it is trained, with the paper's values but for the steps."""

    stay: int = setting(
        2000, "steps at 4 × 4, and with each later stage once it is there; the last goes on", at_least=1
    )
    fade: int = setting(2000, "steps in which a stage fades in", at_least=1)
    drift: float = setting(0.001, "factor of E D(x)² (appendix A.1)", at_least=0)
    widths: tuple[int, ...] | None = setting(
        None, "channels of the discriminator; those of the generator unless given", at_least=1
    )
    adversarial: AdversarialOptions = nested(
        AdversarialOptions(
            loss="wasserstein",
            gradient_penalty=10.0,
            learning_rate=0.001,
            beta1=0.0,
            beta2=0.99,
        ),
        without=("spectral_norm", "mixed"),
    )

    def __post_init__(self) -> None:
        check(self)


class Objective(AdversarialObjective["ProGAN"]):
    """One discriminator step by WGAN-GP with a drift term, then one generator step, at the level of the step."""

    options_class = Options
    options: Options

    def __init__(self, model: ProGAN, options: Options) -> None:
        widths = options.widths or model.config.widths
        if len(widths) != len(model.config.widths):
            raise ConfigError(f"widths={widths!r}; expected {len(model.config.widths)} numbers, one for each stage.")
        super().__init__(model, Discriminator(model.config, widths), options)
        # Each stage is looked at as it begins to fade in and when it has.
        stay, fade = options.stay, options.fade
        self.phases = (0, *(stay + k * (stay + fade) + j for k in range(len(widths) - 1) for j in (0, fade)))

    @property
    def level(self) -> float:
        """Of this step: k when stage k is trained on, between k − 1 and k while it fades in."""
        stay, fade = self.options.stay, self.options.fade
        after = self.step - stay
        if after < 0:
            return 0.0
        stage, within = divmod(after, fade + stay)
        return min(stage + min((within + 1) / fade, 1.0), len(self.model.config.widths) - 1.0)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        self.model.resolution.fill_(self.model.config.sizes[math.floor(self.level)])
        yield from super().updates(batch)

    def real(self, batch: Batch) -> Tensor:
        level = self.level
        stage = math.ceil(level)
        images = reduced(2 * batch.images - 1, self.model.config.sizes[stage])
        if stage == level:
            return images
        # As the discriminator sees generated ones: detail fades in with the layers.
        return faded(F.interpolate(F.avg_pool2d(images, 2), scale_factor=2), images, level)

    def fake(self, batch: Batch) -> Tensor:
        images: Tensor = self.model.generator(self.latents(batch), self.level)
        return images

    def score(self, images: Tensor, labels: Tensor | None) -> Tensor:
        outputs: Tensor = self.discriminator(images, self.level)
        return outputs

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        return super().discriminator_loss(on_real, on_fake) + self.options.drift * on_real.float().square().mean()

    def generator_step(self, batch: Batch) -> Tensor:
        generator, level = self.model.generator, self.level
        features = generator.features(self.latents(batch), math.ceil(level))
        images = generator.images_of(features, level)
        loss = self.loss.generator(self.score(self.augmented(images), batch.labels))
        # Stages whose colours are no longer part of the images; this sum is not adversarial.
        for k in range(math.floor(level)):
            target = reduced(images.detach(), self.model.config.sizes[k])
            loss = loss + F.mse_loss(generator.to_rgb[k](features[k].detach()).float(), target.float())
        return loss


def reduced(images: Tensor, size: int) -> Tensor:
    """Images (n, channels, side, side) of a side that is a multiple of `size`, averaged to it."""
    factor = images.shape[-1] // size
    return F.avg_pool2d(images, factor) if factor > 1 else images


class ProGAN(GAN[Config]):
    """Generate and decode by the generator, at any stage; encode by inverting the last.

    Latents are put on a sphere first (section 4.2), so that their length, and with it a temperature above 0, is of no
    account.
    """

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"latent_dim": 512, "widths": (512, 512, 512, 512, 256, 128, 64, 32, 16)}
    }
    objective_class = Objective
    renamed: ClassVar[dict[str, str]] = {".paint.": ".to_rgb."}
    recipe = Recipe(batch_size=32, steps=24_000, flip=True, precision="bf16-mixed", channels_last=True, ema=0.999)

    generator: Generator
    resolution: Tensor  # side of the largest stage that has faded in; of a trained model the full size

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images((config.channels, config.sizes[-1], config.sizes[-1]))
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)
        self.register_buffer("resolution", torch.tensor(config.sizes[-1]))
        self._grown = config.sizes[-1]

    @property
    def resolutions(self) -> tuple[int, ...]:  # type: ignore[override]
        """Sides of the stages that have grown."""
        if not torch.compiler.is_compiling():  # a graph takes what was read last: a buffer has no value there
            self._grown = int(self.resolution)
        return tuple(size for size in self.config.sizes if size <= self._grown)

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        if not self.resolution.is_meta:
            self._grown = int(self.resolution)

    def _decode(self, z: Tensor, condition: Tensor | None, *, resolution: int | None = None) -> Tensor:
        """resolution: draw at this size, 4, 8, 16 … to the full one, with the stage of that size."""
        sizes, grown = self.config.sizes, self.resolutions
        size = grown[-1] if resolution is None else inputs.integer("resolution", resolution, 1)
        if size not in grown:
            so_far = f" It has not grown further than {grown[-1]} yet." if size in sizes else ""
            raise InvalidInput(f"resolution={size}; expected one of {', '.join(map(str, grown))}.{so_far}")
        # Nothing bounds colours; what is a little beyond black or white is black or white.
        images = bounded((self.generator(z, sizes.index(size)) + 1) / 2)
        if resolution is not None or size == sizes[-1]:
            return images
        return F.interpolate(images, scale_factor=sizes[-1] // size)  # in training: as large as it will be

    def _generate(  # type: ignore[override]
        self, noise: Noise, condition: Tensor | None, temperature: float, *, resolution: int | None = None
    ) -> Tensor:
        """resolution: as in `_decode`."""
        return self._decode(self._latents(noise, temperature), condition, resolution=resolution)

    def _improbability(self, z: Tensor) -> Tensor:
        # The generator does not see the length of a latent; the search shall not wander off along it.
        return (z.square().mean(1) - 1).square()

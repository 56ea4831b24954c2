"""pix2pix: translation between two kinds of images, learned from pairs.

Isola, Zhu, Zhou, Efros 2017, "Image-to-image translation with conditional adversarial networks", arXiv:1611.07004. The
generator is a U-Net, whose decoder sees what its encoder saw at every size; the discriminator sees the input beside the
output, real or generated, and judges patches of 70 × 70 pixels. The generator's loss is the adversarial one plus
λ ‖y − G(x, z)‖₁ (equations 1, 3 and 4, λ = 100). The noise z is dropout in the decoder's first three layers, on in
training and afterwards alike (sections 3.1 and 3.3).

Dropout and norms at test time are the known trap of this model. Here both are the release's own: masks are drawn from
the seed, one generator for each image, so that a seed gives the same image again; `temperature` 0 leaves the dropout
out. The authors normalise by the statistics of the test batch, of one image (section 3.3); instance norm does so in
batches of any size, in training too.

Differs from the paper:
- narrower, 16 channels in the first layer where the paper has 64, and six halvings at 128 × 128, where its eight at
  256 × 256 reach a single pixel; 128 × 128 instead of 256 × 256 pixels;
- instance norm instead of batch norm, in the generator with learned scales, and none where the image is smallest;
  preset="paper" is the generator `unet_256` of the authors' PyTorch code (junyanz/pytorch-CycleGAN-and-pix2pix), with
  batch norm and the biases of that code. In eval mode it norms by running statistics and drops nothing where the
  authors' test.py does both by the batch unless told --eval; and dropout there spares the smallest layer;
- dropout leaves out whole channels, so that its mask does not depend on the size of the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.conditions import Images as ImageCondition
from zoo.errors import ConfigError
from zoo.models._translator import Translator
from zoo.nn import losses
from zoo.nn.layers import InstanceNorm2d, initialise_convolutions
from zoo.nn.patch_discriminator import PatchDiscriminator, check_side
from zoo.noise import Noise
from zoo.objective import Batch, adam
from zoo.objective import Objective as Base
from zoo.recipe import Recipe
from zoo.spaces import Images

DROPOUT = 0.5


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting(
        (3, 128, 128), "(channels, height, width) of the images it is trained on", at_least=1
    )
    source_channels: int = setting(3, "of the images it translates", at_least=1)
    width: int = setting(
        16, "channels of the first layer, doubled with every halving up to eight times as many", at_least=1
    )
    depth: int = setting(6, "halvings", at_least=2, at_most=20)
    norm: str = setting(
        "instance",
        "instance, with learned scales; plain, instance without; or batch",
        choices=("instance", "plain", "batch"),
    )
    dropped: int = setting(3, "layers of the decoder that have dropout", at_least=0)

    def __post_init__(self) -> None:
        check(self, "pix2pix")
        shape = self.image_shape
        if any(side % 2**self.depth for side in shape[1:]):
            raise ConfigError(
                f"pix2pix: image_shape={shape!r}; expected (channels, height, width), sides multiples of 2^depth = "
                f"{2**self.depth}."
            )


def norm(kind: str, channels: int) -> nn.Module:
    """A norm of the generator, one of `Config.norm`."""
    return nn.BatchNorm2d(channels) if kind == "batch" else InstanceNorm2d(channels, affine=kind == "instance")


class UNet(nn.Module):
    """Images (n, inputs, h, w) in [−1, 1] to images (n, outputs, h, w) in [−1, 1]; h, w multiples of 2^depth."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        depth, outputs = config.depth, config.image_shape[0]
        # What is normed needs no bias; that plain norms follow one, and that batch norm has none beside it, is the
        # authors' code.
        bias, bare = config.norm == "plain", config.norm != "batch"
        wide = [config.source_channels, *(config.width * min(2**stage, 8) for stage in range(depth))]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for stage in range(depth):  # to (n, wide[-1], h/2^depth, w/2^depth)
            layers: list[nn.Module] = [nn.LeakyReLU(0.2)] if stage else []
            normed = 0 < stage < depth - 1  # which takes a bias away
            layers.append(
                nn.Conv2d(wide[stage], wide[stage + 1], 4, stride=2, padding=1, bias=bias if normed else bare)
            )
            if normed:
                layers.append(norm(config.norm, wide[stage + 1]))
            self.down.append(nn.Sequential(*layers))
        for stage in reversed(range(depth)):
            before = wide[stage + 1] * (1 if stage == depth - 1 else 2)  # beside it, what the encoder had there
            after = wide[stage] if stage else outputs
            layers = [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias or not stage)]
            layers.append(norm(config.norm, after) if stage else nn.Tanh())
            self.up.append(nn.Sequential(*layers))
        self.dropped = tuple(wide[:0:-1][1 : config.dropped + 1])  # channels of the decoder's layers that have dropout
        initialise_convolutions(self)  # appendix 6.2

    def forward(self, x: Tensor, keep: list[Tensor] | None = None) -> Tensor:
        """keep: factors (n, channels, 1, 1) on the first layers of the decoder, 0 where a channel is dropped."""
        seen = []
        for layer in self.down:
            x = layer(x)
            seen.append(x)
        for stage, layer in enumerate(self.up):
            x = layer(x if stage == 0 else torch.cat([x, seen[-1 - stage]], 1))
            if keep is not None and stage < len(keep):
                x = x * keep[stage]
        return x


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int = setting(32, "channels of the discriminator's first layer", at_least=1)
    l1: float = setting(100.0, "λ, the factor of the L1 loss", at_least=0)
    learning_rate: float = setting(0.0002, "Adam's", at_least=0)
    beta1: float = setting(0.5, "Adam's", at_least=0, below=1)
    beta2: float = setting(0.999, "Adam's", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(Base["Pix2Pix"]):
    """The discriminator's step on pairs, then the generator's, each with Adam."""

    options_class = Options
    options: Options
    outputs = "probability"
    pairs = True

    def __init__(self, model: Pix2Pix, options: Options) -> None:
        super().__init__(model, options)
        config = model.config
        check_side("pix2pix", config.image_shape)
        self.discriminator = PatchDiscriminator(config.source_channels + config.image_shape[0], options.width)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"discriminator": self.discriminator, "generator": self.model.network}
        betas = float(self.options.beta1), float(self.options.beta2)
        return adam(networks, dict.fromkeys(networks, self.options.learning_rate), betas)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.sources is not None
        sources, targets = 2 * batch.sources - 1, 2 * batch.images - 1
        n = len(sources)
        keep = [
            (torch.rand(n, channels, 1, 1, device=sources.device) >= DROPOUT) / (1 - DROPOUT)
            for channels in self.model.network.dropped
        ]
        made = self.model.network(sources, keep)
        on_real, on_fake = self.score(sources, targets), self.score(sources, made.detach())
        self.observe(real=on_real.sigmoid(), fake=on_fake.sigmoid())
        # Halved, which slows the discriminator down (section 3.3).
        yield "discriminator", losses.discriminator_loss(on_real, on_fake) / 2
        yield "generator", losses.generator_loss(self.score(sources, made)) + self.options.l1 * F.l1_loss(made, targets)

    def score(self, sources: Tensor, images: Tensor) -> Tensor:
        """Logits (n, 1, h', w') of pairs."""
        logits: Tensor = self.discriminator(torch.cat([sources, images], 1))
        return logits


class Pix2Pix(Translator):
    """Translate an image by the U-Net, with dropout drawn from the seed."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"image_shape": (3, 256, 256), "width": 64, "depth": 8, "norm": "batch"}
    }
    objective_class = Objective
    recipe = Recipe(
        dataset="side-by-side",
        flip=True,
        batch_size=4,
        steps=10_000,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
    )
    tile = 512
    overlap = 96  # a U-Net sees far; more makes tiles little more alike

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space, self.condition = Images(config.image_shape), ImageCondition(config.source_channels)
        self.multiple = 2**config.depth
        self.normed = config.norm != "batch"
        self.deterministic = not config.dropped
        self.network = UNet(config)

    def _translate(self, images: Tensor, noise: Noise, temperature: float, *, tile: int | None = None) -> Tensor:
        """tile: as of every translator. All tiles of an image share its noise."""
        keep = [self._kept(noise.uniform(channels, 1, 1), temperature) for channels in self.network.dropped]
        return self._tiled(lambda part, *kept: self._tile(part, list(kept)), images, tile, *keep)

    def _translate_tile(self, images: Tensor, keep: list[Tensor] | None = None) -> Tensor:
        """keep: dropout's factors, layer by layer; none without them."""
        made: Tensor = self.network(2 * images - 1, keep)
        return (made + 1) / 2

    @staticmethod
    def _kept(draws: Tensor, temperature: float) -> Tensor:
        """Dropout's factors, pulled towards their mean, 1, by a temperature below 1."""
        return 1 + temperature * ((draws >= DROPOUT).to(draws) / (1 - DROPOUT) - 1)

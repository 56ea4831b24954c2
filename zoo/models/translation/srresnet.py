"""SRResNet: super-resolution, an image four times as large on each side, as close as possible in pixels.

Ledig, Theis, Huszár, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi 2017, "Photo-realistic single image
super-resolution using a generative adversarial network", arXiv:1609.04802. One network (figure 4): a 9 × 9 convolution,
residual blocks of two convolutions with batch norm, one more with a long skip, two stages that double the size by pixel
shuffle (Shi et al. 2016, arXiv:1609.05158), and another 9 × 9 convolution. Trained on the squared error it is SRResNet,
the closest in pixels, and blurred where the input leaves the details open; `zoo.models.translation.srgan` goes on from
there.

Differs from the paper:
- eight residual blocks where the paper has sixteen;
- the network computes what is to be added to the bicubic enlargement, not the whole image, which it learns far sooner;
  `bicubic=False` has the paper's way;
- slopes of the activations after pixel shuffles are fixed; learned, they would take a quarter of the time of a step,
  which slopes=True has;
- preset="paper" is the network of Lornatang/SRGAN-PyTorch: the paper's, but that pixels are in [0, 1] on both sides of
  it (signed=False), where the paper scales the enlargements it is trained on to [−1, 1];
- trained far shorter on 290 images, with a larger learning rate that falls to 0, where the paper takes 350,000.
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
from zoo.nn.fusing import Fusible, NormedConv2d
from zoo.nn.layers import NarrowConv2d
from zoo.objective import Batch, adam
from zoo.objective import Objective as Base
from zoo.recipe import Recipe
from zoo.spaces import Images

SLOPE = 0.2  # of every negative activation whose slope is not learned
LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting(
        (3, 96, 96),
        "(channels, height, width) of the patches it is trained on, four times those it is given",
        at_least=1,
    )
    width: int = setting(64, "channels", at_least=1)
    blocks: int = setting(8, "residual ones", at_least=1)
    bicubic: bool = setting(
        True, "whether the network's output is added to the bicubic enlargement, or is all of the image"
    )
    signed: bool = setting(True, "whether the network takes and makes pixels in [−1, 1], or in [0, 1]")
    slopes: bool = setting(False, "whether the activations after pixel shuffles learn their slopes")

    def __post_init__(self) -> None:
        check(self, "srgan")
        shape = self.image_shape
        if any(side % 4 for side in shape[1:]):
            raise ConfigError(f"srgan: image_shape={shape!r}; expected (channels, height, width), by fours.")


class Convolution(Fusible):
    """3 × 3 with batch norm, (n, width, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        fused = self.current()
        normed: Tensor = self.norm(self.convolution(x)) if fused is None else fused(x)
        return normed

    def fusion(self) -> NormedConv2d:
        return NormedConv2d(self.convolution, self.norm)


class Residual(nn.Module):
    """Two convolutions beside the identity: (n, width, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(Convolution(width), nn.PReLU(), Convolution(width))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


class Shuffle(nn.Module):
    """(n, 4·width, h, w) to (n, width, 2h, 2w): four pixels for each, one from each quarter of its channels.

    Shi et al.'s pixel shuffle but for the order of the channels, with which neighbours in memory stay neighbours.
    """

    def forward(self, x: Tensor) -> Tensor:
        n, channels, h, w = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, channels // 4).transpose(2, 3)
        return pixels.reshape(n, 2 * h, 2 * w, channels // 4).permute(0, 3, 1, 2)


class Network(nn.Module):
    """Images (n, channels, h, w) in [−1, 1] to (n, channels, 4h, 4w), of no certain range."""

    def __init__(self, channels: int, width: int, blocks: int, *, slopes: bool = False) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(*(Residual(width) for _ in range(blocks)), Convolution(width))  # (n, width, h, w)
        stages: list[nn.Module] = []
        for _ in range(2):  # to (n, width, 4h, 4w)
            # Activations before or after the shuffle are the same; in place they must not be in a view.
            activation = nn.PReLU() if slopes else nn.LeakyReLU(SLOPE, inplace=True)
            stages += [nn.Conv2d(width, 4 * width, 3, padding=1), activation, Shuffle()]
        last = NarrowConv2d(width, channels, 9, padding=4)
        self.tail = nn.Sequential(*stages, last)
        with torch.no_grad():  # the first images are not far from the bicubic ones
            last.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x.contiguous(memory_format=torch.channels_last))
        result: Tensor = self.tail(x + self.body(x))
        return result


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    loss: str = setting("mse", "error of pixels: mse, squared, or l1, absolute", choices=LOSSES)
    learning_rate: float = setting(0.001, "Adam's", at_least=0)
    beta1: float = setting(0.9, "Adam's", at_least=0, below=1)
    beta2: float = setting(0.999, "Adam's", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(Base["SRResNet"]):
    """The error of pixels, with Adam."""

    options_class = Options
    options: Options
    pairs = True

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        rates, betas = {"generator": self.options.learning_rate}, (float(self.options.beta1), float(self.options.beta2))
        return adam({"generator": self.model}, rates, betas)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.sources is not None
        yield "generator", LOSSES[self.options.loss](self.model.enlarged(batch.sources), batch.images)


class SRResNet(Translator):
    """Enlarge an image four times, as close as possible in pixels."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"blocks": 16, "bicubic": False, "signed": False, "slopes": True}
    }
    objective_class: ClassVar[type[Base[Any]]] = Objective
    recipe = Recipe(
        dataset="super-resolution",
        flip=True,
        batch_size=16,
        steps=6_500,
        precision="bf16-mixed",
        channels_last=True,
        ema=0.999,
        schedule="cosine",
        warmup=100,
    )
    enlargement = 4
    tile = 160  # a larger one takes more memory than a large image's bytes
    fade = 0
    keeps_colour = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space, self.condition = Images(config.image_shape), ImageCondition(config.image_shape[0])
        # What a pixel depends on: the convolutions of the head, of the blocks, the one after, and of the tail.
        self.overlap = 4 + 2 * config.blocks + 1 + 3
        self.network = Network(config.image_shape[0], config.width, config.blocks, slopes=config.slopes)

    def enlarged(self, sources: Tensor) -> Tensor:
        """Images (n, channels, 4h, 4w) of sources (n, channels, h, w) in [0, 1], which may leave that range."""
        signed = self.config.signed
        made: Tensor = self.network(2 * sources - 1 if signed else sources)
        if not self.config.bicubic:
            return (made + 1) / 2 if signed else made
        # A CPU has no kernel for this in half precision.
        wide = sources.to(torch.promote_types(sources.dtype, torch.float32))
        base = F.interpolate(wide, scale_factor=4, mode="bicubic", antialias=True)
        return base.to(sources) + made

    def _translate_tile(self, sources: Tensor) -> Tensor:
        return self.enlarged(sources).clamp(0, 1)

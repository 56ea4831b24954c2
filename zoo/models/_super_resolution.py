"""What models of super-resolution share: SRResNet's network, its sizes, and how it enlarges an image four times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from zoo._util.config import check, setting
from zoo.conditions import Images as ImageCondition
from zoo.errors import ConfigError
from zoo.models._translator import Translator
from zoo.nn.srresnet import CONVOLUTIONS, Network
from zoo.spaces import Images


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
    norm: str = setting("batch", "of the network: batch or instance", choices=tuple(CONVOLUTIONS))
    squashed: bool = setting(False, "whether a tanh ends the network, which then makes pixels in [−1, 1] anyway")

    def __post_init__(self) -> None:
        check(self, "super-resolution")
        shape = self.image_shape
        if any(side % 4 for side in shape[1:]):
            raise ConfigError(f"super-resolution: image_shape={shape!r}; expected (channels, height, width), by fours.")


class Enlarger(Translator):
    """Enlarge an image four times by `self.network`."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"blocks": 16, "bicubic": False, "signed": False, "slopes": True}
    }
    enlargement = 4
    tile = 160  # a larger one takes more memory than a large image's bytes
    fade = 0
    keeps_colour = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space, self.condition = Images(config.image_shape), ImageCondition(config.image_shape[0])
        self.network = Network(
            config.image_shape[0],
            config.width,
            config.blocks,
            bicubic=config.bicubic,
            signed=config.signed,
            slopes=config.slopes,
            norm=config.norm,
            squashed=config.squashed,
        )
        self.normed = config.norm == "instance"
        self.overlap = self.network.overlap

    def _translate_tile(self, sources: Tensor) -> Tensor:
        enlarged: Tensor = self.network(sources)
        return enlarged.clamp(0, 1)

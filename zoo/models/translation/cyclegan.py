"""CycleGAN: translation between two kinds of images of which no pairs are known.

Zhu, Park, Isola, Efros 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks",
arXiv:1703.10593. Two generators G: A → B and F: B → A play against two discriminators; besides, what was translated
there and back must be what it was: λ (‖F(G(a)) − a‖₁ + ‖G(F(b)) − b‖₁) (equations 2 and 3, λ = 10). The adversarial
loss is least squares, and discriminators see the last 50 generated images, not only the latest (section 4); an identity
loss, λ/2 (‖G(b) − b‖₁ + ‖F(a) − a‖₁), keeps colours (section 5.2). Generators are those of Johnson et al. 2016 with
instance norm, discriminators judge overlapping patches of 70 × 70 pixels (section 4 and appendix 7.2).

Differs from the paper:
- narrower: 24 channels at the full size where the paper has 64; six residual blocks, as the paper has for 128 × 128;
- padding by reflection in all of the generator's convolutions that keep the size, as in the authors' code;
- convolutions before a norm have no bias, which an instance norm would take away again; in the authors' PyTorch code
  (junyanz/pytorch-CycleGAN-and-pix2pix) they have, and preset="paper" is its generator `resnet_9blocks`: 64 channels,
  nine blocks, biases, 256 × 256 pixels; norm="batch" without biases is the other norm of that code;
- trained far shorter, with a learning rate that falls to 0 from the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util import matching
from zoo._util.config import check, setting
from zoo.conditions import Images as ImageCondition
from zoo.errors import ConfigError, InvalidInput, UnknownName, nearest
from zoo.models._translator import Translator
from zoo.nn import losses
from zoo.nn.layers import InstanceNorm2d, NarrowConv2d, initialise_convolutions
from zoo.nn.patch_discriminator import PatchDiscriminator, check_side
from zoo.noise import Noise
from zoo.objective import Batch, adam
from zoo.objective import Objective as Base
from zoo.recipe import Recipe
from zoo.spaces import Images

NORMS: dict[str, type[nn.Module]] = {"instance": InstanceNorm2d, "batch": nn.BatchNorm2d}
HISTORY = 50  # generated images that a discriminator may see again (section 4)


@dataclass(frozen=True)
class Config:
    """Sizes."""

    image_shape: tuple[int, int, int] = setting(
        (3, 128, 128), "(channels, height, width) of the images it is trained on, both sides multiples of 4", at_least=1
    )
    domains: tuple[str, str] = setting(("a", "b"), "names of A and B", distinct=True)
    width: int = setting(24, "channels at the full size", at_least=1)
    blocks: int = setting(6, "residual blocks at a quarter of it", at_least=1)
    norm: str = setting("instance", "of the generators: instance or batch", choices=("instance", "batch"))
    bias: bool = setting(False, "of convolutions that a norm follows")
    both_ways: bool = setting(True, "whether there is a generator back, as training needs it")

    def __post_init__(self) -> None:
        check(self, "cyclegan")
        if any(side % 4 for side in self.image_shape[1:]):
            raise ConfigError(
                f"cyclegan: image_shape={self.image_shape!r}; expected (channels, height, width), multiples of 4."
            )
        if matching.alike(self.domains) or len(set(self.domains)) < 2:
            raise ConfigError(f"cyclegan: domains={self.domains!r}; expected names that differ in more than case.")


class Residual(nn.Module):
    """Two convolutions beside the identity: (n, width, h, w) to the same."""

    def __init__(self, width: int, norm: type[nn.Module], bias: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=bias),
            norm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=bias),
            norm(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


def generator(config: Config) -> nn.Sequential:
    """Images (n, channels, h, w) in [−1, 1] to images of the same shape in [−1, 1]; h, w multiples of 4, at least 8."""
    channels, width, bias, norm = config.image_shape[0], config.width, config.bias, NORMS[config.norm]
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 7, padding=3, padding_mode="reflect", bias=bias),
        norm(width),
        nn.ReLU(inplace=True),
    ]
    for before in (width, 2 * width):  # to (n, 4·width, h/4, w/4)
        layers += [
            nn.Conv2d(before, 2 * before, 3, stride=2, padding=1, bias=bias),
            norm(2 * before),
            nn.ReLU(inplace=True),
        ]
    layers += [Residual(4 * width, norm, bias) for _ in range(config.blocks)]
    for before in (4 * width, 2 * width):  # back to (n, width, h, w)
        layers += [
            nn.ConvTranspose2d(before, before // 2, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm(before // 2),
            nn.ReLU(inplace=True),
        ]
    layers += [NarrowConv2d(width, channels, 7, padding=3, padding_mode="reflect"), nn.Tanh()]
    network = nn.Sequential(*layers)
    initialise_convolutions(network)  # appendix 7.1
    return network


class History(nn.Module):
    """The last generated images: half of those that a discriminator sees come from here (Shrivastava et al. 2017)."""

    images: Tensor
    count: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(HISTORY, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self._filled: int | None = None  # `count`, for which the device need not be waited for again

    @torch.no_grad()
    def forward(self, latest: Tensor) -> Tensor:
        """`latest` (n, …), of which each image is with probability ½ kept for later in place of an older one, which is
        returned; until there are fifty, all are kept and returned."""
        shown, filled = latest.detach().clone(), int(self.count) if self._filled is None else self._filled
        for i, image in enumerate(latest.detach()):
            if filled < HISTORY:
                self.images[filled] = image
                filled += 1
            elif torch.rand(()) < 0.5:
                place = torch.randint(HISTORY, ())
                shown[i] = self.images[place]
                self.images[place] = image
        self._filled = filled
        self.count.fill_(filled)
        return shown

    def _load_from_state_dict(self, *state: Any) -> None:
        super()._load_from_state_dict(*state)
        self._filled = None


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    width: int | None = setting(
        None, "channels of the discriminators' first layer; as many as the generators' unless given", at_least=1
    )
    cycle: float = setting(10.0, "λ, the factor of the cycle loss", at_least=0)
    identity: float = setting(
        0.5, "factor of the identity loss, as a share of λ; 0 leaves it out, and a third of the cost", at_least=0
    )
    learning_rate: float = setting(0.0002, "Adam's", at_least=0)
    beta1: float = setting(0.5, "Adam's", at_least=0, below=1)
    beta2: float = setting(0.999, "Adam's", at_least=0, below=1)

    def __post_init__(self) -> None:
        check(self)


class Objective(Base["CycleGAN"]):
    """Both generators' step, then both discriminators', each with Adam."""

    options_class = Options
    options: Options
    outputs = "probability"  # least squares: 1 is real

    def __init__(self, model: CycleGAN, options: Options) -> None:
        super().__init__(model, options)
        if not model.trainable:
            raise ConfigError("cyclegan: both_ways=False; expected True for training, which translates there and back.")
        check_side("cyclegan", model.config.image_shape)
        channels, wide = model.config.image_shape[0], options.width or model.config.width
        self.discriminators = nn.ModuleList(PatchDiscriminator(channels, wide) for _ in range(2))  # of A, of B
        self.histories = nn.ModuleList(History(model.config.image_shape) for _ in range(2))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"generator": self.model.generators, "discriminator": self.discriminators}
        betas = float(self.options.beta1), float(self.options.beta2)
        return adam(networks, dict.fromkeys(networks, self.options.learning_rate), betas)

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.sources is not None
        real_a, real_b = 2 * batch.sources - 1, 2 * batch.images - 1
        to_b, to_a = self.model.generators
        fake_b, same_b = self._translated(to_b, real_a, real_b)
        fake_a, same_a = self._translated(to_a, real_b, real_a)
        # Twice Mao et al.'s, which has a ½ that this paper has not; λ is relative to it.
        of_a, of_b = (2 * losses.least_squares_generator_loss(score) for score in self._scores(fake_a, fake_b))
        loss = of_a + of_b + self.options.cycle * (F.l1_loss(to_a(fake_b), real_a) + F.l1_loss(to_b(fake_a), real_b))
        if same_a is not None and same_b is not None:
            kept = F.l1_loss(same_b, real_b) + F.l1_loss(same_a, real_a)
            loss = loss + self.options.identity * self.options.cycle * kept
        yield "generator", loss
        yield "discriminator", self._discriminator_loss(real_a, real_b, fake_a, fake_b)

    def _translated(self, generator: nn.Module, images: Tensor, kept: Tensor) -> tuple[Tensor, Tensor | None]:
        """What `generator` makes of `images` and, for the identity loss, of those that it should keep: at once, which
        norms of single images allow and a CPU rewards."""
        if not self.options.identity:
            return generator(images), None
        if self.model.config.norm == "batch":
            return generator(images), generator(kept)
        made, same = generator(torch.cat([images, kept])).split(len(images))
        return made, same

    def _discriminator_loss(self, real_a: Tensor, real_b: Tensor, fake_a: Tensor, fake_b: Tensor) -> Tensor:
        """The discriminators' losses; half of equation 1's, which slows them down (appendix 7.1): Mao et al.'s ½."""
        shown_a, shown_b = (history(fake) for history, fake in zip(self.histories, (fake_a, fake_b), strict=True))
        on_real, on_fake = self._scores(real_a, real_b), self._scores(shown_a, shown_b)
        self.observe(real=torch.stack(on_real), fake=torch.stack(on_fake))
        both = zip(on_real, on_fake, strict=True)
        return torch.stack([losses.least_squares_discriminator_loss(real, fake) for real, fake in both]).sum()

    def _scores(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """Scores (n, 1, h', w') of images of A and of B by their own discriminators."""
        return [discriminator(images) for discriminator, images in zip(self.discriminators, (a, b), strict=True)]


class CycleGAN(Translator):
    """Translate from either domain into the other."""

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"image_shape": (3, 256, 256), "width": 64, "blocks": 9, "bias": True}
    }
    objective_class = Objective
    recipe = Recipe(
        dataset="unpaired-folders",
        batch_size=1,
        steps=20_000,
        precision="bf16-mixed",
        channels_last=True,
        schedule="linear",
    )
    multiple = 4
    smallest = 8  # of which two pixels are left to reflect at
    overlap = 32

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = Images(config.image_shape)
        self.condition = ImageCondition(config.image_shape[0])
        self.domains = config.domains if config.both_ways else ()
        self.trainable = config.both_ways
        self.normed = config.norm == "instance"
        self.generators = nn.ModuleList(generator(config) for _ in range(1 + config.both_ways))  # to B, to A

    def _translate(
        self, images: Tensor, noise: Noise, temperature: float, *, tile: int | None = None, to: str | None = None
    ) -> Tensor:
        """to: the domain to translate into, by its name; the second unless given. tile: as of every translator."""
        known = self.config.domains
        try:
            back = to is not None and matching.find(to if isinstance(to, str) else "", known, "") == 0
        except UnknownName as error:
            raise InvalidInput(f"to={to!r} is no domain of this model. {nearest(str(to), known)}") from error
        if back and not self.config.both_ways:
            raise InvalidInput(f"to={to!r}, but this model translates one way only, to {known[1]!r}. Leave to out.")
        return self._tiled(lambda part: self._tile(part, back=back), images, tile)

    def _translate_tile(self, images: Tensor, *, back: bool = False) -> Tensor:
        made: Tensor = self.generators[back]((2 * images - 1).contiguous(memory_format=torch.channels_last))
        return (made + 1) / 2

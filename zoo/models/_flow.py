"""`Flow`: the base of every normalizing flow, its exact density, its dequantisation and maximum likelihood.

A flow is a `Bijection` from data x to latents z of the same dimension under a prior p_Z; the change of variables gives
ln p(x) = ln p_Z(z) + ln |det ∂z/∂x| (Dinh et al. 2014, eq. 1). Images go through a logit first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo._util.config import check, setting
from zoo.errors import ConfigError
from zoo.model import Model
from zoo.model.hooks import ConfigT
from zoo.nn.bijections import Bijection, Logit, zeroed
from zoo.nn.losses import gaussian_log_density
from zoo.nn.standardising import Standardise, with_standard
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.objective import Objective as BaseObjective
from zoo.spaces import of_shape

DEQUANTISATIONS = ("uniform", "variational")


class Dequantiser(nn.Module):
    """Variational dequantisation: noise u in (0, 1) for each 8-bit pixel, drawn from a learned q(u | image).

    Ho et al. 2019, arXiv:1902.00275, section 3.1: ln P(k) ≥ E_q [ln p(k + u) − ln q(u | k)], which uniform noise, the
    special case q = 1, wastes on giving p a box to fit: a Gaussian spends 0.25 bits on every pixel whose value it
    knows. Here u = sigmoid(μ + σ·ε), ε ~ N(0, I), where a small network reads μ and σ off the image.
    """

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.last = zeroed(nn.Conv2d(width, 2 * channels, 3, padding=1))

    def forward(self, levels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """u like `levels`, the whole numbers 0 … 255 (n, channels, height, width), and ln q(u | levels) (n,)."""
        h = F.relu(self.first(levels / 255))
        m, s = self.last(F.relu(self.middle(h))).to(levels.dtype).chunk(2, dim=1)
        # μ in (−2, 2) and σ in (e⁻², e): narrower noise would fall between float32's numbers, and the density of what
        # is left of it could grow without end.
        mean, log_sigma = 2 * torch.tanh(m / 2), 1.5 * torch.tanh(s / 1.5) - 0.5
        a = mean + torch.exp(log_sigma) * noise
        zero = torch.zeros_like(noise)
        slope = log_sigma + F.logsigmoid(a) + F.logsigmoid(-a)  # ln du/dε
        return torch.sigmoid(a), gaussian_log_density(noise, zero, zero) - slope.flatten(1).sum(1)


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(0.001, "Adam's", at_least=0)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["Flow"]):
    """Maximum likelihood with Adam: the mean bits per dimension of dequantised 8-bit images, dequantised and counted as
    `Model.bits_per_dim` does, or the mean negative log-likelihood of vectors in nats."""

    options_class: ClassVar[type] = Options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"flow": torch.optim.Adam(self.model.parameters(), lr=self.options.learning_rate)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        x = batch.images
        if self.model.pixels is None:
            yield "flow", -self.model.log_density(x).mean()
            return
        noise = Noise(int(torch.randint(2**62, ())), count=len(x), device=x.device, dtype=x.dtype)
        y, spent = self.model._dequantise((x * 255).round(), noise)
        nats = spent - self.model.log_density(y)
        yield "flow", nats.mean() / (self.model.space.dimensions * math.log(2))


class Flow(Model[ConfigT]):
    """Generate, encode, decode and exact log_prob; latents (n, dimensions) are distributed as the prior.

    Subclasses set `bijection`, from the data, or their logits, to (n, dimensions). The config has `image_shape`:
    (channels, height, width), or (features,) for vectors of any real numbers.

    The flow is one of dequantised images y, in which a level k has the cell [k/256, (k+1)/256]. Images, in which it is
    k/255, are encoded, decoded and judged as the middle of that cell, y = (255·x + ½)/256: at its edge black would be
    as unlikely as it is common. The density of images integrates to 1 over `support` in each pixel, a little wider
    than [0, 1]; decoded pixels that fall outside of [0, 1] are clamped to it.
    """

    objective_class = Objective
    version = 1
    log_prob_kind = "exact"
    _density_hook = "_log_density"
    compiled: ClassVar[tuple[str, ...]] = ("flow", "inverse")

    bijection: Bijection
    pixels: Bijection | None  # from the range of pixels to the real line; None for vectors,
    standard: Any  # whose columns are standardised instead, by a `Standardise`

    def __init__(self, config: Any, dequantisation: str = "uniform") -> None:
        """dequantisation: of images, "uniform" or "variational"."""
        super().__init__(config)
        self.space = of_shape(config.image_shape)
        self.latent_shape = (self.space.dimensions,)
        self.pixels = Logit() if len(self.space.shape) == 3 else None
        self.standard = Standardise(self.space.dimensions) if self.pixels is None else None
        self.dequantisation = dequantisation
        if self.dequantisation not in DEQUANTISATIONS:
            raise ConfigError(f"dequantisation={self.dequantisation!r}; expected one of {', '.join(DEQUANTISATIONS)}.")
        learned = self.pixels is not None and self.dequantisation == "variational"
        self.dequantiser = Dequantiser(self.space.shape[0]) if learned else None
        self.register_load_state_dict_post_hook(_channels_last)  # type: ignore[no-untyped-call]

    @classmethod
    def migrate(
        cls, config: dict[str, Any], state: dict[str, Tensor], format: int, version: int
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        return super().migrate(config, with_standard(cls.version, config, state, version), format, version)

    @property
    def support(self) -> tuple[float, float]:
        """Where the density that `log_prob` gives lives, in each dimension."""
        if self.pixels is None:
            return -math.inf, math.inf
        low, high = self.pixels.support
        return (256 * low - 0.5) / 255, (256 * high - 0.5) / 255

    def flow(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (n, dimensions) and log |det J| (n,) of dequantised images y, or of vectors."""
        if self.pixels is None:
            y, squashed = (part.to(self.device, self.dtype) for part in self.standard(x))
        else:
            y, squashed = self.pixels(x)
        z, log_det = self.bijection(y)
        return z, squashed + log_det

    def inverse(self, z: Tensor) -> Tensor:
        """The dequantised images y, or vectors, of which `z` are the latents."""
        x = self.bijection.inverse(z)
        return self.standard.inverse(x) if self.pixels is None else self.pixels.inverse(x).contiguous()

    def log_density(self, x: Tensor) -> Tensor:
        """ln p(x) in nats (n,) of dequantised images or of vectors: the change of variables."""
        z, log_det = self.flow(x)
        return self.log_prior(z) + log_det

    def log_prior(self, z: Tensor) -> Tensor:
        """ln p_Z(z) in nats (n,): standard normal unless a flow says otherwise."""
        return gaussian_log_density(z, torch.zeros_like(z), torch.zeros_like(z))

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.flow(images if self.pixels is None else _centred(images))[0]

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        x = self.inverse(z)
        return x if self.pixels is None else ((256 * x - 0.5) / 255).clamp(0, 1)

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        if self.pixels is None:
            return self.log_density(images)
        return self.log_density(_centred(images)) + self.space.dimensions * math.log(255 / 256)

    def _log_density(self, y: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.log_density(y)

    def _dequantise(self, levels: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        if self.dequantiser is None:
            return super()._dequantise(levels, noise)
        u, log_density = self.dequantiser(levels, noise.normal(*self.space.shape))
        return (levels + u) / 256, log_density + self.space.dimensions * math.log(256)


def _centred(images: Tensor) -> Tensor:
    """Images as dequantised ones: a level k, which is k/255 in an image, is in the middle of its cell."""
    return (255 * images + 0.5) / 256


def _channels_last(flow: Flow, _: Any) -> None:
    """Loaded weights in the layout that `Squeeze` gives its images, else every convolution rearranges its own."""
    flow.to(memory_format=torch.channels_last)


MOST = 2**22  # numbers in a sample, whose order or masks some flows list


def check_flow_config(name: str, config: Any, *, vectors: bool = False) -> None:
    """Raise ConfigError for a field out of the range that is declared with it, and unless `image_shape` is (channels,
    height, width), or, with `vectors`, (features,) of at least two."""
    check(config, name)
    shape = config.image_shape
    fits = len(shape) == 3 or (vectors and len(shape) == 1)
    if fits and math.prod(shape) > MOST:
        raise ConfigError(f"{name}: image_shape={shape!r}; expected at most {MOST:,} numbers in a sample.")
    if not fits or min(shape) < 1 or (vectors and math.prod(shape) < 2):
        or_vectors = ", or (features,) of at least 2, for example (2,)" if vectors else ""
        raise ConfigError(
            f"{name}: image_shape={shape!r}; expected (channels, height, width), for example (1, 28, 28){or_vectors}."
        )

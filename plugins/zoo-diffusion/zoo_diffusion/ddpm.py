"""DDPM: denoising diffusion probabilistic model.

Ho, Jain, Abbeel 2020, "Denoising diffusion probabilistic models", arXiv:2006.11239. Noise is added to an image in T
steps, q(x_t | x_0) = N(√ᾱ_t x_0, (1 − ᾱ_t) I) (equation 4), and a U-Net ε_θ(x_t, t) learns to predict it, by
L_simple = E ‖ε − ε_θ(√ᾱ_t x_0 + √(1 − ᾱ_t) ε, t)‖² (equation 14). Going back step by step makes images of noise.

Sampling is that of Song, Meng, Ermon 2020, "Denoising diffusion implicit models", arXiv:2010.02502, equation 12: few
steps, and with η = 0 no noise but the first, so that an image and its latent x_T determine one another. `decode` goes
down that path and `encode` up, each step solved for its start, so that `decode(encode(x))` is x, with the same number
of steps and from some ten on: larger ones cannot always be undone. With `steps=1000, eta=1` it is the paper's ancestral
sampling.

`log_prob` is the variational bound of equation 5, with the discrete decoder of section 3.3 as its last term: the
probability of an image's 8-bit levels k, spread evenly over their cells [k/256, (k + 1)/256), so that `bits_per_dim`
is the paper's.

Differs from the paper:
- the U-Net is small: residual blocks are one a level on the way down, two on the way up and one in the middle, where
  the paper has two, three and two; no dropout;
- the variance of each step back is that of q(x_{t−1} | x_t, x_0), which the paper (section 3.2) found as good as β_t,
  and β_1 for the last step;
- steps are spaced quadratically, as DDIM's are for CIFAR-10, and x_0 is not clipped on the way, which could not be
  undone.

network="published" has the network of the authors' code instead: residual blocks two a level on the way down, by
`blocks`, and three on the way up, two in the middle; self-attention at one level alone; images padded on one side where
they are halved; times from 0 on. preset="paper" is that at the size for CIFAR-10, as in google/ddpm-cifar10-32; its
dropout is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.plugin import Batch, Model, Noise, Recipe, check, errors, inputs, scan, setting, spaces
from zoo.plugin import Objective as BaseObjective
from zoo_diffusion.unet import Kind, UNet, migrated

# A step of `encode` is corrected until no pixel moves by more than CLOSE, but no more often than this.
CLOSE, CORRECTIONS = 1e-4, 32
NEAREST = 29  # terms of the bound nearest to the image, t = 2 … 30, which are large and far from alike


@dataclass(frozen=True)
class Config:
    """Sizes and the linear schedule of the variances β_1 … β_T."""

    image_size: int = setting(28, "side of an image", at_least=1)
    channels: int = setting(1, "of an image", at_least=1)
    width: int = setting(32, "channels at full size, a multiple of `groups`", at_least=1)
    multipliers: tuple[int, ...] = setting(
        (1, 2, 2),
        "of width, one for each level, of which each is half the size of the one before",
        at_least=1,
        entries=1,
    )
    attention: int = setting(
        2,
        "the level from which on every residual block is followed by self-attention; in the published network the "
        "only one",
        at_least=0,
    )
    blocks: int = setting(1, "residual blocks of a level on the way down; on the way up one more", at_least=1)
    groups: int = setting(8, "of every group normalisation", at_least=1)
    network: str = setting("small", "small, or published, as in the authors' code", choices=("small", "published"))
    timesteps: int = setting(1000, "T", at_least=1, at_most=10**6)
    first_beta: float = setting(1e-4, "β_1", above=0, below=1)
    last_beta: float = setting(0.02, "β_T", above=0, below=1)

    def __post_init__(self) -> None:
        check(self, "ddpm")
        halvings = 2 ** (len(self.multipliers) - 1)
        if self.image_size % halvings:
            raise errors.ConfigError(f"ddpm: image_size={self.image_size!r}; expected a multiple of {halvings}.")
        if self.width % self.groups:
            raise errors.ConfigError(f"ddpm: width={self.width}; expected a multiple of {self.groups}.")
        if self.width % 2:
            raise errors.ConfigError(f"ddpm: width={self.width}; expected an even number, of sines and of cosines.")
        if self.network == "published" and self.width < 4:
            raise errors.ConfigError(f"ddpm: width={self.width}; expected at least 4, of the published network.")
        smallest = (self.image_size // halvings) ** 2 * self.width * min(self.multipliers) // self.groups
        if smallest < 2:
            raise errors.ConfigError(
                "ddpm: a group of channels has one value at the smallest size. Choose a larger width."
            )
        if self.first_beta > self.last_beta:
            raise errors.ConfigError(
                f"ddpm: betas {self.first_beta!r} … {self.last_beta!r}; expected 0 < first ≤ last < 1."
            )


@dataclass(frozen=True)
class Options:
    """How it is trained."""

    learning_rate: float = setting(0.001, "Adam's", at_least=0)

    def __post_init__(self) -> None:
        check(self)


class Objective(BaseObjective["DDPM"]):
    """L_simple, equation 14: the mean squared error of the predicted noise, at timesteps drawn evenly from 1 … T."""

    options_class = Options
    options: Options

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"network": torch.optim.Adam(self.model.parameters(), lr=self.options.learning_rate)}

    def updates(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        n, device = len(batch.images), batch.images.device
        t = torch.randint(1, self.model.config.timesteps + 1, (n,), device=device)
        epsilon = torch.randn_like(batch.images)
        predicted = self.model.network(self.model.noisy(2 * batch.images - 1, epsilon, t), t)
        yield "network", F.mse_loss(predicted.float(), epsilon)


class DDPM(Model[Config]):
    """Generate in few steps or many, encode to the noise an image comes from, decode it, and bound ln p(x) from below.

    Latents are x_T, of the image's own shape and standard normal.
    """

    config_class = Config
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "image_size": 32,
            "channels": 3,
            "width": 128,
            "multipliers": (1, 2, 2, 2),
            "attention": 1,
            "blocks": 2,
            "groups": 32,
            "network": "published",
        }
    }
    objective_class = Objective
    recipe = Recipe(
        batch_size=64, steps=13_000, precision="bf16-mixed", ema=0.999, clip=1.0, warmup=200,
        schedule="cosine",
    )  # fmt: skip
    log_prob_kind = "lower-bound"
    encodes_by = "inversion"
    compiled = ("network",)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space = spaces.Images((config.channels, config.image_size, config.image_size))
        self.latent_shape = self.space.shape
        kind = Kind(config.groups, config.network == "published")
        self.network = UNet(config.channels, config.width, config.multipliers, config.attention, config.blocks, kind)
        # ᾱ_0 = 1, ᾱ_1 … ᾱ_T. Neither parameter nor buffer: float16 would spoil it, and config says it all.
        betas = torch.linspace(config.first_beta, config.last_beta, config.timesteps, dtype=torch.float64, device="cpu")
        self.alpha_bar = [1.0, *(1 - betas).cumprod(0).tolist()]

    @classmethod
    def migrate(
        cls, config: dict[str, Any], state: dict[str, Tensor], format: int, version: int
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Format 0 has other names of the U-Net's layers."""
        return config, {migrated(key): tensor for key, tensor in state.items()} if format < 1 else state

    def noisy(self, x: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """x_t of x_0 = `x` in [−1, 1], by equation 4."""
        alpha_bar = torch.tensor(self.alpha_bar, dtype=torch.float64, device="cpu")
        image, noise = torch.stack((alpha_bar.sqrt(), (1 - alpha_bar).sqrt())).to(x)[:, t].view(2, -1, 1, 1, 1)
        noised: Tensor = image * x + noise * epsilon
        return noised

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, steps: int = 50, eta: float = 0.0
    ) -> Tensor:
        if (eta := inputs.scalar("eta", eta, 0, "0 or 1")) > 1:
            raise errors.InvalidInput(f"eta={eta}; expected at most 1, the noise of the DDPM paper's own sampling.")
        x = temperature * noise.normal(*self.latent_shape)
        if not eta:
            return self._decode(x, condition, steps=steps)
        drawn = (temperature * noise.normal(*self.latent_shape) for _ in self._ladder(steps))
        return self._pixels(scan(self._down, x, *self._schedule(steps, eta), drawn)[0])

    def _decode(self, z: Tensor, condition: Tensor | None, *, steps: int = 50) -> Tensor:
        return self._pixels(scan(self._down, z, *self._schedule(steps)[:3])[0])

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise, *, steps: int = 50) -> Tensor:
        x = 2 * images - 1
        for s, t in reversed(self._ladder(steps)):
            # The x_t whose step down ends in x: x = a·x_t + b·ε_θ(x_t, t), solved by fixed-point iteration.
            a, b = self._factors(s, t)
            above, moves = x / a, torch.ones_like(x[:, :1, :1, :1], dtype=torch.bool)
            for _ in range(CORRECTIONS):
                corrected = (x - b * self._eps(above, t)) / a
                # An image that has come to rest stays as it is, whatever others in its batch still do.
                moved = (corrected - above).abs().amax((1, 2, 3), keepdim=True) > CLOSE
                above = torch.where(moves, corrected, above)
                moves = moves & moved
                if not moves.any():
                    break
            x = above
        return x

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise, *, samples: int = 100) -> Tensor:
        """Terms 2 … T of the bound are estimated from `samples` of them: each of the nearest to the image, which may be
        half of `samples`, and of the others one from each of so many even strata; T − 1 are all of them."""
        last = self.config.timesteps
        samples = min(inputs.integer("samples", samples, 1), last - 1)
        levels = (images * 256).floor().clamp_max(255)
        x = 2 * levels / 255 - 1
        bound = self._decoder(x, levels, noise) - self._prior(x)
        near = min(NEAREST, samples // 2)
        for t in range(2, 2 + near):
            bound = bound - self._divergence(x, torch.full((len(x),), t, device=x.device), noise)
        rest, strata = last - 1 - near, samples - near
        for i in range(strata):
            # In float32 a sum of i and almost 1 may be i + 1, and so lead past the last.
            drawn = (2 + near + ((i + noise.uniform()) * rest / strata).long()).clamp_max(last)
            bound = bound - rest / strata * self._divergence(x, drawn, noise)
        return bound + self.space.dimensions * math.log(256)

    def _ladder(self, steps: int) -> list[tuple[int, int]]:
        """The timesteps passed, from T down to 0, as pairs (to, from)."""
        last, steps = self.config.timesteps, inputs.integer("steps", steps, 1)
        steps = min(steps, last)
        rungs = [max(i, round((i / steps) ** 2 * last)) for i in range(steps + 1)]
        return list(zip(rungs[-2::-1], rungs[:0:-1], strict=True))

    def _eps(self, x: Tensor, t: int) -> Tensor:
        """ε_θ(x_t, t): the noise that the network predicts in x_t."""
        eps: Tensor = self.network(x, t + torch.zeros(x.shape[0], dtype=torch.int64, device=x.device))
        return eps

    def _down(
        self, x: Tensor, t: int, a: float, b: float, sigma: float = 0.0, epsilon: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """From x_t to the x below it, with σ·ε in it. Of a graph t, a, b and σ are tensors."""
        x = a * x + b * self._eps(x, t)
        return x if epsilon is None else x + sigma * epsilon, None

    def _schedule(self, steps: int, eta: float = 0.0) -> tuple[list[int], list[float], list[float], list[float]]:
        """Of each step down t, a, b and σ; by equation 16 of DDIM σ² is for η = 1 the variance of q(x_s | x_t, x_0)."""
        ladder, bars = self._ladder(steps), self.alpha_bar
        sigmas = [eta * math.sqrt((1 - bars[s]) / (1 - bars[t]) * (1 - bars[t] / bars[s])) for s, t in ladder]
        rows = [self._factors(*rung, sigma) for rung, sigma in zip(ladder, sigmas, strict=True)]
        return [t for _, t in ladder], [a for a, _ in rows], [b for _, b in rows], sigmas

    def _factors(self, s: int, t: int, sigma: float = 0.0) -> tuple[float, float]:
        """Those of DDIM, equation 12: x_s = a·x_t + b·ε_θ(x_t, t), but for the noise σ·ε."""
        a_s, a_t = self.alpha_bar[s], self.alpha_bar[t]
        a = math.sqrt(a_s / a_t)
        return a, math.sqrt(max(1 - a_s - sigma**2, 0.0)) - a * math.sqrt(1 - a_t)

    def _prior(self, x: Tensor) -> Tensor:
        """L_T = KL(q(x_T | x_0) ‖ N(0, I)) in nats (n,)."""
        a = self.alpha_bar[-1]
        divergence: Tensor = 0.5 * (a * x.square() - a - math.log1p(-a)).flatten(1).sum(1)
        return divergence

    def _divergence(self, x: Tensor, t: Tensor, noise: Noise) -> Tensor:
        """One draw of L_{t−1} = KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t)) in nats (n,), for `t` (n,) of at least 2.

        Equation 12, β_t² / (2 σ_t² α_t (1 − ᾱ_t)) · ‖ε − ε_θ‖², with σ_t² = β_t (1 − ᾱ_{t−1}) / (1 − ᾱ_t).
        """
        epsilon = noise.normal(*self.space.shape)
        eps = self.network(self.noisy(x, epsilon, t), t)
        # Of all t from 2 on, in float64, which not every device has: 1 − ᾱ_t / ᾱ_{t−1} is a small difference.
        alpha_bar = torch.tensor(self.alpha_bar[1:], dtype=torch.float64, device="cpu")
        alpha, a_before = alpha_bar[1:] / alpha_bar[:-1], alpha_bar[:-1]
        weights = ((1 - alpha) / (2 * alpha * (1 - a_before))).to(x)
        divergence: Tensor = weights[t - 2] * (epsilon - eps).square().flatten(1).sum(1)
        return divergence

    def _decoder(self, x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
        """One draw of −L_0 = ln p(x_0 | x_1) of the 8-bit `levels` in nats (n,): equation 13."""
        first = torch.ones(x.shape[0], dtype=torch.long, device=x.device)
        noised = self.noisy(x, noise.normal(*self.space.shape), first)
        a = self.alpha_bar[1]
        mean = (noised - math.sqrt(1 - a) * self._eps(noised, 1)) / math.sqrt(a)
        sigma = math.sqrt(1 - a)
        return discretised(x - mean, levels, sigma).flatten(1).sum(1)

    def _pixels(self, x: Tensor) -> Tensor:
        return (x / 2 + 0.5).clamp(0, 1)


def discretised(distance: Tensor, levels: Tensor, sigma: float) -> Tensor:
    """ln of the mass that N(0, σ²) has in ±1/255 around `distance`; below, or above, without limit where the level is
    0, or 255. Equation 13, for pixels in [−1, 1]."""
    half = 1 / 255
    # Of a difference of two tails the left one, where float32 can tell numbers close to 0 apart.
    near = -distance.abs()
    mass = _below((near + half) / sigma) - _below((near - half) / sigma)
    mass = torch.where(levels == 0, _below((distance + half) / sigma), mass)
    mass = torch.where(levels == 255, _below((half - distance) / sigma), mass)
    return mass.clamp_min(1e-12).log()


def _below(x: Tensor) -> Tensor:
    """The mass of N(0, 1) below `x`, to full precision where it is small, as torch.special.ndtr is not."""
    return 0.5 * torch.erfc(-x / math.sqrt(2))

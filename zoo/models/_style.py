"""What models with styles share: latents w+ and their truncation, and training with mixed styles and a lazy penalty.

Karras, Laine, Aila 2019, arXiv:1812.04948 (style mixing, section 3.1; truncation, appendix B), and Karras, Laine,
Aittala, Hellsten, Lehtinen, Aila 2020, arXiv:1912.04958 (lazy regularisation, section 3.1 and appendix B).
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from zoo._util import inputs
from zoo.errors import InvalidInput
from zoo.model.hooks import ConfigT
from zoo.models._gan import GAN, AdversarialObjective, AdversarialOptions
from zoo.nn.layers import bounded
from zoo.nn.styles import StyledGenerator
from zoo.noise import Noise
from zoo.objective import Batch
from zoo.spaces import Images

SPACES = ("z", "w", "w+")
TRACKING = 0.998  # decay of the mean of w over batches; the authors' code has 0.995

StyledT = TypeVar("StyledT", bound="StyledGAN[Any]")


class StyleOptions(Protocol):
    """What the objective must be told."""

    @property
    def mixing(self) -> float:
        """Share of the generated images with the styles of two latents."""

    @property
    def r1_every(self) -> int:
        """Steps from one penalty on the discriminator to the next, which then counts as many times."""

    @property
    def adversarial(self) -> AdversarialOptions:
        """The rest."""


class StyledGAN(GAN[ConfigT]):
    """Generate by mapping, then synthesis; decode styles; encode by finding the styles of an image.

    Latents are styles w+ (layers, dim): what `encode` finds, `decode` takes, and every tool of latent space moves in.
    `styles` makes them from z, or from one w for all layers. What `generate` draws has noise inputs, what `decode`
    makes of the same styles has none unless it is given a seed of them.
    """

    truncated = 0.7
    spherical = False  # styles lie around their mean, not around 0

    generator: StyledGenerator
    mean_w: Tensor

    def __init__(self, config: ConfigT, generator: StyledGenerator, *, channels: int, dim: int) -> None:
        super().__init__(config)
        sizes = generator.noise_sizes
        self.style_layers = len(sizes) + 1
        self.space = Images((channels, sizes[-1], sizes[-1]))
        self.latent_shape = (self.style_layers, dim)
        self.generator = generator
        self.register_buffer("mean_w", torch.zeros(dim))

    def styles(self, latents: Tensor, *, space: str = "z", truncation: float = 1.0) -> Tensor:
        """Styles w+ (n, layers, dim) of latents: z or w (n, dim), or w+ (n, layers, dim), as `space` says.

        truncation: ψ, the share that remains of the distance from the mean of w (Karras et al. 2019, appendix B): 0
        gives the mean face, 1 changes nothing. Raises InvalidInput for another space, a bad batch or another ψ.
        """
        if space not in SPACES:
            raise InvalidInput(f"space={space!r}; expected one of {', '.join(SPACES)}.")
        psi = inputs.share("truncation", truncation)
        shape = self.latent_shape if space == "w+" else self.latent_shape[1:]
        given = inputs.batch("latents", latents, shape, f"(n, {'layers, ' * (space == 'w+')}dim)")
        given = given.to(self.device, self.dtype)
        with torch.inference_mode(), self.evaluating() as model:
            styles = model._styles(model.generator.mapping(given) if space == "z" else given, psi)
        return self.check_result(styles.clone(), given="these latents")

    def decode(
        self,
        latents: Tensor,
        *,
        condition: Any = None,
        batch_size: int | None = None,
        space: str = "w+",
        **options: Any,
    ) -> Tensor:
        """Images (n, channels, height, width) in [0, 1] of `latents`: styles w+ (n, layers, dim), or z or w (n, dim),
        as `space` says. noise: a seed of the noise inputs, the same for all images; without one there is none.
        Raises InvalidInput for a bad batch or another space."""
        styles = latents if space == "w+" else self.styles(latents, space=space)
        return super().decode(styles, condition=condition, batch_size=batch_size, **options)

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Take w (n, dim), drawn in training, into the mean."""
        self.mean_w.lerp_(w.to(self.mean_w).mean(0), 1 - TRACKING)

    def _generate(
        self, noise: Noise, condition: Tensor | None, temperature: float, *, truncation: float | None = None
    ) -> Tensor:
        """truncation: ψ in [0, 1], as in `styles`; it multiplies with the temperature, which is the same thing. Both
        are of the noise inputs too, so that 0 gives the mean face for every seed."""
        styles = self._latents(noise, temperature, truncation=truncation)
        return self._images_of(styles, noise, temperature * inputs.share("truncation", truncation))

    def _latents(self, noise: Noise, temperature: float, *, truncation: float | None = None) -> Tensor:
        return self._styles(self._draw(noise), temperature * inputs.share("truncation", truncation))

    @torch.no_grad()
    def _draw(self, noise: Noise) -> Tensor:
        z = noise.normal(self.latent_shape[-1]).to(self.device, self.dtype)
        return self._styles(self.generator.mapping(z), 1.0)

    def _starts(self, noise: Noise, count: int) -> Tensor:
        # Halfway to the mean, from where every face is near.
        w = self.generator.mapping(noise.normal(count, self.latent_shape[-1]).flatten(0, 1))
        return self._styles(w, 0.5).view(len(noise), count, *self.latent_shape)

    def _improbability(self, z: Tensor) -> Tensor:
        apart: Tensor = (z - self.mean_w.to(z)).square().flatten(1).mean(1)
        return apart

    def _styles(self, w: Tensor, psi: float) -> Tensor:
        """w (n, dim) or w+ (n, layers, dim), pulled to the mean, as w+."""
        pulled = torch.lerp(self.mean_w.to(w), w, psi)
        return pulled if w.ndim == 3 else pulled[:, None].repeat(1, self.style_layers, 1)

    def _decode(self, z: Tensor, condition: Tensor | None, *, noise: int | None = None) -> Tensor:
        if noise is None:
            return self._images_of(z, None)
        seed = inputs.integer("noise", noise, 0)
        return self._images_of(z, self.noise_class(seed, stream="noise", device=z.device, dtype=z.dtype))

    def _images_of(self, styles: Tensor, noise: Noise | None, share: float = 1.0) -> Tensor:
        sizes = self.generator.noise_sizes
        maps = None if noise is None else [share * noise.normal(1, size, size) for size in sizes]
        # Nothing bounds a sum of colours; what is a little beyond black or white is black or white.
        return bounded((self.generator(styles, maps) + 1) / 2)


class StyleObjective(AdversarialObjective[StyledT]):
    """One discriminator step, in which every `r1_every`-th has the penalty R1, then one generator step."""

    options: StyleOptions

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        both = super().optimizers()
        if self.adversarial.r1:
            slow_down(both["discriminator"], self.options.r1_every)
        return both

    def fake(self, batch: Batch) -> Tensor:
        images: Tensor = self.model.generator(styles := self.styles(batch), self.noise(styles))
        return images

    def styles(self, batch: Batch) -> Tensor:
        """As many w+ (n, layers, dim) as the batch has images, some of them with the styles of two latents, the second
        from a layer on that is drawn by chance."""
        mapping, n = self.model.generator.mapping, len(batch.images)
        first, second = mapping(self.latents(batch)), mapping(self.latents(batch))
        self.model.track(first.detach())
        layers = torch.arange(self.model.style_layers, device=first.device)
        cut = torch.randint(1, self.model.style_layers, (n, 1), device=first.device)
        mixed = torch.rand(n, 1, device=first.device) < self.options.mixing
        second_there = mixed & (layers >= cut)
        return torch.where(second_there[:, :, None], second[:, None], first[:, None])

    def noise(self, styles: Tensor) -> list[Tensor]:
        """The noise inputs of as many images."""
        sizes = self.model.generator.noise_sizes
        return [torch.randn(len(styles), 1, size, size, device=styles.device) for size in sizes]

    def latents(self, batch: Batch) -> Tensor:
        return torch.randn(len(batch.images), self.model.latent_shape[-1], device=batch.images.device)

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor | float:
        if self.step % self.options.r1_every:
            return 0.0
        return self.options.r1_every * super().penalty(real, fake, labels)


def slow_down(optimizer: torch.optim.Optimizer, every: int) -> None:
    """Have Adam make up for a lazy penalty, which comes every so many steps (Karras et al. 2020, appendix B)."""
    if every > 1:
        kept = every / (every + 1)
        for group in optimizer.param_groups:
            group["lr"] *= kept
            group["betas"] = tuple(beta**kept for beta in group["betas"])

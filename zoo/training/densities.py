"""A density over the latents of a model, fitted to those of many samples: a Gaussian, a mixture of them, or a flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from zoo import building, registry
from zoo._util import inputs
from zoo.data.dataset import TensorDataset
from zoo.errors import InvalidInput
from zoo.model import Model
from zoo.nn.losses import at_least_float32
from zoo.nn.mixture import GaussianMixture
from zoo.noise import Noise
from zoo.recipe import Recipe

KINDS = ("gaussian", "gmm", "flow")
BATCH = 256  # latents in a step of the flow's training


class Fitted(Protocol):
    """What a `LatentDensity` is one of: latents as vectors (n, dim)."""

    def sample(self, n: int, seed: int, first: int, temperature: float) -> Tensor: ...

    def log_prob(self, z: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class OfMixture:
    """One of `GaussianMixture`."""

    mixture: GaussianMixture

    def sample(self, n: int, seed: int, first: int, temperature: float) -> Tensor:
        """Vectors first … first + n − 1 of a seed, (n, dim)."""
        weights = self.mixture.weights
        noise = Noise(seed, first, n, device=weights.device, dtype=weights.dtype)
        return self.mixture.draw(noise, temperature)

    def log_prob(self, z: Tensor) -> Tensor:
        """In nats, (n,)."""
        return self.mixture.log_prob(z.to(self.mixture.means))


@dataclass(frozen=True)
class OfFlow:
    """One of a model of vectors."""

    flow: Model

    def sample(self, n: int, seed: int, first: int, temperature: float) -> Tensor:
        """Vectors first … first + n − 1 of a seed, (n, dim)."""
        return self.flow.generate(n, seed=seed, first=first, temperature=temperature)

    def log_prob(self, z: Tensor) -> Tensor:
        """In nats, (n,)."""
        return self.flow.log_prob(z.to(self.flow.dtype))


@dataclass(frozen=True)
class LatentDensity:
    """A density of latents of a model, as `fit` makes it: draws, and how likely a latent is."""

    fitted: Fitted
    latent_shape: tuple[int, ...]

    def sample(self, n: int = 1, *, seed: int = 0, first: int = 0, temperature: float = 1.0) -> Tensor:
        """Latents first … first + n − 1 of a seed, (n, *latent_shape), for `Model.decode`; temperature: factor on the
        deviations around the mixture's means, or of the flow's noise. Raises InvalidInput for an argument out of
        range."""
        n, first = inputs.integer("n", n, 1), inputs.integer("first", first, 0)
        spread = inputs.scalar("temperature", temperature, 0, "0.7")
        return self.fitted.sample(n, inputs.seed(seed), first, spread).view(n, *self.latent_shape)

    def log_prob(self, latents: Tensor) -> Tensor:
        """ln of the density in nats, (n,), of latents (n, *latent_shape). Raises InvalidInput for a bad batch."""
        z = inputs.batch("latents", latents, self.latent_shape, "(n, *latent_shape)")
        return self.fitted.log_prob(z.flatten(1))


def fit(
    model: Model,
    x: Tensor,
    kind: str = "gmm",
    *,
    components: int | None = None,
    steps: int | None = None,
    condition: Any = None,
    seed: int = 0,
    batch_size: int | None = None,
    **options: Any,
) -> LatentDensity:
    """A density over the latents of samples `x`: with it whatever encodes and decodes can be drawn from, an autoencoder
    that has no prior, and a VAE whose codes are not where its prior is (Ghosh et al. 2020, arXiv:1903.12436).

        density = zoo.latent.fit(model, clothes, "gmm", components=10)
        drawn = model.decode(density.sample(16, seed=0))

    x: thousands of samples of `model.space`, encoded as `Model.encode` does, of which condition, batch_size and further
    options are. kind: "gmm", a mixture of so many `components`, 10 unless given; "gaussian", one; or "flow", a masked
    autoregressive flow (`maf`) trained for so many `steps`, 2,000 unless given, for codes that no few Gaussians fit.
    seed: of `encode` and of the fit's starting point. At least in float32.
    Raises as `Model.encode` does, InvalidInput for another kind or too few samples, MissingExtra without what fits.
    """
    if kind not in KINDS:
        raise InvalidInput(f"kind={kind!r}; expected one of {', '.join(KINDS)}.")
    count = inputs.integer("components", {"gmm": 10}.get(kind, 1) if components is None else components, 1)
    if kind != "gmm" and count > 1:
        raise InvalidInput(f"components={count} of a single {kind}. Pass kind='gmm' for a mixture.")
    if kind != "flow" and steps is not None:
        raise InvalidInput(f"steps={steps!r} of a {kind}, which is not trained. Pass kind='flow', or no steps.")
    codes = at_least_float32(
        model.encode(x, condition=condition, seed=seed, batch_size=batch_size, **options).detach().flatten(1)
    )
    return to_codes(codes, tuple(model.latent_shape), kind, components=count, steps=steps, seed=seed)


def to_codes(
    codes: Tensor, shape: tuple[int, ...], kind: str, *, components: int = 10, steps: int | None = None, seed: int = 0
) -> LatentDensity:
    """`fit` to latents (n, numbers) of this shape, each flat, at least in float32; components count for "gmm" alone."""
    if kind == "flow":
        return LatentDensity(
            OfFlow(_flow(codes, inputs.integer("steps", 2000 if steps is None else steps, 1), seed)), shape
        )
    count = components if kind == "gmm" else 1
    if len(codes) <= count:
        raise InvalidInput(f"{len(codes)} samples came for {count} Gaussians. Pass more, thousands at best.")
    mixture = GaussianMixture(count, codes.shape[1]).to(codes)
    mixture.fit(codes, seed=seed)
    return LatentDensity(OfMixture(mixture.eval()), shape)


def _flow(codes: Tensor, steps: int, seed: int) -> Model:
    """The flow of codes (n, dim), trained."""
    from zoo.training.loop import fit as train

    n, dim = codes.shape
    if dim < 2:
        raise InvalidInput("a flow is of at least 2 numbers, and these codes are 1. Pass kind='gmm'.")
    size = min(BATCH, n)
    if size < 2:
        raise InvalidInput("1 sample came for a flow. Pass more, thousands at best.")
    entry = registry.find_architecture("maf")
    recipe = Recipe(
        dataset="codes",
        steps=steps,
        batch_size=size,
        seed=inputs.seed(seed) % 2**32,
        ema=0.99,
        clip=1.0,
        schedule="cosine",
        objective={"learning_rate": 0.001},
    )
    data = TensorDataset("codes", "train", codes.cpu())
    where = "cpu" if codes.device.type == "cpu" else "auto"
    flow = train(lambda: building.create(entry, {"image_shape": (dim,)}), data, recipe, accelerator=where)
    return flow.to(codes.device)

"""Why an autoencoder does not generate, and how it can: what densities of its codes draw, and how near that is to real.

Ex-post density estimation (Ghosh, Sajjadi, Vergari, Black, Schölkopf 2020, arXiv:1903.12436): an autoencoder was never
told where codes lie, and decodes noise to nothing; a VAE was told that they are standard normal, and as a whole they
are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo._util import inputs
from zoo.data.dataset import Dataset, floats
from zoo.errors import CapabilityError, DataError, UnknownName, nearest
from zoo.metrics.evaluate import MOST, Subject, draw
from zoo.metrics.frechet import between_samples
from zoo.model import Model
from zoo.nn.features import FeatureNetwork
from zoo.nn.losses import at_least_float32, gaussian_log_density
from zoo.spaces import Images
from zoo.training.densities import LatentDensity, to_codes

TITLES = {"normal": "N(0, I)", "own": "its own", "gaussian": "a Gaussian", "gmm": "{} Gaussians", "flow": "a flow"}
SHOWN = 16  # samples of each in a picture
CODES = 20_000  # training samples that densities are fitted to


@dataclass(frozen=True, eq=False)
class Drawn:
    """What decoding draws of a density gives: `images` (SHOWN, …) of them, their Fréchet distance from training images,
    and the mean of −ln density of the codes of held-out images, in nats, None where the density is not known."""

    kind: str
    title: str
    images: Tensor
    frechet: float
    nats: float | None


@dataclass(frozen=True)
class Normal:
    """N(0, I) over latents of `model`, which `generate` decodes unless a model has another prior."""

    model: Model

    def sample(self, n: int, seed: int, first: int, temperature: float) -> Tensor:
        """Vectors first … first + n − 1 of a seed, (n, dim)."""
        model = self.model
        noise = model.noise_class(seed, first, n, device=model.device, dtype=model.dtype)
        return temperature * noise.normal(math.prod(model.latent_shape))

    def log_prob(self, z: Tensor) -> Tensor:
        """In nats, (n,)."""
        zero = torch.zeros((), dtype=z.dtype, device=z.device)
        return gaussian_log_density(z, zero, zero)


def compare(
    model: Model,
    network: FeatureNetwork,
    train: Dataset,
    test: Dataset,
    kinds: Sequence[str] = tuple(TITLES),
    *,
    components: int = 10,
    n: int | None = None,
    seed: int = 0,
    tell: Callable[[str], object] = str,
) -> list[Drawn]:
    """What `model` decodes from draws of each of `kinds`: "normal", standard normal codes; "own", those of `generate`;
    and those of `zoo.latent.fit`, fitted to codes of up to 20,000 training samples, "gmm" of so many `components`.

    n: images drawn of each, default as many as are held out, at most 10,000. tell: called with each title before it is
    drawn. The same call gives the same numbers. Raises as `check` and `zoo.latent.fit`.
    """
    check(model, kinds)
    most = min(MOST, len(test))
    count = most if n is None else inputs.integer("n", n, 2)
    if most < 2:
        raise DataError(f"of {test.name} {most} is held out, and 2 or more are compared. Pass more images.")
    if not 2 <= count <= most:
        raise DataError(f"n={count}; {test.name} allows 2 to {most}: as many images are held out as are drawn.")
    mixed = inputs.integer("components", components, 1)  # before all that takes time
    subject = Subject(model, network, train, test, count, seed)
    held_out = model.encode(floats(subject.held_out), seed=seed)
    x = train.floats(draw(len(train), CODES, seed))
    codes, shape = at_least_float32(model.encode(x, seed=seed).detach().flatten(1)), tuple(model.latent_shape)
    found = []
    for kind in kinds:
        tell(title := TITLES[kind].format(components))
        images, nats = model.generate(count, seed=seed) if kind == "own" else None, None
        if images is None:
            prior = LatentDensity(Normal(model), shape)
            density = prior if kind == "normal" else to_codes(codes, shape, kind, components=mixed, seed=seed)
            images = model.decode(density.sample(count, seed=seed).to(model.dtype))
            nats = -float(density.log_prob(held_out).double().mean())
        features = subject.measure(model.space.store(images.cpu()))
        distance = between_samples(features, subject.reference_features).value
        shown = images[:SHOWN].cpu().clone()  # a view would keep all
        found.append(Drawn(kind, title, shown, distance, nats))
    return found


def check(model: Model, kinds: Sequence[str]) -> None:
    """Raise UnknownName for a kind of density, and CapabilityError, as `compare` does, for a model of no images, or one
    that does not encode by a network, generate and decode, or is conditioned."""
    for kind in kinds:
        if kind not in TITLES:
            raise UnknownName(f"no density is called {kind!r}. {nearest(kind, TITLES)}")
    for capability in ("generate", "encode", "decode"):
        model.require(capability)
    if not isinstance(model.space, Images) or model.encodes_by != "network" or model.condition.name is not None:
        raise CapabilityError(f"{model.name} is no unconditional autoencoder of images. Take one, such as a VAE.")

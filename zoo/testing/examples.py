"""Small inputs for the model at hand, and its public methods called with them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.golden import source_shape
from zoo.latent import Noise
from zoo.model import Model
from zoo.models._translator import Translator

# Options that cost time, set low where a hook declares them: what is promised holds for any value.
QUICK = {"steps": 2, "samples": 4}
_options: ContextVar[Mapping[str, Any]] = ContextVar("options", default=QUICK)


def images(model: Model, n: int, *, stream: str = "contract") -> Tensor:
    """`n` smooth 8-bit pictures (n, *image_shape) in [0.05, 0.95]: random, but closer to photographs than noise is. For
    a model of binary pixels, such pictures in black and white; for one of vectors, standard normal ones."""
    shape = model.image_shape
    noise = Noise(0, 0, n, stream=stream)
    if model.vectors:
        return noise.normal(*shape)
    smooth = _smooth(noise, shape) if len(shape) == 3 else _levels(noise.uniform(*shape))
    return smooth.round() if model.binary else smooth


def _smooth(noise: Noise, shape: tuple[int, ...]) -> Tensor:
    coarse = noise.uniform(shape[0], *(min(size, max(2, size // 4)) for size in shape[1:]))
    return _levels(F.interpolate(coarse, size=shape[1:], mode="bilinear"))


def _levels(pixels: Tensor) -> Tensor:
    """Of [0, 1], as 8-bit levels in [0.05, 0.95]."""
    return ((0.05 + 0.9 * pixels) * 255).round() / 255


def opposite(model: Model, x: Tensor) -> Tensor:
    """Images, or vectors, of the same kind as `x` that differ from it in every value: negatives."""
    return -x if model.vectors else 1 - x


def latents(model: Model, n: int) -> Tensor:
    """`n` standard normal latents (n, *latent_shape)."""
    return Noise(0, 0, n, stream="contract").normal(*model.latent_shape)


def labels(model: Model, n: int) -> list[int] | None:
    """`n` class indices in turn, or None for a model without classes."""
    return [i % len(model.classes) for i in range(n)] if model.classes else None


def texts(model: Model, n: int) -> list[str]:
    """`n` texts, each a word that a model conditioned on texts has learned, in turn."""
    return [model.vocabulary[i % len(model.vocabulary)] for i in range(n)]


def result_shape(model: Model) -> tuple[int, ...]:
    """Of one image that the model makes from one of `sources`, or from none."""
    if not isinstance(model, Translator):
        return model.image_shape
    return model.image_shape[0], *(model.scale * side for side in source_shape(model)[1:])


def sources(model: Model, n: int, *, trained: bool = False, stream: str = "sources") -> Tensor:
    """`n` smooth pictures (n, *source_shape), as conditions."""
    return _smooth(Noise(0, 0, n, stream=stream), source_shape(model, trained=trained))


def conditions(model: Model, n: int) -> list[int] | list[str] | Tensor | None:
    """`n` conditions: class indices in turn, images, texts, or None for an unconditional model."""
    if model.text_shape:
        return texts(model, n)
    return sources(model, n) if model.source_channels else labels(model, n)


def same_condition(model: Model) -> int | str | Tensor | None:
    """One condition that serves any number of samples."""
    if model.text_shape:
        return texts(model, 1)[0]
    return sources(model, 1) if model.source_channels else 0 if model.classes else None


@contextmanager
def cheap(options: Mapping[str, Any] | None) -> Iterator[None]:
    """For the duration, `options` are the values of costly options, beside QUICK."""
    token = _options.set({**QUICK, **(options or {})})
    try:
        yield
    finally:
        _options.reset(token)


def quick(hook: Callable[..., Any]) -> dict[str, Any]:
    """Cheap values for the costly options that `hook` declares."""
    declared = inspect.signature(hook).parameters
    own = {name for name, parameter in declared.items() if parameter.kind is inspect.Parameter.KEYWORD_ONLY}
    return {name: value for name, value in _options.get().items() if name in own}


def generate(model: Model, n: int, *, seed: int = 0, **arguments: Any) -> Tensor:
    """model.generate, quickly; of a model that needs a condition, an image or a text, under `conditions`."""
    if (model.source_channels or model.text_shape) and "condition" not in arguments:
        arguments["condition"] = conditions(model, n)
    return model.generate(n, seed=seed, **quick(model._generate), **arguments)


def encode(model: Model, pictures: Tensor, **arguments: Any) -> Tensor:
    """model.encode of `pictures`, quickly, under `conditions`."""
    condition = conditions(model, len(pictures))
    return model.encode(pictures, **{"condition": condition, **quick(model._encode), **arguments})


def decode(model: Model, z: Tensor, **arguments: Any) -> Tensor:
    """model.decode of `z`, quickly, under `conditions`."""
    return model.decode(z, **{"condition": conditions(model, len(z)), **quick(model._decode), **arguments})


def log_prob(model: Model, pictures: Tensor, **arguments: Any) -> Tensor:
    """model.log_prob of `pictures`, quickly, under `conditions`."""
    condition = conditions(model, len(pictures))
    return model.log_prob(pictures, **{"condition": condition, **quick(model._log_prob), **arguments})


def results(model: Model, n: int = 3) -> dict[str, Tensor]:
    """What each public method of the model returns for `n` samples, by the method's name."""
    calls: dict[str, Callable[[], Tensor]] = {
        "generate": lambda: generate(model, n),
        "decode": lambda: decode(model, latents(model, n)),
        "encode": lambda: encode(model, images(model, n)),
        "log_prob": lambda: log_prob(model, images(model, n)),
    }
    return {name: call() for name, call in calls.items() if name in model.capabilities()}


def repeatable(model: Model, n: int = 3) -> dict[str, Tensor]:
    """`results`, without those that differ when asked for again: another check speaks of these."""
    again = results(model, n)
    return {name: value for name, value in results(model, n).items() if torch.equal(value, again[name])}


def in_range(model: Model, pictures: Tensor) -> bool:
    """Whether all pixels are numbers in [0, 1], or all values of vectors finite."""
    fine = pictures.isfinite() if model.vectors else (pictures >= 0) & (pictures <= 1)
    return bool(fine.all())

"""Small inputs for the model at hand, and its public methods called with them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from zoo.conditions import Images as ImageCondition
from zoo.conditions import Labels
from zoo.golden import source_shape, translates_images
from zoo.model import Model
from zoo.noise import Noise
from zoo.spaces import Images

# Options that cost time, set low where a hook declares them: what is promised holds for any value.
QUICK = {"steps": 2, "samples": 4}
_options: ContextVar[Mapping[str, Any]] = ContextVar("options", default=QUICK)


def samples(model: Model, n: int, *, stream: str = "contract") -> Tensor:
    """`n` samples of the model's space, of the kind that models are made for."""
    return model.space.example(n, Noise(0, 0, n, stream=stream))


def latents(model: Model, n: int) -> Tensor:
    """`n` standard normal latents (n, *latent_shape)."""
    return Noise(0, 0, n, stream="contract").normal(*model.latent_shape)


def result_shape(model: Model) -> tuple[int, ...]:
    """Of one sample that the model makes of one of `sources`."""
    if not translates_images(model):
        return model.space.shape
    scale = model.enlargement
    return model.space.shape[0], *(scale * side for side in source_shape(model)[1:])


def sources(model: Model, n: int, *, trained: bool = False, stream: str = "sources") -> Tensor:
    """`n` smooth pictures (n, *source_shape), or samples of the model's `source_space`, to be translated."""
    if not translates_images(model):
        return model.source_space.example(n, Noise(0, 0, n, stream=stream))
    return Images(source_shape(model, trained=trained)).example(n, Noise(0, 0, n, stream=stream))


def classes(model: Model) -> tuple[str, ...]:
    """The labels that a model is conditioned on, if it is."""
    return model.condition.classes if isinstance(model.condition, Labels) else ()


def conditions(model: Model, n: int) -> Any:
    """`n` conditions, or None for a model that is conditioned on nothing."""
    return sources(model, n) if isinstance(model.condition, ImageCondition) else model.condition.example(n)


def same_condition(model: Model) -> Any:
    """One condition that serves any number of samples."""
    given = conditions(model, 1)
    return given[0] if isinstance(given, list) else given


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
    """model.generate, quickly; of a model that needs a condition, under `conditions`."""
    if model.condition.required and "condition" not in arguments:
        arguments["condition"] = conditions(model, n)
    return model.generate(n, seed=seed, **quick(model._generate), **arguments)


def encode(model: Model, x: Tensor, **arguments: Any) -> Tensor:
    """model.encode of samples, quickly, under `conditions`."""
    return model.encode(x, **{"condition": conditions(model, len(x)), **quick(model._encode), **arguments})


def decode(model: Model, z: Tensor, **arguments: Any) -> Tensor:
    """model.decode of latents, quickly, under `conditions`."""
    return model.decode(z, **{"condition": conditions(model, len(z)), **quick(model._decode), **arguments})


def log_prob(model: Model, x: Tensor, **arguments: Any) -> Tensor:
    """model.log_prob of samples, quickly, under `conditions`."""
    return model.log_prob(x, **{"condition": conditions(model, len(x)), **quick(model._log_prob), **arguments})


def translate(model: Model, x: Tensor, **arguments: Any) -> Tensor:
    """model.translate of images, quickly."""
    return model.translate(x, **{"seed": 0, **quick(model._translate), **arguments})


def classify(model: Model, x: Tensor, **arguments: Any) -> Tensor:
    """model.classify of samples, quickly."""
    return model.classify(x, **{**quick(model._classify), **arguments})


def calls(model: Model, n: int) -> dict[str, tuple[Callable[..., Tensor], Tensor]]:
    """Of each public method that takes a batch: how it is called quickly, and `n` rows that it takes."""
    x = samples(model, n)
    known: dict[str, tuple[Callable[..., Tensor], Tensor]] = {
        "decode": (decode, latents(model, n)),
        "encode": (encode, x),
        "log_prob": (log_prob, x),
        "classify": (classify, x),
    }
    if "translate" in model.capabilities():
        known["translate"] = (translate, sources(model, n))
    return {
        name: (functools.partial(call, model), batch)
        for name, (call, batch) in known.items()
        if name in model.capabilities()
    }


def results(model: Model, n: int = 3) -> dict[str, Tensor]:
    """What each public method of the model returns for `n` samples, by the method's name."""
    made = {"generate": generate(model, n)} if "generate" in model.capabilities() else {}
    return made | {name: call(batch) for name, (call, batch) in calls(model, n).items()}


def repeatable(model: Model, n: int = 3) -> dict[str, Tensor]:
    """`results`, without those that differ when asked for again: another check speaks of these."""
    again = results(model, n)
    return {name: value for name, value in results(model, n).items() if torch.equal(value, again[name])}

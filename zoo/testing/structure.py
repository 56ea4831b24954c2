"""Checks of what a model is: its declarations, configuration and weights."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo import building, registry
from zoo._util.config import configured
from zoo.errors import CapabilityError, ContractError, UnknownArchitecture
from zoo.model import Model
from zoo.spaces import Images
from zoo.testing.contract import (
    Check,
    described,
    expect,
    gap,
    of,
    refused,
)
from zoo.testing.examples import (
    calls,
    generate,
    latents,
    repeatable,
    results,
    same_condition,
    samples,
)

TAKE_SAMPLES = {"encode", "log_prob", "classify"}
REREAD = 1e-5  # largest difference, as a share of 1 + |value|, that the place of a tensor in memory makes


def checks(model: Model) -> Iterator[Check]:
    """Those of every model."""
    yield check_names_free
    yield check_declared_capabilities
    yield check_config_round_trip
    yield check_missing_capabilities_refused
    yield check_undeclared_options_refused
    if model.capabilities() & TAKE_SAMPLES:
        yield check_wrong_samples_refused
    if is_registered(model):
        yield check_weights_round_trip


def check_names_free(model: Model) -> None:
    """No submodule, parameter or buffer has a name that Model itself uses, which would hide it."""
    held = {**model._modules, **model._parameters, **model._buffers}
    hidden = sorted(name for name in held if hasattr(Model, name))
    expect(
        not hidden,
        "Networks, parameters and buffers have names that Model does not use itself.",
        f"self.{', self.'.join(hidden)} of {type(model).__name__} is hidden by Model.{', Model.'.join(hidden)}.",
        "Give it another name in __init__, such as self.network.",
    )


def check_declared_capabilities(model: Model) -> None:
    """The registry's entry says exactly what the class can do."""
    promise = "The registry's entry says exactly what the class can do."
    try:
        entry = registry.architecture_of(type(model))
    except UnknownArchitecture as error:
        raise ContractError(f"{promise} {error}") from error
    changes = {
        "capabilities": "Change what is registered, or add or remove a hook: "
        "_decode or _generate, _encode, _decode, _log_prob.",
        "log_prob": "Change what is registered, or the attribute log_prob_kind.",
        "space": "Change what is registered, or self.space of the default Config.",
        "condition": "Change what is registered, or set self.condition in __init__, as to Labels(config.classes).",
        "presets": "Change what is registered, or the class attribute presets.",
    }
    for what, declared, found in (
        ("capabilities", sorted(entry.capabilities), sorted(model.capabilities())),
        ("log_prob", entry.log_prob, model.log_prob_kind),
        ("space", entry.space, model.space.name if model.space.name == entry.space else _usual_space(model)),
        ("condition", entry.condition, model.condition.name),
        ("presets", sorted(entry.presets), sorted(type(model).presets)),
    ):
        seen = f"{entry.qualified} is registered with {what}={declared!r}, but {type(model).__name__} has {found!r}."
        expect(declared == found, promise, seen, changes[what])


def check_config_round_trip(model: Model) -> None:
    """The config is a frozen dataclass of plain values: written as JSON and read again, it rebuilds the same class."""
    promise = "The config is a frozen dataclass that survives JSON and rebuilds the class."
    config, cls = model.config, type(model).config_class
    frozen = dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    change = f"Make {cls.__qualname__} a frozen dataclass, and keep what was passed as model.config."
    expect(frozen and type(config) is cls, promise, f"{config!r} is not.", change)
    try:
        plain = json.loads(json.dumps(dataclasses.asdict(config)))
    except TypeError as error:
        raise ContractError(f"{promise} {error}. Keep to numbers, strings, booleans, None and their tuples.") from error
    again: Any = configured(cls, plain, "config")
    change = "Keep to fields that JSON can hold, and convert none in __post_init__."
    expect(again == config, promise, f"{config!r} came back as {again!r}.", change)
    with torch.device("meta"):
        copied = type(model)(again)
    for what in ("space", "condition", "latent_shape"):
        mine, theirs = getattr(model, what), getattr(copied, what)
        if what == "space":  # but for what a card says of the data: names of columns, and how pictures were made to fit
            mine, theirs = (each.with_data({"fit": "crop"}) for each in (mine, theirs))
        same = mine == theirs or (type(mine) is type(theirs) and vars(mine) == vars(theirs))
        expect(same, promise, f"{what} {mine} came back as {theirs}.", "Derive it from the config alone.")


def check_missing_capabilities_refused(model: Model) -> None:
    """What a model cannot do raises CapabilityError. Bits per dimension are a matter of densities of pixels."""
    calls = {
        "generate": lambda: model.generate(1, seed=0),
        "encode": lambda: model.encode(samples(model, 1)),
        "decode": lambda: model.decode(latents(model, 1)),
        "log_prob": lambda: model.log_prob(samples(model, 1)),
        "classify": lambda: model.classify(samples(model, 1)),
        "translate": lambda: model.translate(torch.zeros(1, 3, 8, 8)),
        "bits_per_dim": lambda: model.bits_per_dim(samples(model, 1)),
    }
    counts_bits = {"bits_per_dim"} if "log_prob" in model.capabilities() and model.space.levels else set()
    for name in sorted(calls.keys() - model.capabilities() - counts_bits):
        try:
            got = calls[name]()
            seen = f"returned {described(got) if isinstance(got, Tensor) else repr(got)}"
        except CapabilityError:
            continue
        except Exception as error:
            seen = f"raised {type(error).__name__}"
        promise = "What a model cannot do raises CapabilityError."
        raise ContractError(
            f"{promise} {name}() {seen} instead. "
            "Write the private hook and register the capability, or do not override the public method."
        )


def check_undeclared_options_refused(model: Model) -> None:
    """Options that a hook does not declare are refused."""
    made: dict[str, Callable[..., Any]] = {
        name: partial(call, batch) for name, (call, batch) in calls(model, 1).items()
    }
    if "generate" in model.capabilities():
        made["generate"] = partial(generate, model, 1)
    bad = {f"{name}(no_such_option=1)": partial(call, no_such_option=1) for name, call in made.items()}
    refused(
        "Options that a hook does not declare are refused.",
        bad,
        change="Declare options keyword-only, not as **kwargs.",
    )


def check_wrong_samples_refused(model: Model) -> None:
    """encode, log_prob and classify refuse samples of wrong type, dtype, shape or range, NaN and empty batches."""
    x = samples(model, 2)
    wrong = {
        "no batch dimension": x[0], "an empty batch": x[:0], "a mapping": {"x": x},
        "too wide ones": torch.cat([x, x], dim=-1),
    }  # fmt: skip
    if x.is_floating_point():
        nan = x.clone()
        nan.view(-1)[0] = float("nan")
        wrong |= {"NaN": nan, "integers": (255 * x).long()}
    else:
        wrong["fractions"] = x + 0.5
    if isinstance(model.space, Images):
        wrong |= {"pixels below 0": x - 1, "pixels up to 255": 255 * x, "pixels of 1.01": x - x.max() + 1.01}
    condition = same_condition(model)
    for name in sorted(TAKE_SAMPLES & model.capabilities()):
        given = {} if name == "classify" else {"condition": condition}
        method = partial(getattr(model, name), **given)
        calls = {of(name, what, bad): partial(method, bad) for what, bad in wrong.items()}
        refused("Wrong samples are refused, never rescaled.", calls)


def check_weights_round_trip(model: Model) -> None:
    """Saved and loaded, a model gives the same results; all its tensors are parameters or buffers."""
    promise = "A model that is saved and loaded again gives the same results."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path, dtype=model.dtype)
        copied = building.read(path).to(model.device)
    change = "Register it with nn.Parameter or register_buffer(…, persistent=True), so that it is in state_dict()."
    for name, tensor in _tensors(copied).items():
        expect(not tensor.is_meta, promise, f"The file does not hold {name} {tuple(tensor.shape)}.", change)
    before = repeatable(model)
    after = results(copied)
    for name, value in before.items():
        # Some kernels add up in another order where tensors lie otherwise in memory, as those of a file do.
        same = value.shape == after[name].shape and gap(value, after[name], relative=True) <= REREAD
        seen = f"{name}() gave {described(value)} before and {described(after[name])} after loading."
        expect(same, promise, seen, f"What of the model is no tensor must follow from its config. {change}")


def _usual_space(model: Model) -> str:
    """The name of the space that the class has by default: some take images or vectors, as their config says."""
    with torch.device("meta"):
        return type(model)(type(model).config_class()).space.name


def is_registered(model: Model) -> bool:
    """Whether the model's class is an architecture that a name leads to."""
    try:
        registry.architecture_of(type(model))
    except UnknownArchitecture:
        return False
    return True


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters, buffers and plain tensor attributes of all submodules, by dotted name."""
    found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for prefix, module in model.named_modules():
        plain = {key: value for key, value in vars(module).items() if isinstance(value, Tensor)}
        found |= {f"{prefix}.{key}".lstrip("."): value for key, value in plain.items()}
    return found

"""Checks of what a model is: its declarations, configuration, weights, dtype, device and modes."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zoo import building, registry
from zoo._util.config import configured
from zoo.errors import CapabilityError, UnknownArchitecture
from zoo.latent import Noise
from zoo.model import Model
from zoo.testing.contract import (
    ContractError,
    conditions,
    expect,
    gap,
    generate,
    images,
    in_range,
    latents,
    quick,
    repeatable,
    results,
    told,
)

REREAD = 1e-5  # largest difference, as a share of 1 + |value|, that the place of a tensor in memory makes


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
        "condition": "Change what is registered, or add or remove the field `classes` of Config, the names of labels; "
        "or set source_channels, for images, or text_shape, for texts, in __init__.",
    }
    for what, declared, found in (
        ("capabilities", sorted(entry.capabilities), sorted(model.capabilities())),
        ("log_prob", entry.log_prob, model.log_prob_kind),
        ("condition", entry.condition, _condition(model)),
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
        twin = type(model)(again)
    for what in (
        "image_shape",
        "latent_shape",
        "classes",
        "source_channels",
        "text_shape",
        "longest_text",
        "vocabulary",
    ):
        mine, theirs = getattr(model, what), getattr(twin, what)
        expect(mine == theirs, promise, f"{what} {mine} came back as {theirs}.", "Derive it from the config alone.")


def check_missing_capabilities_refused(model: Model) -> None:
    """What a model cannot do raises CapabilityError. Bits per dimension are a matter of densities of pixels."""
    calls = {
        "generate": lambda: model.generate(1, seed=0),
        "encode": lambda: model.encode(images(model, 1)),
        "decode": lambda: model.decode(latents(model, 1)),
        "log_prob": lambda: model.log_prob(images(model, 1)),
        "bits_per_dim": lambda: model.bits_per_dim(images(model, 1)),
    }
    counts_bits = {"bits_per_dim"} if "log_prob" in model.capabilities() and model.eight_bit else set()
    for name in sorted(calls.keys() - model.capabilities() - counts_bits):
        try:
            got = calls[name]()
            seen = f"returned {told(got) if isinstance(got, Tensor) else repr(got)}"
        except CapabilityError:
            continue
        except Exception as error:
            seen = f"raised {type(error).__name__}"
        promise = "What a model cannot do raises CapabilityError."
        raise ContractError(
            f"{promise} {name}() {seen} instead. "
            "Write the private hook and register the capability, or do not override the public method."
        )


def check_weights_round_trip(model: Model) -> None:
    """Saved and loaded, a model gives the same results; all its tensors are parameters or buffers."""
    promise = "A model that is saved and loaded again gives the same results."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path, dtype=model.dtype)
        twin = building.read(path).to(model.device)
    change = "Register it with nn.Parameter or register_buffer(…, persistent=True), so that it is in state_dict()."
    for name, tensor in _tensors(twin).items():
        expect(not tensor.is_meta, promise, f"The file does not hold {name} {tuple(tensor.shape)}.", change)
    before = repeatable(model)
    after = results(twin)
    for name, value in before.items():
        # Some kernels add up in another order where tensors lie otherwise in memory, as those of a file do.
        same = value.shape == after[name].shape and gap(value, after[name], relative=True) <= REREAD
        seen = f"{name}() gave {told(value)} before and {told(after[name])} after loading."
        expect(same, promise, seen, f"What of the model is no tensor must follow from its config. {change}")


def check_dtypes(model: Model) -> None:
    """A model cast to float64 or bfloat16 generates images of that dtype in [0, 1], or finite vectors."""
    promise = "A model cast to another dtype generates images of that dtype in [0, 1], or finite vectors."
    change = "Make new tensors with the dtype of the hook's arguments, and clamp where rounding may leave [0, 1]."
    range_is_kept = in_range(model, generate(model, 2))  # otherwise check_image_range speaks of this
    for dtype in (torch.float64, torch.bfloat16):
        try:
            got = generate(copy.deepcopy(model).to(dtype), 2)
        except RuntimeError as error:
            raise ContractError(f"{promise} In {dtype} it raised: {_sentence(error)} {change}") from error
        seen = f"In {dtype} came {told(got)}."
        expect(got.dtype == dtype and (in_range(model, got) or not range_is_kept), promise, seen, change)


def check_device(model: Model) -> None:
    """Hooks compute where their arguments are. They are run on the meta device, whose tensors mix with no other's."""
    promise = "Hooks compute on the device of their arguments."
    change = "Make new tensors with device= of an argument, register constants with register_buffer, and take nothing "
    change += "to the CPU on the way."
    with torch.device("meta"):
        twin = type(model)(model.config).eval()
    # Single whole numbers, such as a stage that has been reached, are what hooks decide by; they keep their values, and
    # mix with tensors of any device.
    for name, buffer in model.named_buffers():
        if not buffer.ndim and not buffer.is_floating_point():
            owner, _, last = name.rpartition(".")
            setattr(twin.get_submodule(owner), last, buffer.detach().cpu().clone())
    noise = Noise(0, 0, 2, device="meta")
    x, z = images(model, 2).to("meta"), latents(model, 2).to("meta")
    given = torch.zeros(2, *model.text_shape) if model.text_shape else conditions(model, 2)
    condition = None if given is None else torch.as_tensor(given).to("meta")
    calls: dict[str, tuple[Any, ...]] = {
        "generate": (noise, condition, 1.0),
        "decode": (z, condition),
        "encode": (x, condition, noise),
        "log_prob": (x, condition, noise),
    }
    if model.text_shape:
        calls["embed"] = (torch.zeros(2, model.longest_text, dtype=torch.int64, device="meta"),)
    for name in sorted(calls.keys() & (model.capabilities() | {"embed"})):
        hook = getattr(twin, f"_{name}")
        try:
            with torch.inference_mode():
                got = hook(*calls[name], **quick(hook))
        except Exception as error:
            # A hook that looks at values cannot run without any: nothing is learnt of its device then.
            if "device" not in str(error) and "no data" not in str(error):
                continue
            raise ContractError(f"{promise} _{name} raised: {_sentence(error)} {change}") from error
        expect(got.is_meta, promise, f"Given tensors elsewhere, _{name} returned {told(got)} on {got.device}.", change)


def check_eval_mode(model: Model) -> None:
    """Public methods run in eval mode, leave every buffer alone and put every module's mode back."""
    promise = "Public methods run in eval mode and leave the model as it was."
    twin = copy.deepcopy(model).train()
    modes = {name: module.training for name, module in twin.named_modules()}
    buffers = {name: buffer.clone() for name, buffer in twin.named_buffers()}
    training: list[str] = []

    def watch(name: str) -> Any:
        def note(module: nn.Module, args: Any) -> None:
            if module.training:
                training.append(f"{name} ({type(module).__name__})")

        return note

    for name, module in twin.named_modules():
        module.register_forward_pre_hook(watch(name))
    results(twin)
    change = "Do not call or override train() and eval()."
    expect(not training, promise, f"In training mode ran: {', '.join(dict.fromkeys(training))}.", change)
    changed = [name for name, module in twin.named_modules() if module.training != modes[name]]
    expect(not changed, promise, f"The mode of {', '.join(n or 'the model' for n in changed)} was changed.", change)
    touched = [name for name, buffer in twin.named_buffers() if not torch.equal(buffer, buffers[name])]
    change = "Change buffers while training only, in the Objective or a layer in training mode."
    expect(not touched, promise, f"The buffers {', '.join(touched)} were changed.", change)


def check_global_rng(model: Model) -> None:
    """Public methods leave the global random state of torch, numpy and Python alone."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        # Somewhere along its sequence, where seeding again with any number cannot lead.
        torch.rand(1), np.random.random(), random.random()
        before = _random_state(model)
        results(model)
        after = _random_state(model)
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
    touched = [name for name in before if before[name] != after[name]]
    expect(
        not touched,
        "The global random state is never touched.",
        f"After {', '.join(sorted(model.capabilities()))} that of {' and '.join(touched)} was another.",
        "Draw from the hook's `noise` argument instead.",
    )


def _condition(model: Model) -> str | None:
    """What the model is conditioned on."""
    if model.text_shape:
        return "text"
    return "image" if model.source_channels else "label" if model.classes else None


def _sentence(error: Exception) -> str:
    """The first line of an error's text, with a full stop."""
    return str(error).partition("\n")[0].rstrip(". !") + "."


def _random_state(model: Model) -> dict[str, Any]:
    algorithm, key, position, *_ = np.random.get_state()
    state = {
        "torch": torch.get_rng_state().tolist(),
        "numpy.random": (algorithm, np.asarray(key).tolist(), position),
        "random": random.getstate(),
    }
    if model.device.type == "cuda":
        state["torch.cuda"] = torch.cuda.get_rng_state(model.device).tolist()
    return state


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters, buffers and plain tensor attributes of all submodules, by dotted name."""
    found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for prefix, module in model.named_modules():
        plain = {key: value for key, value in vars(module).items() if isinstance(value, Tensor)}
        found |= {f"{prefix}.{key}".lstrip("."): value for key, value in plain.items()}
    return found

"""Models from architectures, from weights files and from releases.

A release's file is looked for beside the card, in the Hub's cache, at plugins' sources and on the Hub, and must have
the announced length and the card's sha256 (`zoo.releases.files`). Then the architecture named in its header
(`zoo.weights`) is built on the meta device and given the tensors, so that loading draws no random numbers, and every
tensor must be there, under its name, in its shape.
"""
# Long because each way in which a file may not be what it claims to be has its check and its sentence.

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode

from zoo import noise, registry, releases, weights
from zoo._util.config import configured
from zoo._util.printable import brief
from zoo._util.processes import is_shared, rank_here
from zoo.errors import (
    ChecksumMismatch,
    ConfigError,
    InvalidInput,
    PluginError,
    TruncatedWeights,
    UnknownArchitecture,
    UnknownName,
    WeightsMismatch,
    ZooError,
)
from zoo.hub.failures import ATTEMPTS, repeated
from zoo.model import Model
from zoo.recipe import FIT_BEFORE
from zoo.registry import plugins
from zoo.registry.entries import Architecture
from zoo.releases.cards import CARD, FORMAT, WEIGHTS, Card
from zoo.releases.files import verified_weights
from zoo.releases.provenance import Provenance
from zoo.weights import rounding

AUTO = "auto"  # a device: a GPU if there is one; of several processes each takes one of its own


def resolve(architecture: Architecture) -> type[Model]:
    """The architecture's class. Raises PluginError when its target is not there or is no model."""
    cls = plugins.resolve(architecture.target)
    if not isinstance(cls, type) or not issubclass(cls, Model) or not hasattr(cls, "config_class"):
        raise PluginError(
            f"the target {architecture.target!r} of {architecture.qualified} is no model; expected a subclass of "
            "zoo.Model with a config_class. Ask the plugin's author."
        )
    return cls


def configure(architecture: Architecture, fields: dict[str, Any]) -> Any:
    """The class's frozen Config from plain values. Raises ConfigError for an unknown field or a bad value."""
    return configured(resolve(architecture).config_class, fields, f"config of {architecture.name}")


def create(architecture: Architecture, fields: dict[str, Any], *, preset: str | None = None) -> Model:
    """A new model, randomly initialised; `preset` names the fields to begin with. Raises ConfigError."""
    cls = resolve(architecture)
    if preset is not None:
        fields = {**_preset(architecture, preset), **fields}
    config: Any = configured(cls.config_class, fields, f"config of {architecture.name}")
    # Parameters made in the caller's inference mode could never take part in autograd.
    with torch.inference_mode(False):
        model = cls(config)
    model.provenance = Provenance(architecture.qualified, dataclasses.asdict(config))
    model.releases_with = releases.releases_with
    return model


def _preset(architecture: Architecture, name: str) -> Mapping[str, Any]:
    known = resolve(architecture).presets
    if name not in known:
        there = f"Its presets: {', '.join(known)}." if known else "It has none; leave preset out."
        raise ConfigError(f"{architecture.name} has no preset {name!r}. {there}")
    return known[name]


# Made in the caller's inference mode, parameters could never take part in autograd, as inverting a generator needs.
@torch.inference_mode(False)
def load(
    release: releases.Release,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    offline: bool | None = None,
) -> Model:
    """The release's model in eval mode; see `zoo.load`."""
    kind, target = weights.floating(dtype), _device(device)
    release, stored, source, sha256 = _verified(release, offline)
    path, card, address = stored.path, release.card, release.address
    described = card.architecture, card.config, card.format, card.version
    if (stored.architecture, stored.config, stored.format, stored.version) == described:
        model = _filled(stored, release.architecture)
    else:  # they may mean the same
        model = _filled(stored, _named(stored))
        meant = release.architecture.qualified, current_config(release)
        if (model.provenance.architecture, model.provenance.config) != meant:
            raise WeightsMismatch(
                f"{path} holds a {model.provenance.architecture} with {model.provenance.config}, but its card "
                f"describes a {meant[0]} with {meant[1]}. Restore the pair, or train again."
            )
    model.provenance = dataclasses.replace(
        model.provenance,
        release=release.name,
        repo=address.repo if address else card.weights.get("repo"),
        revision=address.revision if address else None,
        sha256=sha256,
        source=source,
        dataset=card.dataset,
        columns=card.columns,
        training=card.training,
        metrics=card.metrics,
    )
    model.space = model.space.with_data({**card.zoo["data"], "fit": card.training.get("fit", FIT_BEFORE)})
    return model.to(device=target, dtype=kind).fuse()


@repeated
def _verified(release: releases.Release, offline: bool | None) -> tuple[releases.Release, weights.Stored, str, str]:
    """The release, what its weights file holds, where it was found, and its sha256. Of a folder that is renewed
    meanwhile, card and file are read again until they belong together."""
    for remaining in reversed(range(ATTEMPTS)):
        try:
            path, source, sha256 = verified_weights(release, offline=offline)
            return release, weights.read(path, sha256=sha256), source, sha256
        except (ChecksumMismatch, TruncatedWeights):
            # What came from elsewhere is at one commit for good, and is downloaded again by the next call.
            if not remaining or release.origin is not None or not (release.folder / WEIGHTS).is_file():
                raise
            release = release.again()
    raise AssertionError("unreachable")


@torch.inference_mode(False)
def read(path: Path) -> Model:
    """Build the model that a weights file's header describes and give it the file's tensors, as float32, in eval mode.

    Raises NotSafetensors, TruncatedWeights, UnknownArchitecture, ConfigError or WeightsMismatch.
    """
    stored = weights.read(path)
    return _filled(stored, _named(stored))


def _named(stored: weights.Stored) -> Architecture:
    """The architecture that a file's header names."""
    try:
        return registry.find_architecture(stored.architecture, quiet=True)
    except UnknownName as error:
        raise UnknownArchitecture(
            f"{stored.path} holds a {brief(stored.architecture)}, which is not a registered architecture. {error} "
            "If a plugin provides it, install that plugin; see zoo plugins."
        ) from error


def _filled(stored: weights.Stored, architecture: Architecture) -> Model:
    """The architecture, as the header configures it, with the file's tensors."""
    config, state = stored.config, stored.tensors
    if earlier := _earlier(architecture, stored, stored.path, WeightsMismatch):
        config, _ = _migrated(resolve(architecture), stored, {}, stored.path, WeightsMismatch)
    try:
        with torch.device("meta"), _Uninitialised(), _bounded(stored):
            model = create(architecture, config)
    except ConfigError as error:
        raise ConfigError(f"{stored.path}: {error}") from error
    except (RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsMismatch(
            f"{stored.path}: no {architecture.name} can be made of its config ({type(error).__name__}: {reason}). "
            "Restore the file."
        ) from error
    # A deflated tensor says for itself how large it is; never more is made of it than the model needs.
    state = rounding.restored(state, max((tensor.numel() for tensor in model.state_dict().values()), default=0))
    if earlier:
        _, state = _migrated(type(model), stored, state, stored.path, WeightsMismatch)
    _check_tensors(stored.path, model, state)
    exact = rounding.listed(model, "exact")
    state = {key: tensor if key in exact else _wide(tensor) for key, tensor in state.items()}
    model.load_state_dict(state, strict=True, assign=True)
    model.noise_class = noise.of_format(stored.noise)
    return model.eval()


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def outline(release: releases.Release) -> Model:
    """The release's model on the meta device: all but its values, and without its file of weights. Raises ConfigError
    for what its card says."""
    with torch.device("meta"), _Uninitialised():
        return create(release.architecture, current_config(release))


def current_config(release: releases.Release) -> dict[str, Any]:
    """The config on the release's card as the architecture has it now. Raises ConfigError."""
    config, card = release.card.config, release.card
    if _earlier(release.architecture, card, release.folder / CARD, ConfigError):
        config, _ = _migrated(resolve(release.architecture), card, {}, release.folder / CARD, ConfigError)
    try:
        return dataclasses.asdict(configure(release.architecture, config))
    except ConfigError as error:
        raise ConfigError(f"{release.folder / CARD}: {error}") from error


def _migrated(
    cls: type[Model], made: weights.Stored | Card, state: dict[str, Tensor], where: Path, error: type[ZooError]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `cls.migrate` makes of copies of a config and a state. Raises `error` where it fails, as for a config that
    is not of the version it names."""
    try:
        return cls.migrate(copy.deepcopy(made.config), dict(state), made.format, made.version)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as reason:
        raise error(
            f"{where} is of format {made.format}, version {made.version}, and cannot be read as such "
            f"({type(reason).__name__}: {reason}). Restore the file."
        ) from reason


def _earlier(architecture: Architecture, made: weights.Stored | Card, where: Path, error: type[ZooError]) -> bool:
    """Whether a file or card is one that `migrate` reads. Raises `error` for one of a later version than the class."""
    known = resolve(architecture).version
    if made.version > known:
        package = architecture.distribution or "generative-zoo"
        raise error(
            f"{where} is of version {made.version} of {architecture.qualified}; the {package} installed here reads "
            f"versions up to {known}. Get a later one: pip install --upgrade {package}"
        )
    return made.format < FORMAT or made.version < known


class _Uninitialised(TorchFunctionMode):
    """Skips initialisation: on the meta device it does nothing, but normal_ imports torch's compiler, for a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init" or func in (Tensor.normal_, Tensor.uniform_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextlib.contextmanager
def _bounded(stored: weights.Stored) -> Iterator[None]:
    """Stop the building of a model that has many times as many parts as the file has tensors, or a part of many times
    as many numbers as the file has bytes: its config asks for more than the file can fill, perhaps for more than any
    machine holds. Raises WeightsMismatch."""
    most, parts = 8 * len(stored.tensors) + 500, itertools.count(1)
    numbers = rounding.MOST_INFLATED * sum(tensor.nbytes for tensor in stored.tensors.values()) + 10**6

    def count(name: str, part: Any) -> None:
        large = isinstance(part, Tensor) and part.numel() > numbers
        if large or next(parts) > most:
            asked = f"{part.numel()} numbers in {name}" if large else f"over {most} parts"
            raise WeightsMismatch(
                f"{stored.path} holds {len(stored.tensors)} tensors, and its config asks for {asked}. It is damaged, "
                "or made to fill memory. Restore it."
            )

    _WATCHED.count = count
    try:
        yield
    finally:
        _WATCHED.count = None


class _Watched(threading.local):
    """What is told of each part of a module that the thread makes, if anything is."""

    count: Callable[[str, Any], None] | None = None


_WATCHED = _Watched()


def _tell(module: Any, name: str, part: Any) -> None:
    if _WATCHED.count is not None:
        _WATCHED.count(name, part)


# Once and for all: to come and go with each model they would change what other threads, which make modules, iterate.
torch_module.register_module_parameter_registration_hook(_tell)
torch_module.register_module_buffer_registration_hook(_tell)
torch_module.register_module_module_registration_hook(_tell)


def _check_tensors(path: Path, model: Model, state: dict[str, Tensor]) -> None:
    expected, architecture = model.state_dict(), model.provenance.architecture
    missing, extra = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    shapes, kinds = [], []
    for key in sorted(expected.keys() & state.keys()):
        want, got = expected[key], state[key]
        if got.shape != want.shape:
            shapes.append(f"{key} {tuple(got.shape)} instead of {tuple(want.shape)}")
        # Any floating-point type serves, since all are widened; an integer must be the very one.
        if got.dtype != want.dtype and not (got.is_floating_point() and want.is_floating_point()):
            kinds.append(f"{key} {got.dtype} instead of {want.dtype}")
    faults = {"missing": missing, "unexpected": extra, "of wrong shape": shapes, "of wrong type": kinds}
    problems = [f"{what}: {', '.join(keys[:5] + ['…'] * (len(keys) > 5))}" for what, keys in faults.items() if keys]
    if problems:
        raise WeightsMismatch(
            f"{path} does not fit {architecture}. Tensors {'; '.join(problems)}. The file belongs to another "
            "architecture, config or version; nothing was loaded. Restore it, or train again."
        )
    # What a model computes in its constructor and does not save would be left without values.
    unsaved = sorted({name for name, buffer in model.named_buffers() if buffer.is_meta} - expected.keys())
    if unsaved:
        raise WeightsMismatch(
            f"{path} cannot fill {', '.join(unsaved)} of {architecture}, which its state_dict leaves out. "
            "Its author must register these buffers with persistent=True and save the weights again."
        )


def _device(device: str | torch.device | None) -> torch.device:
    if device == AUTO:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        device = f"cuda:{rank_here() % count}" if count and is_shared() else "cuda" if count else "cpu"
    try:
        target = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError) as error:
        known = "such as 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'"
        raise InvalidInput(f"device={device!r} is none that torch knows, {known}. Try device='cpu'.") from error
    try:
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0].rstrip(".")  # what follows is torch's own affair
        raise InvalidInput(f"device={device!r} cannot be used here: {reason}. Try device='cpu'.") from error
    if target.type == "meta":
        raise InvalidInput("device='meta' holds no values. Try device='cpu'.")
    return target

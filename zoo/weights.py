"""Weights: from a release to a verified local file to a ready module, and back to a file.

A file is looked for beside the card, in the Hub's cache, at plugins' sources and on the Hub (`zoo.releases.files`).
Before it is opened it must look like safetensors, have the announced length and the card's sha256
(`zoo.releases.integrity`). Then the architecture named in its header is built on the meta device and given the tensors,
so that loading draws no random numbers, and every tensor must be there, under its name, in its shape. There is no other
reader: pickles are refused unopened.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from zoo import __version__, registry, rounding
from zoo._util.atomic import replacing
from zoo.errors import ConfigError, InvalidInput, NotSafetensors, UnknownArchitecture, UnknownName, WeightsMismatch
from zoo.releases.cards import CARD, FORMAT, check_format
from zoo.releases.files import obtain
from zoo.releases.integrity import check_layout, hash_file

if TYPE_CHECKING:
    from zoo.model import Model

DTYPES = {str(d).removeprefix("torch."): d for d in (torch.float32, torch.float64, torch.bfloat16, torch.float16)}


# Made in the caller's inference mode, parameters could never take part in autograd, as inverting a generator needs.
@torch.inference_mode(False)
def load(
    release: registry.Release,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    offline: bool | None = None,
) -> Model:
    """The release's model in eval mode; see `zoo.load`."""
    kind, target = _dtype(dtype), _device(device)
    path, source, sha256 = obtain(release, offline=offline)
    address = release.address
    model = read(path)
    described = release.architecture.qualified, _config(release)
    if (model.provenance.architecture, model.provenance.config) != described:
        raise WeightsMismatch(
            f"{path} holds a {model.provenance.architecture} with {model.provenance.config}, but its card describes "
            f"a {described[0]} with {described[1]}. Restore the pair, or train again."
        )
    model.provenance = dataclasses.replace(
        model.provenance,
        release=release.name,
        repo=address.repo if address else release.card.weights.get("repo"),
        revision=address.revision if address else None,
        sha256=sha256,
        source=source,
        columns=release.card.columns,
        training=release.card.training,
        metrics=release.card.metrics,
    )
    return model.to(device=target, dtype=kind)


@torch.inference_mode(False)
def read(path: Path) -> Model:
    """Build the model that a weights file's header describes and give it the file's tensors, as float32, in eval mode.

    Raises NotSafetensors, TruncatedWeights, UnknownArchitecture, ConfigError or WeightsMismatch.
    """
    check_layout(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise NotSafetensors(f"{path} is damaged: {error}. Restore the file.") from error
    header: dict[str, Any] = {}
    try:
        header = dict(json.loads(metadata["zoo"]))
        name, config = header["architecture"], header["config"]
    except (KeyError, ValueError, TypeError, RecursionError):
        name, config = None, None
    format = check_format(path, header.get("format", 0), header.get("made_with"), WeightsMismatch)
    if not isinstance(name, str) or not isinstance(config, dict):
        raise UnknownArchitecture(
            f"{path} has no 'zoo' entry in its header that names architecture and config. It was not written by zoo; "
            "save a model with model.save(path)."
        )
    try:
        architecture = registry.find_architecture(name, quiet=True)
    except UnknownName as error:
        raise UnknownArchitecture(
            f"{path} holds a {name!r}, which is not a registered architecture. {error} "
            "If a plugin provides it, install that plugin; see zoo plugins."
        ) from error
    cls = architecture.resolve()
    if format < FORMAT:
        config, _ = cls.migrate(config, {}, format)
    try:
        with torch.device("meta"), _Uninitialised():
            model = architecture.create(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    # A deflated tensor says for itself how large it is; never more is made of it than the model needs.
    state = rounding.restored(state, max((tensor.numel() for tensor in model.state_dict().values()), default=0))
    if format < FORMAT:
        _, state = cls.migrate(config, state, format)
    _check_tensors(path, model, state)
    model.load_state_dict({key: _widen(tensor) for key, tensor in state.items()}, strict=True, assign=True)
    return model.eval()


def outline(release: registry.Release) -> Model:
    """The release's model on the meta device: all but its values, and without its file of weights. Raises ConfigError
    for what its card says."""
    with torch.device("meta"), _Uninitialised():
        return release.architecture.create(_config(release))


def write(model: Model, path: Path, *, dtype: torch.dtype) -> str:
    """Save `model` to `path` in one step, floating-point tensors as `dtype`; returns the sha256. See `Model.save`."""
    small = dtype in (torch.int8, "int8")
    kind = torch.float32 if small else _dtype(dtype, "int8")
    architecture = registry.architecture_of(type(model))
    header = {
        "format": FORMAT,
        "made_with": f"zoo {__version__}",
        "architecture": architecture.qualified,
        "config": dataclasses.asdict(model.config),
    }
    state = {
        key: tensor.detach().to("cpu", kind if tensor.is_floating_point() else tensor.dtype).contiguous()
        for key, tensor in model.state_dict().items()
    }
    if small:
        state = rounding.rounded(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        # Not save_file, which makes files that only their owner may read.
        temporary.write_bytes(save(state, metadata={"zoo": json.dumps(header, sort_keys=True)}))
        return hash_file(temporary)


def _config(release: registry.Release) -> dict[str, Any]:
    config, card = release.card.config, release.card
    if card.format < FORMAT:
        config, _ = release.architecture.resolve().migrate(config, {}, card.format)
    try:
        return dataclasses.asdict(release.architecture.configure(config))
    except ConfigError as error:
        raise ConfigError(f"{release.folder / CARD}: {error}") from error


class _Uninitialised(TorchFunctionMode):
    """Skips initialisation: on the meta device it does nothing, but normal_ imports torch's compiler, for a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init" or func in (Tensor.normal_, Tensor.uniform_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


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


def _dtype(dtype: str | torch.dtype | None, *besides: str) -> torch.dtype:
    if dtype is None:
        return torch.float32
    found = DTYPES.get(dtype if isinstance(dtype, str) else str(dtype).removeprefix("torch."))
    if found is None:
        raise InvalidInput(f"dtype={dtype!r} is not supported; expected one of {', '.join((*DTYPES, *besides))}.")
    return found


def _device(device: str | torch.device | None) -> torch.device:
    try:
        target = torch.device("cpu" if device is None else device)
        torch.empty(0, device=target)
    except (RuntimeError, TypeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InvalidInput(f"device={device!r} cannot be used here: {reason}. Try device='cpu'.") from error
    if target.type == "meta":
        raise InvalidInput("device='meta' holds no values. Try device='cpu'.")
    return target

"""Weights: from a release to a verified local file to a ready module, and back to a file.

A file is looked for beside the card, then (in a later version) in the Hub cache and on the Hub. Before it is opened it
must look like safetensors, have the announced length and the card's sha256. Then the architecture named in its header
is built on the meta device and given the tensors, so that loading draws no random numbers, and every tensor must be
there, under its name, in its shape. There is no other reader: pickles are refused unopened.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from zoo import registry
from zoo.cards import CARD, WEIGHTS
from zoo.errors import (
    ChecksumMismatch,
    ConfigError,
    InvalidInput,
    NotSafetensors,
    TruncatedWeights,
    UnknownArchitecture,
    UnknownName,
    WeightsMismatch,
    WeightsNotFound,
)

if TYPE_CHECKING:
    from zoo.model import Model

HEADER_LIMIT = 100_000_000  # bytes; safetensors itself reads no longer header

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
    path, source = locate(release, offline=offline)
    pinned = release.card.weights
    sha256 = verify(path, sha256=pinned.get("sha256"), size=pinned.get("bytes"))
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
        repo=pinned.get("repo"),
        revision=pinned.get("revision"),
        sha256=sha256,
        source=source,
        training=release.card.training,
        metrics=release.card.metrics,
    )
    return model.to(device=target, dtype=kind)


def locate(release: registry.Release, *, offline: bool | None = None) -> tuple[Path, str]:
    """The release's weights file and a phrase saying where it was found. Raises WeightsNotFound."""
    path = release.folder / WEIGHTS
    if path.is_file():
        return path, f"beside the card: {path}"
    repo, revision = release.card.weights.get("repo"), release.card.weights.get("revision")
    if repo is None or revision is None:
        raise WeightsNotFound(
            f"{release.name}: no {WEIGHTS} in {release.folder}, and the release is not on the Hub (its card names no "
            f"repository). Make the weights with: zoo train {release.name} --data DIR"
        )
    mode = "offline mode is on" if _offline(offline) else "this version of zoo does not download"
    raise WeightsNotFound(
        f"{release.name}: no {WEIGHTS} in {release.folder}, and {mode}. "
        f"Fetch it from {repo} at revision {revision} and put it into that folder."
    )


def verify(path: Path, *, sha256: str | None, size: int | None = None) -> str:
    """Check that `path` is a complete safetensors file with this sha256, and return its sha256.

    A file that was verified before, with the same size and modification time, is not hashed again. With `sha256` None
    (a folder whose card pins nothing) the file's own hash is returned. Nothing is ever deleted.
    Raises NotSafetensors, TruncatedWeights or ChecksumMismatch.
    """
    _check_layout(path, size)
    stat = path.stat()
    where = str(path.resolve())
    state = {"path": where, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    marker = _state_folder() / f"{hashlib.sha256(where.encode()).hexdigest()}.json"
    actual = _remembered(marker, state)
    if actual is None or (sha256 is not None and actual != sha256):
        actual = _hash(path)  # never refused on the word of a note
    if sha256 is not None and actual != sha256:
        raise ChecksumMismatch(
            f"{path} ({stat.st_size} bytes) has sha256 {actual}, but its card says {sha256}. The file was changed or "
            "damaged and is not loaded; it was left as it is. Reinstall zoo, or restore the file."
        )
    _remember(marker, {**state, "sha256": actual})
    return actual


@torch.inference_mode(False)
def read(path: Path) -> Model:
    """Build the model that a weights file's header describes and give it the file's tensors, as float32, in eval mode.

    Raises NotSafetensors, TruncatedWeights, UnknownArchitecture, ConfigError or WeightsMismatch.
    """
    _check_layout(path, None)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise NotSafetensors(f"{path} is damaged: {error}. Restore the file.") from error
    try:
        header = json.loads(metadata["zoo"])
        name, config = header["architecture"], header["config"]
    except (KeyError, ValueError, TypeError, RecursionError):
        name, config = None, None
    if not isinstance(name, str) or not isinstance(config, dict):
        raise UnknownArchitecture(
            f"{path} has no 'zoo' entry in its header that names architecture and config. It was not written by zoo; "
            "save a model with model.save(path)."
        )
    try:
        architecture = registry.find_architecture(name)
    except UnknownName as error:
        raise UnknownArchitecture(
            f"{path} holds a {name!r}, which is not a registered architecture. {error} "
            "If a plugin provides it, install that plugin; see zoo plugins."
        ) from error
    try:
        with torch.device("meta"), _Uninitialised():
            model = architecture.create(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    _check_tensors(path, model, state)
    model.load_state_dict({key: _widen(tensor) for key, tensor in state.items()}, strict=True, assign=True)
    return model.eval()


def write(model: Model, path: Path, *, dtype: torch.dtype) -> str:
    """Save `model` to `path` in one step, floating-point tensors as `dtype`; returns the sha256. See `Model.save`."""
    dtype = _dtype(dtype)
    architecture = registry.architecture_of(type(model))
    header = {"architecture": architecture.qualified, "config": dataclasses.asdict(model.config)}
    state = {
        key: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for key, tensor in model.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Not save_file, which makes files that only their owner may read.
        temporary.write_bytes(save(state, metadata={"zoo": json.dumps(header, sort_keys=True)}))
        sha256 = _hash(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return sha256


def _config(release: registry.Release) -> dict[str, Any]:
    try:
        return dataclasses.asdict(release.architecture.configure(release.card.config))
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


def _check_layout(path: Path, size: int | None) -> None:
    """A safetensors file is an 8-byte little-endian header length, a JSON header, and the tensors' bytes."""
    actual = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
        length = int.from_bytes(start[:8], "little")
        # First of all what a safetensors file looks like: the length of its header may happen to read "PK" or "<".
        if start[8:9] != b"{" or length > HEADER_LIMIT:
            raise _stranger(path, start, actual, size)
        if size is not None and actual < size:
            raise _truncated(path, actual, f"its card says {size}")
        if 8 + length > actual:
            raise _truncated(path, actual, "it ends inside its header")
        file.seek(8)
        try:
            header = json.loads(file.read(length))
            ends = [int(entry["data_offsets"][1]) for key, entry in header.items() if key != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise NotSafetensors(f"{path} has a damaged header: {error}. Fetch or make it again.") from error
    announced = 8 + length + max(ends, default=0)
    if announced > actual:
        raise _truncated(path, actual, f"its header announces {announced}")


def _truncated(path: Path, actual: int, reason: str) -> TruncatedWeights:
    return TruncatedWeights(f"{path} has {actual} bytes, but {reason}. The copy broke off: fetch it again.")


def _stranger(path: Path, start: bytes, actual: int, size: int | None) -> NotSafetensors | TruncatedWeights:
    """What a file is that does not begin like safetensors, as far as its first bytes tell."""
    if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"):
        return NotSafetensors(
            f"{path} is a pickle, whatever its name says. Pickles run code when opened, and zoo never opens one. "
            "Ask its author for safetensors."
        )
    if start.lstrip()[:1] == b"<" or start.startswith(b"version https://git-lfs"):
        return NotSafetensors(f"{path} is a web page or a pointer, not weights. Download the file itself.")
    if len(start) < 9 and size is not None:
        return _truncated(path, actual, f"its card says {size}")
    return NotSafetensors(f"{path} ({actual} bytes) is not a safetensors file. Fetch or make it again.")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("ZOO_HOME") or os.path.join(cache, "zoo")) / "verified"


def _remembered(marker: Path, state: dict[str, Any]) -> str | None:
    try:
        known = json.loads(marker.read_text())
        sha256 = known.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return sha256 if known == state and isinstance(sha256, str) else None


def _remember(marker: Path, state: dict[str, Any]) -> None:
    """Best effort: on a read-only or full disk the file is simply hashed again next time."""
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        temporary = marker.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(state))
        temporary.replace(marker)
    except OSError:
        return


def _offline(offline: bool | None) -> bool:
    if offline is not None:
        return offline
    switches = (os.environ.get(name, "").lower() for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE"))
    return any(switch in ("1", "true", "yes", "on") for switch in switches)


def _dtype(dtype: str | torch.dtype | None) -> torch.dtype:
    if dtype is None:
        return torch.float32
    found = DTYPES.get(dtype if isinstance(dtype, str) else str(dtype).removeprefix("torch."))
    if found is None:
        raise InvalidInput(f"dtype={dtype!r} is not supported; expected one of {', '.join(DTYPES)}.")
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

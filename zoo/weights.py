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
from safetensors.torch import save_file
from torch import Tensor

from zoo import registry
from zoo.cards import WEIGHTS
from zoo.errors import (
    ChecksumMismatch,
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

DTYPES = {str(d).removeprefix("torch."): d for d in (torch.float32, torch.float64, torch.bfloat16, torch.float16)}


def load(
    release: registry.Release,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    offline: bool | None = None,
) -> Model:
    """The release's model in eval mode; see `zoo.load`."""
    from zoo.model import Provenance

    kind, target = _dtype(dtype), _device(device)
    path, source = locate(release, offline=offline)
    pinned = release.card.weights
    sha256 = verify(path, sha256=pinned.get("sha256"), size=pinned.get("bytes"))
    model = read(path)
    architecture = model.provenance.architecture
    if architecture != release.architecture.qualified or model.provenance.config != _plain(release):
        raise WeightsMismatch(
            f"{path} holds a {architecture} with {model.provenance.config}, but its card describes "
            f"a {release.architecture.qualified} with {_plain(release)}. Restore the pair, or train again."
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
    state = {"path": str(path.resolve()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    marker = _state_folder() / f"{hashlib.sha256(state['path'].encode()).hexdigest()}.json"
    actual = _remembered(marker, state) or _hash(path)
    if sha256 is not None and actual != sha256:
        raise ChecksumMismatch(
            f"{path} ({stat.st_size} bytes) has sha256 {actual}, but its card says {sha256}. The file was changed or "
            "damaged and is not loaded; it was left as it is. Reinstall zoo, or restore the file."
        )
    _remember(marker, {**state, "sha256": actual})
    return actual


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
    except (KeyError, ValueError, TypeError) as error:
        raise UnknownArchitecture(
            f"{path} has no 'zoo' entry in its header that names architecture and config. Was it written by zoo?"
        ) from error
    try:
        architecture = registry.find_architecture(name)
    except UnknownName as error:
        raise UnknownArchitecture(
            f"{path} holds a {name!r}, which is not a registered architecture. {error} "
            "If a plugin provides it, install that plugin; see zoo plugins."
        ) from error
    with torch.device("meta"):
        model = architecture.create(config)
    _check_tensors(path, model, state)
    model.load_state_dict({key: _widen(tensor) for key, tensor in state.items()}, strict=True, assign=True)
    return model.requires_grad_(True).eval()


def write(model: Model, path: Path, *, dtype: torch.dtype) -> str:
    """Save `model` to `path` in one step, floating-point tensors as `dtype`; returns the sha256. See `Model.save`."""
    architecture = registry.architecture_of(type(model))
    header = {"architecture": architecture.qualified, "config": dataclasses.asdict(model.config)}
    state = {
        key: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for key, tensor in model.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    save_file(state, temporary, metadata={"zoo": json.dumps(header, sort_keys=True)})
    temporary.replace(path)
    return _hash(path)


def _plain(release: registry.Release) -> dict[str, Any]:
    return dataclasses.asdict(release.architecture.configure(release.card.config))


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _check_tensors(path: Path, model: Model, state: dict[str, Tensor]) -> None:
    expected = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in state.items()}
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    wrong = [f"{k} {found[k]} instead of {expected[k]}" for k in expected.keys() & found.keys() if found[k] != expected[k]]
    problems = [
        f"{what}: {', '.join(keys[:5])}{' …' if len(keys) > 5 else ''}"
        for what, keys in (("missing", missing), ("unexpected", extra), ("of wrong shape", sorted(wrong)))
        if keys
    ]
    if problems:
        raise WeightsMismatch(
            f"{path} does not fit {model.provenance.architecture}. Tensors {'; '.join(problems)}. "
            "The file belongs to another architecture, config or version; nothing was loaded."
        )


def _check_layout(path: Path, size: int | None) -> None:
    """A safetensors file is an 8-byte little-endian header length, a JSON header, and the tensors' bytes."""
    actual = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
        length = int.from_bytes(start[:8], "little")
        if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"):
            raise NotSafetensors(f"{path} is a pickle, whatever its name says. Pickles run code when opened; zoo never opens one.")
        if start.lstrip()[:1] == b"<" or start.startswith(b"version https://git-lfs"):
            raise NotSafetensors(f"{path} is a web page or a pointer, not weights. Download the file itself.")
        if size is not None and actual < size:
            raise TruncatedWeights(f"{path} has {actual} bytes; its card says {size}. The copy broke off: fetch it again.")
        if len(start) < 9 or start[8:9] != b"{":
            raise NotSafetensors(f"{path} ({actual} bytes) is not a safetensors file. Fetch or make it again.")
        if 8 + length > actual:
            raise TruncatedWeights(f"{path} ends inside its header. The copy broke off: fetch it again.")
        file.seek(8)
        try:
            header = json.loads(file.read(length))
            end = max((entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise NotSafetensors(f"{path} has a damaged safetensors header: {error}. Fetch or make it again.") from error
    if 8 + length + end > actual:
        raise TruncatedWeights(
            f"{path} has {actual} bytes, but its header announces {8 + length + end}. The copy broke off: fetch it again."
        )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state_folder() -> Path:
    root = os.environ.get("ZOO_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zoo"
    return Path(root) / "verified"


def _remembered(marker: Path, state: dict[str, Any]) -> str | None:
    try:
        known = json.loads(marker.read_text())
        sha256 = known.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return sha256 if known == state else None


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
    return any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE"))


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
        reason = str(error).splitlines()[0]
        raise InvalidInput(f"device={device!r} cannot be used here: {reason} Try device='cpu'.") from error
    return target

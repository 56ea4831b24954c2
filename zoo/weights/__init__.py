"""Weights files: safetensors whose header names format, architecture and config.

Before a file is opened it must look like safetensors (`zoo.releases.integrity`). There is no other reader: pickles are
refused unopened. `zoo.building` makes a model of what is read here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from zoo import registry
from zoo._util import shortage
from zoo._util.atomic import replacing
from zoo._util.version import __version__
from zoo.errors import ChecksumMismatch, InvalidInput, NotSafetensors, UnknownArchitecture, WeightsMismatch
from zoo.noise import Noise
from zoo.releases.cards import FORMAT, check_format, integer
from zoo.releases.integrity import check_layout, hash_file
from zoo.weights import rounding

if TYPE_CHECKING:
    from zoo.model import Model

DTYPES = {str(d).removeprefix("torch."): d for d in (torch.float32, torch.float64, torch.bfloat16, torch.float16)}


@dataclasses.dataclass(frozen=True)
class Stored:
    """What a weights file holds: its header, and the tensors under their names there, as they are stored."""

    path: Path
    format: int
    version: int
    noise: int  # the format whose samples its seeds draw
    architecture: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]


def read_tensors(path: Path, *, sha256: str | None = None) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a safetensors file, which is read once: what was hashed is what is parsed, and nothing of
    it stays mapped to a file that may change. Raises ChecksumMismatch, where a `sha256` is expected, or
    NotSafetensors."""
    content = path.read_bytes()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ChecksumMismatch(
            f"{path} was changed while it was read; its sha256 is no longer {sha256}. Load it again."
        )
    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return dict(header.get("__metadata__") or {}), tensors
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        if shortage.explain(error):
            raise
        raise NotSafetensors(f"{path} is damaged: {' '.join(str(error).split())[:200]}. Restore the file.") from error


def read(path: Path, *, sha256: str | None = None) -> Stored:
    """The header and the tensors of a weights file. Raises NotSafetensors, TruncatedWeights, ChecksumMismatch for one
    that has another than this sha256, UnknownArchitecture for a file that names none, or WeightsMismatch for one of a
    later format."""
    check_layout(path)
    metadata, tensors = read_tensors(path, sha256=sha256)
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
    version, noise = (
        integer(path, what, header.get(what, earlier), WeightsMismatch)
        for what, earlier in (("version", 0), ("noise", format))
    )
    return Stored(path, format, version, noise, name, config, tensors)


def write(model: Model, path: Path, *, dtype: torch.dtype) -> str:
    """Save `model` to `path` in one step, floating-point tensors as `dtype`; returns the sha256. See `Model.save`."""
    small = dtype in (torch.int8, "int8")
    kind = torch.float32 if small else floating(dtype, "int8")
    architecture = registry.architecture_of(type(model))
    header = {
        "format": FORMAT,
        "made_with": f"zoo {__version__}",
        "architecture": architecture.qualified,
        "config": dataclasses.asdict(model.config),
    } | ({"version": model.version} if model.version else {})
    if model.noise_class is not Noise:
        header["noise"] = 1  # the format whose samples it draws, as a copy does
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in _unwrapped(model).items()}
    kept = {key: state.pop(key) for key in rounding.listed(model, "exact") & state.keys()}
    state = {key: rounding.narrowed(tensor, kind) for key, tensor in state.items()}
    if small:
        halved = {key: state.pop(key) for key in rounding.listed(model, "halved") & state.keys()}
        kept |= {key: rounding.narrowed(tensor, torch.float16) for key, tensor in halved.items()}
        state = rounding.rounded(state)
    state |= kept
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        # Not save_file, which makes files that only their owner may read.
        temporary.write_bytes(save(state, metadata={"zoo": json.dumps(header, sort_keys=True)}))
        return hash_file(temporary)


def _unwrapped(model: Model) -> dict[str, Tensor]:
    """The tensors under the names that a new model of this config has for them, without those that torch.compile puts
    before the names of a network. Raises InvalidInput when something else has changed the names or shapes, and for a
    model on the meta device."""
    state = {
        ".".join(part for part in key.split(".") if part != "_orig_mod"): tensor
        for key, tensor in model.state_dict().items()
    }
    if any(tensor.is_meta for tensor in state.values()):
        raise InvalidInput("the model is on the meta device, where it has no weights. Load it, or make it on a cpu.")
    with torch.device("meta"):
        expected = type(model)(model.config).state_dict()
    strange = sorted(state.keys() ^ expected.keys())
    strange += sorted(key for key in state.keys() & expected.keys() if state[key].shape != expected[key].shape)
    if strange:
        raise InvalidInput(
            f"the model is not as its config says: {', '.join(strange[:3])}{' …' if strange[3:] else ''} came, went or "
            "changed its shape, and such a file could not be loaded. Remove what a network was wrapped or parametrised "
            "by, with torch.nn.utils.parametrize.remove_parametrizations for instance, and save it then."
        )
    return state


def floating(dtype: str | torch.dtype | None, *besides: str) -> torch.dtype:
    """The floating-point type that is meant, by default float32. Raises InvalidInput for any other; `besides` are
    what else it names as possible."""
    if dtype is None:
        return torch.float32
    found = DTYPES.get(dtype if isinstance(dtype, str) else str(dtype).removeprefix("torch."))
    if found is None:
        raise InvalidInput(f"dtype={dtype!r} is not supported; expected one of {', '.join((*DTYPES, *besides))}.")
    return found

"""Checkpoints: networks, moving average and optimizers in one safetensors file, enough to continue bit for bit.

The header's text begins with a sha256 of everything else in the file, so that what is damaged is not resumed from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save as serialise
from torch import Tensor, nn

from zoo._util import shortage
from zoo._util.atomic import replacing
from zoo.errors import NotSafetensors, TrainingError
from zoo.recipe import FIT_BEFORE
from zoo.weights import read_tensors

KEY = "zoo-checkpoint"


class Restored(NamedTuple):
    """The step that a checkpoint was written after, and what it holds of the log: steps that await their line."""

    step: int
    unlogged: list[dict[str, Any]]


def save(
    path: Path,
    step: int,
    settings: dict[str, Any],
    parts: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    unlogged: Sequence[dict[str, Any]] = (),
) -> None:
    """Write everything that `load` needs to go on after `step`, at once: a crash leaves the previous file whole.

    settings: the run's recipe and config, and what tells its data from others, plain values. unlogged: of the steps
    since the log's last line, plain values.
    """
    tensors: dict[str, Tensor] = {}
    for part, module in parts.items():
        tensors |= {f"{part}/{key}": value for key, value in module.state_dict().items()}
    plain: dict[str, Any] = {}
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        plain[name] = state["param_groups"]
        for index, entries in state["state"].items():
            tensors |= {f"optimizer/{name}/{index}/{key}": torch.as_tensor(value) for key, value in entries.items()}
    # safetensors refuses tensors that share memory or are not contiguous, such as channels_last weights.
    tensors = {key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()}
    text = json.dumps({"step": step, "settings": settings, "groups": plain, "unlogged": list(unlogged)})
    content = serialise(tensors, metadata={KEY: f"{_digest(text, tensors)} {text}"})
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, durable=True) as temporary:
        temporary.write_bytes(content)


def load(
    path: Path, settings: dict[str, Any], parts: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]
) -> Restored:
    """Restore a checkpoint in place and return what else it holds.

    Raises TrainingError when it is missing, damaged, or of a run with other settings.
    """
    try:
        metadata, tensors = read_tensors(path)
        header = _header(metadata, tensors)
        step, then, groups = int(header["step"]), dict(header["settings"]), dict(header["groups"])
        restored = Restored(step, [dict(each) for each in header.get("unlogged", ())])
    except (OSError, NotSafetensors, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        if shortage.explain(error):
            raise
        raise _unusable(path, error) from error
    _check_settings(path, then, json.loads(json.dumps(settings)))
    try:
        for part, module in parts.items():
            module.load_state_dict(_under(f"{part}/", tensors), strict=True)
        for name, optimizer in optimizers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(f"optimizer/{name}/", tensors).items():
                index, _, entry = key.partition("/")
                state.setdefault(int(index), {})[entry] = value
            optimizer.load_state_dict({"state": state, "param_groups": groups[name]})
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        if shortage.explain(error):
            raise
        raise _unusable(path, error) from error
    return restored


def _header(metadata: dict[str, str], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The header, if everything in the file is as it was written, or ValueError."""
    if metadata.keys() != {KEY}:
        raise ValueError(f"its header has {', '.join(sorted(metadata)) or 'no entry'} instead of {KEY}")
    text = metadata[KEY]
    if not text.startswith("{"):  # as in files of before there was a digest
        digest, _, text = text.partition(" ")
        if digest != _digest(text, tensors):
            raise ValueError("it is damaged: its content has another sha256 than it was written with")
    header: dict[str, Any] = json.loads(text)
    return header


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    found = hashlib.sha256(text.encode())
    for key, tensor in sorted(tensors.items()):
        found.update(f"\n{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _check_settings(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise TrainingError when a run was begun with settings, or on data, that are not these."""
    if "fit" in now:  # which checkpoints lack that were written before there was a choice
        then.setdefault("fit", FIT_BEFORE)
    if "holdout" in now:  # what is drawn of nothing is the same
        then.setdefault("holdout_seed", None if now["holdout"] else now["holdout_seed"])
    if "steps" not in now:  # which a run that can be made longer does not depend on; it was once held for all
        then.pop("steps", None)
    before, data = then.pop("data", None), now.pop("data", None)
    changed = sorted(key for key in now | then if now.get(key) != then.get(key))
    if changed:
        raise TrainingError(
            f"{path} belongs to a run with other settings ({', '.join(changed)}). Resume with the same, or start again."
        )
    if before is not None and data is not None and before != data:
        counts = [str(each.get("samples")) for each in (before, data)]
        came = "as many others" if len(set(counts)) == 1 else counts[1]
        raise TrainingError(
            f"{path} belongs to a run on other data: {counts[0]} samples then, now {came}. Resume with the same data, "
            "or begin anew on these: with --force instead of --resume, or with another --out."
        )


def _unusable(path: Path, error: Exception) -> TrainingError:
    reason, cure = " ".join(str(error).split()).rstrip("."), "Begin anew, with --force instead of --resume."
    return TrainingError(f"{path} is no checkpoint to resume from: {reason}. {cure}")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

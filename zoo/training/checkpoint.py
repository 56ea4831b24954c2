"""Checkpoints: networks, moving average and optimizers in one safetensors file, enough to continue bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo._util.atomic import replacing
from zoo.errors import NotSafetensors, TrainingError
from zoo.recipe import FIT_BEFORE
from zoo.weights import read_tensors


def save(
    path: Path,
    step: int,
    settings: dict[str, Any],
    parts: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
) -> None:
    """Write everything that `load` needs to go on after `step`, at once: a crash leaves the previous file whole.

    settings: the run's recipe and config, plain values.
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
    header = {"step": step, "settings": settings, "groups": plain}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"zoo-checkpoint": json.dumps(header)})


def load(
    path: Path, settings: dict[str, Any], parts: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]
) -> int:
    """Restore a checkpoint in place and return the step it was written after.

    Raises TrainingError when it is missing, damaged, or of a run with other settings.
    """
    try:
        metadata, tensors = read_tensors(path)
        header = json.loads(metadata["zoo-checkpoint"])
        step, then, groups = int(header["step"]), dict(header["settings"]), dict(header["groups"])
    except (OSError, NotSafetensors, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _unusable(path, error) from error
    now = json.loads(json.dumps(settings))
    if "fit" in now:  # which checkpoints lack that were written before there was a choice
        then.setdefault("fit", FIT_BEFORE)
    if "steps" not in now:  # which a run that can be made longer does not depend on; it was once held for all
        then.pop("steps", None)
    changed = sorted(key for key in now | then if now.get(key) != then.get(key))
    if changed:
        raise TrainingError(
            f"{path} belongs to a run with other settings ({', '.join(changed)}). Resume with the same, or start again."
        )
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
        raise _unusable(path, error) from error
    return step


def _unusable(path: Path, error: Exception) -> TrainingError:
    reason = " ".join(str(error).split())
    return TrainingError(f"{path} is no checkpoint to resume from: {reason}. Start anew, without --resume.")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

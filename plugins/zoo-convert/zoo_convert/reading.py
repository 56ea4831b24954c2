"""Files to tensors, without running anything in them."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zoo.plugin import errors

PICKLED = (".pth", ".pt", ".tar", ".ckpt", ".bin", ".model")
NO_ZIP = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError)  # torch says it better
# What torch says of a class or function that it does not call to read a file, before its name.
FOREIGN = re.compile(r"(?:GLOBAL|unrecognized function|via `add_safe_globals`,? but got)\W+(?:class\W+)?([\w.]+)")


def read(path: Path) -> dict[str, Any]:
    """What is in a checkpoint: tensors by their keys, or dictionaries of these among other things.

    Raises DataError for a file that is not there, of an unknown kind or damaged, and for one that would have to run
    code to be read, which it is not.
    """
    if not path.is_file():
        raise errors.DataError(f"{path} is no file. Pass the checkpoint.")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise errors.DataError(f"{path} is damaged: {' '.join(str(error).split())[:200]}. Restore it.") from error
    if path.suffix not in PICKLED:
        raise errors.DataError(f"{path} is none of .safetensors, {', '.join(PICKLED)}. Save its tensors so.")
    _check_packing(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of types of storage that torch itself no longer makes
            held = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError) as error:
        raise errors.DataError(_refused(path, error)) from error
    except MemoryError:
        raise
    except Exception as error:  # whatever the unpickler comes upon in a damaged file
        raise errors.DataError(f"{path} is damaged: {' '.join(str(error).split())[:200]}. Restore it.") from error
    if not isinstance(held, Mapping):
        raise errors.DataError(f"{path} holds a {type(held).__name__}; expected a state dict, or a dictionary of some.")
    for each in (held, *held.values()):
        if isinstance(each, Mapping):
            _check_held(path, each)
    return dict(held)


def unfolded(paths: Sequence[Path]) -> tuple[list[Path], dict[str, Any]]:
    """The checkpoints, of a diffusers folder its weights; and what such a folder's config.json says of the model, with
    what is said of its scheduler as `scheduler`. Raises DataError for a folder without either."""
    files: list[Path] = []
    settings: dict[str, Any] = {}
    for path in paths:
        if path.is_dir():
            inner = path / "unet" if (path / "unet").is_dir() else path
            weights = [inner / f"diffusion_pytorch_model{suffix}" for suffix in (".safetensors", ".bin")]
            described = _described(inner / "config.json")
            schedules = [path / "scheduler" / "scheduler_config.json", path / "scheduler_config.json"]
            schedule = next((each for each in schedules if each.is_file()), None)
            settings = described | ({"scheduler": _described(schedule)} if schedule else {})
            path = next((each for each in weights if each.is_file()), weights[0])
        files.append(path)
    return files, settings


def _described(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise errors.DataError(f"{path} cannot be read as JSON: {error}. Pass the checkpoint itself.") from error
    if not isinstance(held, dict):
        raise errors.DataError(f"{path} holds a {type(held).__name__}; expected an object. Pass the checkpoint itself.")
    return held


def tensors(held: Mapping[str, Any], within: Sequence[str]) -> tuple[dict[str, Tensor], str, list[str]]:
    """The tensors of a checkpoint by their keys, without the "module." of torch's DataParallel; the entry under which
    they were, "" if they are all there is; and other entries, which hold no weights of this model.

    Raises DataError if there are none.
    """
    for name in ("", *within):
        found = held if not name else held.get(name)
        if isinstance(found, Mapping) and found and all(isinstance(each, Tensor) for each in found.values()):
            prefix = "module." if all(str(key).startswith("module.") for key in found) else ""
            state = {str(key).removeprefix(prefix): each.detach() for key, each in found.items()}
            return state, name, [str(key) for key in held if name and key != name]
    raise errors.DataError(
        f"no state dict is in this checkpoint, whose entries are {', '.join(map(str, list(held)[:9]))}; expected "
        f"tensors, or one of {', '.join(within)}. Save that part of it by itself."
    )


def _check_packing(path: Path) -> None:
    """Raise DataError for a file with more in it than it is long, which torch.save never writes: it packs nothing."""
    most = held = path.stat().st_size
    with contextlib.suppress(*NO_ZIP), zipfile.ZipFile(path) as file:
        held = sum(each.file_size for each in file.infolist())
    if held > most:
        raise errors.DataError(f"{path} has {most} bytes and unpacks to {held}. Save it again, by torch.save.")


def _check_held(path: Path, held: Mapping[Any, Any]) -> None:
    """Raise DataError for a tensor that is no array of real numbers, or a larger one than the file holds."""
    for key, each in held.items():
        if not isinstance(each, Tensor):
            continue
        kind = str(each.layout).removeprefix("torch.")
        if each.is_meta or kind != "strided" or each.is_complex() or each.is_quantized:
            what = f"of {each.dtype} on {each.device}, {kind}"
        elif each.numel() * each.element_size() > (count := each.untyped_storage().nbytes()):
            what = f"of shape {tuple(each.shape)}, and the file has {count} bytes of it"
        else:
            continue
        raise errors.DataError(f"{path}: {key} is {what}; expected a plain array of real numbers. Save it as one.")


def _refused(path: Path, error: Exception) -> str:
    named = FOREIGN.search(str(error))
    if named is None:
        with path.open("rb") as file:
            begins = file.read(24)
        how = f"it begins with {ascii(begins)[1:]}" if begins else "it is empty"
        return f"{path} is damaged or no checkpoint; {how}. Restore it, or download the file itself."
    return (
        f"{path} wants to run code to be read ({named[1]}), which may do anything, and was not. If you trust where it "
        "is from, take out the tensors with the repository that made it, as torch.save(model.state_dict(), "
        "'weights.pth'), and convert that."
    )

"""Files to tensors, without running anything in them."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zoo.plugin import errors
from zoo_convert import graphs

SHORT = 60  # characters of a name that a message tells
DEEPEST = 50  # dictionaries and networks, one in another
PACKED = 4  # times as much as a file is long, at most, is unpacked of it
NO_ZIP = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError)  # torch says it better
# What torch says of a class or function that it does not call to read a file, before its name.
FOREIGN = re.compile(r"(?:GLOBAL|unrecognized function|via `add_safe_globals`,? but got)\W+(?:class\W+)?([\w.]+)")
# What scripts keep beside tensors, settings and numpy's numbers: of these nothing is made.
UNREAD = (
    "argparse.Namespace",
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in ("PosixPath", "WindowsPath")),
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    "numpy.dtype",
    "numpy.ndarray",
)
# What a module calls a network in it, whose tensors then have names that begin so.
NETWORK = re.compile(r"(net_?)?G(_\w+)?|g_ema|gen(erator)?(_\w+)?|(ema_)?model|net(work)?|module|vae|flow|unet")
WRAPPED = re.compile(r"^(module\.)+")  # by DataParallel
# What torch's wrappers and parametrizations call the same tensors: (found, known).
RENAMED = (
    (re.compile(r"(^|\.)_orig_mod\."), r"\1"),
    (re.compile(r"\.parametrizations\.(\w+)\.original$"), r".\1_orig"),
    (re.compile(r"\.parametrizations\.(\w+)\.0\._([uv])$"), r".\1_\2"),
    (re.compile(r"\.parametrizations\.(\w+)\.original0$"), r".\1_g"),
    (re.compile(r"\.parametrizations\.(\w+)\.original1$"), r".\1_v"),
)


@dataclass(frozen=True)
class Weights:
    """A state dict of a checkpoint, at `path`. entry: the keys that lead to it, with dots between, "" if it is all
    there is; beside: the names in each dictionary on the way, with the one that leads to it."""

    path: Path
    state: dict[str, Tensor]
    entry: str
    beside: tuple[tuple[Sequence[str], str], ...]

    @property
    def others(self) -> list[str]:
        """What is beside it and the keys on the way."""
        return [name for names, own in self.beside for name in names if name != own]


class Unread:
    """Stands for a value of which nothing is made."""

    def __new__(cls, *_: object) -> Unread:
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None: ...


def read(path: Path) -> list[Weights]:
    """All state dicts of a checkpoint, the largest first: its own tensors, those of a dictionary in it, and those of a
    network within a module (NETWORK).

    Raises DataError for a file that is not there, damaged or without any, for one whose tensors are too deep in it or
    cannot be told apart, and for one that would have to run code to be read, which it is not.
    """
    if not path.is_file():
        raise errors.DataError(f"{path} is no file. Pass the checkpoint.")
    held = _held(path)
    if not isinstance(held, Mapping):
        raise errors.DataError(f"{path} holds a {type(held).__name__}; expected a state dict, or a dictionary of some.")
    found = [each for each in _within(path, held, "", (), {id(held)}) if each.state]
    if not found:
        entries = ", ".join(map(str, list(held)[:9])) or "none"
        raise errors.DataError(f"{path} has no tensors; its entries are {entries}. Save the state dict by itself.")
    for each in found:
        _check_state(path, each.state)
    return sorted(found, key=lambda each: len(each.state), reverse=True)


def _held(path: Path) -> Any:
    if path.suffix == ".onnx":
        return graphs.read(path)
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise errors.DataError(f"{path} is damaged: {' '.join(str(error).split())[:200]}. Restore it.") from error
    _check_packing(path)
    try:
        with _unread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of types of storage that torch itself no longer makes
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError) as error:
        raise errors.DataError(_refused(path, error)) from error
    except MemoryError:
        raise
    except Exception as error:  # whatever the unpickler comes upon in a damaged file
        raise errors.DataError(f"{path} is damaged: {' '.join(str(error).split())[:200]}. Restore it.") from error


@contextlib.contextmanager
def _unread() -> Iterator[None]:
    """Let torch.load pass over what is UNREAD."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    names = [name.rpartition(".") for name in UNREAD]
    torch.serialization.add_safe_globals([type(name, (Unread,), {"__module__": module}) for module, _, name in names])
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _within(
    path: Path, held: Mapping[Any, Any], entry: str, beside: tuple[tuple[Sequence[str], str], ...], seen: set[int]
) -> Iterator[Weights]:
    """The state dicts of a dictionary that is at `entry` of a checkpoint. seen: the ids of the checkpoint's own
    dictionaries that were come upon, as a pickle may hold itself."""
    if len(beside) > DEEPEST:
        raise errors.DataError(
            f"{path} has more than {DEEPEST} dictionaries or networks one in another, from {entry[:SHORT]}… on. Save "
            "the state dict by itself."
        )
    first = f"{entry}." if entry else ""
    state = _renamed(path, held)
    names = [first + str(key) for key, each in held.items() if not isinstance(each, Tensor)]
    yield Weights(path, state, entry, (*beside, (names, "")))
    networks: dict[str, dict[str, Tensor]] = {}
    for key, each in state.items():
        word, _, rest = key.partition(".")
        networks.setdefault(word, {})
        if rest:
            networks[word][rest] = each
    names = [*names, *(first + word for word in networks)]
    for word, inner in networks.items():
        if inner and NETWORK.fullmatch(word):
            yield from _within(path, inner, first + word, (*beside, (names, first + word)), seen)
    for key, each in held.items():
        # Under numbers is an optimizer's state.
        if isinstance(each, Mapping) and isinstance(key, str) and id(each) not in seen:
            seen.add(id(each))
            yield from _within(path, each, first + key, (*beside, (names, first + key)), seen)


def _renamed(path: Path, held: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors of a dictionary without what torch's wrappers add to their names. Raises DataError for two that then
    have one name."""
    state: dict[str, Tensor] = {}
    theirs: dict[str, Any] = {}
    for key, each in held.items():
        if not isinstance(each, Tensor):
            continue
        name = str(key)
        for found, known in RENAMED:
            name = found.sub(known, name)
        if name in state:
            raise errors.DataError(f"{path}: {theirs[name]!r} and {key!r} are both called {name}. Save one of them.")
        state[name], theirs[name] = each.detach(), key
    wrapped = min((len(key) - len(WRAPPED.sub("", key)) for key in state), default=0)
    return {key[wrapped:]: each for key, each in state.items()}


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


def _check_packing(path: Path) -> None:
    """Raise DataError for a file with much more in it than it is long: torch.save packs nothing, and weights hardly
    get shorter when others do."""
    size, held = path.stat().st_size, 0
    with contextlib.suppress(*NO_ZIP), zipfile.ZipFile(path) as file:
        held = sum(each.file_size for each in file.infolist())
    if held > PACKED * size:
        raise errors.DataError(f"{path} has {size} bytes and unpacks to {held}. Save it again, by torch.save.")


def _check_state(path: Path, state: Mapping[str, Tensor]) -> None:
    """Raise DataError for a tensor that is no array of real numbers, has none, or is larger than the file holds."""
    for key, each in state.items():
        kind = str(each.layout).removeprefix("torch.")
        if each.is_meta or kind != "strided" or each.is_complex() or each.is_quantized:
            what = f"of {each.dtype} on {each.device}, {kind}"
        elif not each.numel():
            what = f"of shape {tuple(each.shape)}, of no elements"
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

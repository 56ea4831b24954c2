"""Words of the command line turned into values: KEY=VALUE settings, conditions, files to read, places to write."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from zoo import decoding
from zoo.errors import DataError, InvalidInput
from zoo.hub.address import PREFIX, Address

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model
    from zoo.spaces import Space

Force = Annotated[bool, typer.Option("--force", help="Write over what is there already.")]
# YAML 1.1, which PyYAML reads, takes 1e-4 for a word because it has no point.
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def settings(words: Iterable[str] | None) -> dict[str, Any]:
    """`["steps=100", "objective.learning_rate=1e-4"]` as a dictionary, values read as YAML. Raises InvalidInput."""
    found: dict[str, Any] = {}
    for word in words or ():
        key, equals, text = word.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f"{word!r} is no setting; expected KEY=VALUE, for example steps=100.")
        try:
            value = float(text) if _EXPONENT.fullmatch(text.strip()) else yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvalidInput(f"the value of {word!r} is no valid YAML. Quote it, or write it more simply.") from error
        if isinstance(value, dict):
            raise InvalidInput(f"the value of {word!r} is a mapping; expected a number, a word, true, false or a list.")
        found[key.strip()] = value
    return found


def conditions(words: Sequence[str] | None, model: Model) -> list[Any] | None:
    """What `model` may be told by repeated options: class names and indices from comma lists, texts as they are."""
    return model.condition.words(words) if words else None


def sample_files(
    words: Iterable[Path], takes: Callable[[Path], bool], noun: str, *, without: Path | None = None
) -> list[tuple[Path, Path]]:
    """The files named, folders replaced by the files in them and their subfolders that `takes` takes, in order of their
    paths, but for those in the folder `without`; each with what it is called from the folder, or its name alone. What
    is left out of a folder is told. Raises DataError for what is not there, all of it, and for a folder without any."""
    from zoo.data.finding import find

    files: list[tuple[Path, Path]] = []
    words = list(words)
    if missing := [path for path in words if not path.exists()]:
        names, are = ", ".join(map(str, missing)), "is" if len(missing) == 1 else "are"
        raise DataError(f"{names} {are} not there. Pass {noun} files, or a folder of them.")
    for path in words:
        if not path.is_dir():
            files.append((path, Path(path.name)))
        else:
            files += [(file, file.relative_to(path)) for file in find(path, takes, noun, without=without)]
    return files


def stem_of(name: str) -> str:
    """The beginning of a file's name for the model that `name` means: a release, a path, `plugin:name` or, of an
    address on the Hub, the repository's name without its owner."""
    if name.startswith(PREFIX):
        return Address.parse(name).repo.partition("/")[2]
    path = Path(name).expanduser()
    return (path.resolve().name if "/" in name or os.sep in name or name.startswith(".") else name).replace(":", "-")


EXAMPLES = {
    "samples": "faces.png or points.csv",
    "picture": "faces.png",
    "folder": "faces/",
    "array": "codes.npy",
    "table": "points.csv",
}


@dataclass(frozen=True)
class Target:
    """Where output goes. `kind` is "samples", a file of what the model makes; "picture"; "array", a NumPy array;
    "table"; or "folder", of a file for each sample."""

    path: Path
    kind: str

    @classmethod
    def parse(cls, word: str, *, kinds: Sequence[str]) -> Target:
        """Read an --out option and make sure, before anything is computed, that it can be written.

        A file of an earlier run may be overwritten; one that holds something else is not. Missing folders are made.
        Raises InvalidInput.
        """
        path = Path(word).expanduser()
        suffix = path.suffix.lower()
        if "folder" in kinds and (word.endswith(("/", os.sep)) or path.is_dir()):
            kind, folder = "folder", path
        else:
            known = {".npy": "array", ".csv": "table"}
            if suffix not in known and "picture" in kinds and suffix in decoding.written():
                known[suffix] = "picture"
            kind, folder = known.get(suffix, ""), path.parent
            if kind not in kinds and suffix and "samples" in kinds:
                kind = "samples"
        if kind not in kinds:
            came = f"ends in {suffix!r}" if suffix else "has no suffix"
            examples = " or ".join(EXAMPLES[k] for k in kinds)
            raise InvalidInput(f"--out {word} {came}; expected a name such as {examples}.")
        if path.is_dir() and kind != "folder":
            raise InvalidInput(f"--out {word} is a folder; expected the name of a file.")
        _make(folder, word)
        target = cls(path, kind)
        if kind in _READERS:
            target._keep_others(_READERS[kind], kind)
        return target

    def check(self, space: Space) -> None:
        """Raise InvalidInput when samples of `space` cannot go there, or something else is there."""
        endings = "a name that ends in " + " or ".join(dict.fromkeys((*space.suffixes[:2], ".npy")))
        if self.kind == "samples" and self.path.suffix.lower() not in space.suffixes:
            raise InvalidInput(f"{self.path} is no file of {space.noun}s, which this model makes; expected {endings}.")
        if self.kind == "folder" and not space.scattered:
            raise InvalidInput(f"{self.path} is a folder, and {space.noun}s go into one file; expected {endings}.")
        if self.kind == "samples":
            self._keep_others(space.is_file, f"file of {space.noun}s")

    def write(self, samples: Tensor, stem: str, space: Space, *, columns: int | None = None) -> str:
        """Write samples of `space`: one file of all, STEM-0000 and so on in a folder, or an array. Returns what it did,
        in words."""
        from zoo.cli.output import plural

        if self.kind == "array":
            return self.write_array(samples)
        if self.kind != "folder":
            return space.write(samples, self.path, columns=columns)
        suffix = space.suffixes[0]
        for index in range(len(samples)):
            space.write(samples[index : index + 1], self.path / f"{stem}-{index:04d}{suffix}")
        return f"{plural(len(samples), 'file')} {self.path / stem}-0000{suffix} …"

    def write_array(self, values: Tensor) -> str:
        """Write a tensor as .npy, float32, or vectors as .csv. Returns what was written, in words."""
        from zoo import tables
        from zoo.cli.output import plural

        if self.kind == "table":
            return f"{tables.save(values, self.path)} ({plural(len(values), 'row')})"
        shape = tuple(values.shape)
        tables.save_parts([values], shape, self.path)
        return f"{self.path} (float32 array of shape {shape})"

    def _keep_others(self, is_ours: Callable[[Path], bool], what: str) -> None:
        """Raise InvalidInput for a file that is there and is not `what` would take its place."""
        if self.path.is_file() and self.path.stat().st_size and not is_ours(self.path):
            raise InvalidInput(f"{self.path} exists and is no {what}, so it is not overwritten. Choose another --out.")


def _make(folder: Path, word: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"--out {word}: {folder} cannot be made: {error.strerror}. Choose another place.") from error
    if not os.access(folder, os.W_OK):
        raise InvalidInput(f"--out {word}: nothing can be written into {folder}. Choose another place.")


def _is_array(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6) == b"\x93NUMPY"


def _is_table(path: Path) -> bool:
    from zoo import tables

    try:
        return bool(len(tables.load(path).values))
    except DataError:
        return False


def _is_picture(path: Path) -> bool:
    from zoo import images

    return images.is_picture(path)


_READERS = {"array": _is_array, "table": _is_table, "picture": _is_picture}

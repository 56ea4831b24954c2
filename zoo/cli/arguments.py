"""Words of the command line turned into values: KEY=VALUE settings, conditions, files to read, places to write."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoo.errors import DataError, InvalidInput
from zoo.hub.download import PREFIX, Address

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
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


def conditions(words: Sequence[str] | None, model: Model) -> list[str | int] | None:
    """Labels from repeated options and comma lists: class names as they are, other whole numbers as indices. Of a model
    conditioned on texts these, as they are."""
    if model.text_shape:
        return list(words or ()) or None
    known = {name.casefold() for name in model.classes}
    labels: list[str | int] = []
    for word in words or ():
        parts = [word] if word.casefold() in known else [part.strip() for part in word.split(",")]
        if not all(parts):
            raise InvalidInput(f"the condition {word!r} has an empty part. Pass names such as --condition sneaker,bag.")
        labels += [int(part) if part.isdecimal() and part not in known else part for part in parts]
    return labels or None


def picture_files(words: Iterable[Path]) -> list[Path]:
    """The files named, folders replaced by the images in them, but for hidden ones, by name. Raises DataError."""
    files: list[Path] = []
    for path in words:
        if path.is_dir():
            inside = sorted(file for file in path.glob("[!.]*") if file.suffix.lower() in PICTURES)
            if not inside:
                raise DataError(f"the folder {path} holds no images ({', '.join(PICTURES)}). Name the files.")
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise DataError(f"{path} is not there. Pass image files, or a folder of them.")
    return files


def stem_of(name: str) -> str:
    """The beginning of a file's name for the model that `name` means: a release, a path, `plugin:name` or, of an
    address on the Hub, the repository's name without its owner."""
    if name.startswith(PREFIX):
        return Address.parse(name).repo.partition("/")[2]
    path = Path(name).expanduser()
    return (path.resolve().name if "/" in name or os.sep in name or name.startswith(".") else name).replace(":", "-")


@dataclass(frozen=True)
class Target:
    """Where output goes: a picture, a NumPy array, a table or a folder of pictures. `kind` is "picture", "array",
    "table" or "folder"."""

    path: Path
    kind: str

    @classmethod
    def parse(cls, word: str, *, kinds: Sequence[str]) -> Target:
        """Read an --out option and make sure, before anything is computed, that it can be written.

        A picture, an array or a table of an earlier run may be overwritten; a file that is none is not. Missing folders
        are made. Raises InvalidInput.
        """
        path = Path(word).expanduser()
        suffix = path.suffix.lower()
        if "folder" in kinds and (word.endswith(("/", os.sep)) or path.is_dir()):
            kind, folder = "folder", path
        else:
            known_kinds = {**dict.fromkeys(PICTURES, "picture"), ".npy": "array", ".csv": "table"}
            kind, folder = known_kinds.get(suffix, ""), path.parent
        if kind not in kinds:
            examples = {"picture": "faces.png", "array": "codes.npy", "folder": "faces/", "table": "points.csv"}
            came = f"ends in {suffix!r}" if suffix else "has no suffix"
            known = " or ".join(examples[k] for k in kinds)
            raise InvalidInput(f"--out {word} {came}; expected a name such as {known}.")
        if path.is_dir() and kind != "folder":
            raise InvalidInput(f"--out {word} is a folder; expected the name of a file.")
        _make(folder, word)
        if kind != "folder" and path.is_file() and not _ours(path, kind):
            raise InvalidInput(f"{path} exists and is no {kind}, so it is not overwritten. Choose another --out.")
        return cls(path, kind)

    def check(self, model: Model) -> None:
        """Raise InvalidInput when what `model` makes cannot go there: vectors into pictures, images into a table."""
        if model.vectors and self.kind in ("picture", "folder"):
            raise InvalidInput(
                f"{self.path} is for pictures, and this model makes vectors; expected points.csv or .npy."
            )
        if not model.vectors and self.kind == "table":
            raise InvalidInput(f"{self.path} is for vectors, and this model makes images; expected faces.png or .npy.")

    def write(self, images: Tensor, stem: str, *, columns: int | None = None, names: Sequence[str] = ()) -> str:
        """Write images (n, c, h, w): a grid, an array, or STEM-0000.png and so on; or vectors, with the `names` of
        their features. Returns what it did, in words."""
        from zoo import images as imaging
        from zoo.cli.output import plural

        if self.kind in ("array", "table"):
            return self.write_array(images, names)
        if self.kind == "picture":
            imaging.save(images, self.path, columns=columns)
            return f"{self.path} ({plural(len(images), 'image')})"
        for index, picture in enumerate(imaging.to_pil(images)):
            picture.save(self.path / f"{stem}-{index:04d}.png")
        return f"{plural(len(images), 'file')} {self.path / stem}-0000.png …"

    def write_array(self, values: Tensor, names: Sequence[str] = ()) -> str:
        """Write a tensor as .npy, float32, or vectors as .csv. Returns what was written, in words."""
        import numpy

        if self.kind == "table":
            from zoo import tables
            from zoo.cli.output import plural

            return f"{tables.save(values, self.path, names)} ({plural(len(values), 'row')})"
        array = values.float().cpu().numpy()
        numpy.save(self.path, array)
        return f"{self.path} (float32 array of shape {array.shape})"


def _make(folder: Path, word: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"--out {word}: {folder} cannot be made: {error.strerror}. Choose another place.") from error
    if not os.access(folder, os.W_OK):
        raise InvalidInput(f"--out {word}: nothing can be written into {folder}. Choose another place.")


def _ours(path: Path, kind: str) -> bool:
    """Whether an existing file may be replaced: it is empty, or what its suffix says."""
    if not path.stat().st_size:
        return True
    if kind == "array":
        with path.open("rb") as file:
            return file.read(6) == b"\x93NUMPY"
    if kind == "table":
        from zoo import tables

        try:
            return bool(len(tables.load(path).values))
        except DataError:
            return False
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path):
            return True
    except (OSError, UnidentifiedImageError):
        return False

"""Words of the command line turned into values: KEY=VALUE settings, conditions, files to read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoo._util.paths import absent, real_path, user_path
from zoo.errors import DataError, InvalidInput
from zoo.hub.address import PREFIX, Address

if TYPE_CHECKING:
    from zoo.model import Model

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


def listed(text: str, example: str) -> list[str]:
    """The words of a list with commas, each once. Raises InvalidInput for an empty one, with the example."""
    return list(dict.fromkeys(parts(text, f"words with commas such as {example}")))


def parts(text: str, expected: str) -> list[str]:
    """The parts of a list with commas. Raises InvalidInput for an empty one, with what was expected."""
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise InvalidInput(f"the list {text!r} has an empty part; expected {expected}.")
    return found


def conditions(words: Sequence[str] | None, model: Model) -> list[Any] | None:
    """What `model` may be told by repeated options: class names and indices from comma lists, texts as they are."""
    return model.condition.words(words) if words else None


def check_files(paths: list[Path], noun: str = "sample") -> list[Path]:
    """The files, or folders, of samples that were named. Raises DataError unless all are there."""
    if missing := [path for path in paths if not path.exists()]:
        raise DataError(f"{absent(*missing)}. Pass files of {noun}s, or a folder of them.")
    return paths


def sample_files(
    words: Iterable[Path], takes: Callable[[Path], bool], noun: str, *, without: Path | None = None
) -> list[tuple[Path, Path]]:
    """The files named, folders replaced by the files in them and their subfolders that `takes` takes, in order of their
    paths, but for those in the folder `without`; each with what it is called from the folder, or its name alone. What
    is left out of a folder is told. Raises DataError for what is not there, all of it, and for a folder without any."""
    from zoo.data.finding import find

    files: list[tuple[Path, Path]] = []
    for path in check_files(list(words), noun):
        if not path.is_dir():
            files.append((path, Path(path.name)))
        else:
            found = find(path, lambda file: takes(Path(file)), noun, without=without)
            files += [(file, file.relative_to(path)) for file in found]
    return files


def stem_of(name: str) -> str:
    """The beginning of a file's name for the model that `name` means: a release, a path, `plugin:name` or, of an
    address on the Hub, the repository's name without its owner."""
    if name.startswith(PREFIX):
        return Address.parse(name).repo.partition("/")[2]
    path = user_path(name)
    return (real_path(path).name if "/" in name or os.sep in name or name.startswith(".") else name).replace(":", "-")

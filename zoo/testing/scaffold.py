"""A plugin to begin with: the package in `template/` under a name of the author's choice. Imports no torch.

The template is a plugin that works, called my-model. Writing one replaces that name, in its three spellings, in the
paths and in the texts of its files.
"""

from __future__ import annotations

import importlib.metadata
import io
import keyword
import os
import re
import tokenize
from pathlib import Path

import zoo
from zoo import releases
from zoo._util import shortage
from zoo._util.atomic import making
from zoo._util.paths import user_path
from zoo.errors import DuplicateName, InvalidInput, UnknownName
from zoo.registry import packages

TEMPLATE = Path(__file__).parent / "template"
MODEL = TEMPLATE / "zoo_my_model" / "my_model.py"
PREFIX = "zoo-"  # of the packages
DATASET = "mnist"  # of the release

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write(name: str, folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """Write a plugin with the architecture `name` into a new folder, default ./zoo-NAME, and return its files.

    The package is zoo-NAME, the module zoo_NAME, the release NAME-mnist. Everything appears in one step. Raises
    InvalidInput for a name that cannot be that of an architecture, a package and a class, for one that is taken here,
    and for a folder that exists.
    """
    check(name)
    out = user_path(PREFIX + name if folder is None else folder)
    if out.exists() or out.is_symlink():
        raise InvalidInput(f"{out} exists. Choose another folder (--out), or remove it.")
    spellings = {
        "my-model": name,
        "my_model": name.replace("-", "_"),
        "MyModel": class_name(name),
        "generative-zoo>=0.0.0": f"generative-zoo>={zoo.__version__}",
    }
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with making(out) as temporary:
            files = [
                _copy(source, temporary / _spelt(str(source.relative_to(TEMPLATE)), spellings), spellings)
                for source in sorted(TEMPLATE.rglob("*"))
                if source.is_file() and "__pycache__" not in source.parts
            ]
            return [out / file.relative_to(temporary) for file in files]
    except OSError as error:
        if shortage.is_full(error):
            raise
        raise InvalidInput(f"{out} cannot be written: {error.strerror or error}. Choose another --out.") from error


def check(name: str) -> None:
    """Raise InvalidInput unless `name` can be that of a new plugin and is free here."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        words = re.findall("[a-z0-9]+", str(name).lower())
        hint = "-".join(words).lstrip("-0123456789")
        raise InvalidInput(
            f"{name!r} is no name for a plugin; expected lower-case letters, digits and single hyphens, beginning with "
            f"a letter, for example {hint if _NAME.fullmatch(hint) else 'my-model'}."
        )
    if name == "zoo" or name.startswith(PREFIX):
        raise InvalidInput(
            f"{name!r} begins like the package, which is called {PREFIX}NAME by itself. Pass what comes after it."
        )
    meaning = name if keyword.iskeyword(name) else class_name(name)
    if keyword.iskeyword(meaning) or meaning in _names_of(MODEL) - {"MyModel"}:
        raise InvalidInput(
            f"{name!r} would make {meaning} a name of the plugin's, which means something else in Python or in zoo. "
            f"Choose one that says more, for example tiny-{name}."
        )
    if owner := _owner(name):
        raise InvalidInput(f"{name!r} is taken: {owner}. Choose another name.")


def class_name(name: str) -> str:
    """The name of the class: my-model is MyModel."""
    return "".join(part.capitalize() for part in name.split("-"))


def _owner(name: str) -> str:
    """Who has the name already, of what is installed here; empty when nobody has."""
    try:
        return f"the package {PREFIX}{name} {importlib.metadata.version(PREFIX + name)} is installed"
    except importlib.metadata.PackageNotFoundError:
        pass
    # The names of plugins as well, whatever became of them: ZOO_PLUGINS may hide one, or it may be broken.
    for dist, found in packages.entry_points():
        if isinstance(found, importlib.metadata.EntryPoint) and found.name == name:
            return f"the package {dist.name if dist else '?'} has a plugin of that name"
    for known in (name, f"{name}-{DATASET}"):
        try:
            return f"the package {releases.describe(known).distribution} has {known}"
        except UnknownName:
            continue
        except DuplicateName:
            return f"several plugins have {known}"
    return ""


def _names_of(path: Path) -> set[str]:
    """All names that a Python file uses."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def _spelt(text: str, spellings: dict[str, str]) -> str:
    """`text` with every spelling of the template's name replaced, in one pass."""
    return re.sub("|".join(map(re.escape, spellings)), lambda found: spellings[found[0]], text)


def _copy(source: Path, target: Path, spellings: dict[str, str]) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_spelt(source.read_text(encoding="utf-8"), spellings), encoding="utf-8")
    return target

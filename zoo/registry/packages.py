"""The packages that plugins come in: their entry points, what their metadata says, and the pip line that mends one."""

from __future__ import annotations

import importlib.metadata
import re
import types
from dataclasses import dataclass
from typing import Any

from zoo.errors import NameTaken, Outdated

DISTRIBUTION = "generative-zoo"

_HEADER = re.compile(r"^(Name|Version):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
# Modules that a package of another name holds.
_ELSEWHERE = {"PIL": "pillow", "cv2": "opencv-python", "skimage": "scikit-image", "sklearn": "scikit-learn"}


@dataclass(frozen=True)
class Package:
    """Name and version of a package; empty where its metadata is damaged, as after a broken uninstall."""

    name: str = ""
    version: str = ""

    @property
    def key(self) -> str:
        """The name as pip compares it."""
        return re.sub(r"[-_.]+", "-", self.name).lower()


def entry_points() -> list[tuple[importlib.metadata.Distribution | None, importlib.metadata.EntryPoint | Exception]]:
    """All entry points in group `zoo` with their distributions; for one whose entry points are damaged, the error."""
    try:
        return [(found.dist, found) for found in importlib.metadata.entry_points(group="zoo")]
    except Exception:
        # One damaged file, of whatever package, and nothing is found at all. Then look at each.
        found: dict[str, list[Any]] = {}
        for dist in importlib.metadata.distributions():
            try:
                each: list[Any] = list(dist.entry_points.select(group="zoo"))
            except Exception as error:
                each = [error]
            # As on sys.path, what comes first hides what comes later.
            found.setdefault(package_of(dist).key or str(id(dist)), [(dist, entry) for entry in each])
        return [pair for pairs in found.values() for pair in pairs]


def package_of(dist: importlib.metadata.Distribution | None) -> Package:
    """What the package says of itself. Its metadata are read without what follows them, often a long README."""
    try:
        text = (dist.read_text("METADATA") or dist.read_text("PKG-INFO") or "") if dist else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    first = dict(reversed(_HEADER.findall(text.replace("\r\n", "\n").partition("\n\n")[0])))
    return Package(first.get("Name", ""), first.get("Version", ""))


def cure(package: Package, error: BaseException) -> str:
    """The pip line that would help a plugin of `package` that failed with `error`; empty where none would."""
    if not package.name:
        return ""
    if isinstance(error, NameTaken):
        return f"pip uninstall {package.name}"
    asked: Any = error.name if isinstance(error, ImportError) else ""  # the module that is not there, or lacks a name
    if isinstance(error, AttributeError) and isinstance(error.obj, types.ModuleType):
        asked = vars(error.obj).get("__name__")
    root = asked.partition(".")[0] if isinstance(asked, str) else ""
    if isinstance(error, Outdated) or root == "zoo":
        return f"pip install --upgrade {DISTRIBUTION}"
    if isinstance(error, ModuleNotFoundError) and root and Package(root).key != package.key:
        return f"pip install {_ELSEWHERE.get(root, root)}"
    return f"pip install --upgrade {package.name}, or pip uninstall {package.name}"

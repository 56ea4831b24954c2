"""The packages that plugins come in: what their metadata says, which zoo they need, and the pip line that mends one."""

from __future__ import annotations

import importlib.metadata
import re
import types
from dataclasses import dataclass
from typing import Any

from zoo import __version__
from zoo.errors import PluginError

DISTRIBUTION = "generative-zoo"

_HEADER = re.compile(r"^(Name|Version|Requires-Dist):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Modules that a package of another name holds. Only for a package that does not say what it needs.
_ELSEWHERE = {"PIL": "pillow", "cv2": "opencv-python", "skimage": "scikit-image", "sklearn": "scikit-learn"}


class Outdated(PluginError):
    """The plugin was made for a later zoo than this."""


class NameTaken(PluginError):
    """The plugin adds something under a name that another one has."""


@dataclass(frozen=True)
class Package:
    """Name, version and requirements of a package; empty where its metadata is damaged, as after a broken uninstall."""

    name: str = ""
    version: str = ""
    requires: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name as pip compares it."""
        return canonical(self.name)


def canonical(name: str) -> str:
    """A package's name in the one spelling that pip compares."""
    return re.sub(r"[-_.]+", "-", name).lower()


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
    fields = _HEADER.findall(text.replace("\r\n", "\n").partition("\n\n")[0])
    first = dict(reversed(fields))
    requires = tuple(value for key, value in fields if key == "Requires-Dist")
    return Package(first.get("Name", ""), first.get("Version", ""), requires)


def check_needs(package: Package) -> None:
    """Raise Outdated when the package needs a later zoo than this, and PluginError when it needs an earlier one."""
    for text in package.requires:
        if canonical(_project(text)) == DISTRIBUTION and not _plainly_met(text):
            from packaging.requirements import InvalidRequirement, Requirement
            from packaging.version import Version

            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue  # pip let it pass; what it means will show itself
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if not applies or requirement.specifier.contains(__version__, prereleases=True):
                continue
            here = Version(__version__)
            later = [
                spec
                for spec in requirement.specifier
                if spec.operator in (">", ">=", "~=", "==") and Version(spec.version.removesuffix(".*")) >= here
            ]
            message = f"{package.name} {package.version} needs {text}, and this is {DISTRIBUTION} {__version__}."
            raise (Outdated if later else PluginError)(message)


def cure(package: Package, error: BaseException) -> str:
    """The pip line that would help a plugin of `package` that failed with `error`; empty where none would."""
    if not package.name:
        return ""
    if isinstance(error, NameTaken):
        return f"pip uninstall {package.name}"
    if isinstance(error, Outdated) or _asks_zoo(error):
        return f"pip install --upgrade {DISTRIBUTION}"
    if isinstance(error, ModuleNotFoundError) and isinstance(error.name, str) and error.name:
        needed = [text for text in package.requires if "extra" not in text.partition(";")[2]]
        missing = [text for text in needed if not _is_installed(_project(text))]
        if missing:
            return "pip install " + " ".join(f"'{text.partition(';')[0].strip()}'" for text in missing)
        root = error.name.partition(".")[0]
        if canonical(root) != package.key:
            return f"pip install {_ELSEWHERE.get(root, root)}"
    return f"pip install --upgrade {package.name}, or pip uninstall {package.name}"


def _asks_zoo(error: BaseException) -> bool:
    """Whether something was imported or taken from zoo that this zoo does not have."""
    module = ""
    if isinstance(error, ImportError):
        module = error.name or ""
    elif isinstance(error, AttributeError) and isinstance(error.obj, types.ModuleType):
        module = vars(error.obj).get("__name__", "")
    return isinstance(module, str) and module.partition(".")[0] == "zoo"


def _plainly_met(text: str) -> bool:
    """Whether a requirement is of the usual kind, >= a version in numbers, and met. Saves importing packaging."""
    asked = re.fullmatch(r"[\w.-]+(?:\[[^]]*\])?\s*>=\s*(\d+(?:\.\d+)*)", text)
    here = re.match(r"(\d+(?:\.\d+)*)(?=$|\.post|\+)", __version__)
    return bool(asked and here and _numbers(asked[1]) <= _numbers(here[1]))


def _numbers(version: str) -> list[int]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _project(requirement: str) -> str:
    match = _PROJECT.match(requirement)
    return match[0] if match else ""


def _is_installed(project: str) -> bool:
    try:
        importlib.metadata.distribution(project)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True

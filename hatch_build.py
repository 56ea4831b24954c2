"""The thin wheel: `ZOO_WHEEL=thin python -m build --wheel` leaves out what the Hub has, weights and pictures.

It downloads them at first use, by the repository and the revision on each card, which `zoo publish --all` writes. Its
version has "+thin" at its end: to whatever needs zoo it is the same version, and PyPI, where the full one is, takes no
such wheel. What else is built with the variable, a source distribution or an editable install, has that version too,
and is whole.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

WEIGHTLESS = ("*.safetensors", "/cards/**/*.png")
_PIN = re.compile(r"^    revision: '?[0-9a-f]{40}'?$", re.MULTILINE)


def _is_thin() -> bool:
    kind = os.environ.get("ZOO_WHEEL", "full")
    if kind not in ("full", "thin"):
        raise SystemExit(f"ZOO_WHEEL is {kind!r}; expected full or thin.")
    return kind == "thin"


class Version(MetadataHookInterface):
    """Tells the two by their versions."""

    def update(self, metadata: dict[str, Any]) -> None:
        if _is_thin():
            text = Path(self.root, "zoo/_util/version.py").read_text(encoding="utf-8")
            metadata["version"] = re.search(r'__version__ = "(.+)"', text)[1] + "+thin"


class Thin(BuildHookInterface):
    """Leaves the files out. Raises SystemExit while a card says of no place to get them from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version != "standard" or not _is_thin():
            return
        root = Path(self.root)
        pages = [*root.glob("cards/*/README.md"), root / "zoo/nn/networks/README.md"]
        if unpinned := sorted(str(page.parent) for page in pages if not _PIN.search(page.read_text(encoding="utf-8"))):
            raise SystemExit(
                f"{unpinned[0]} and {len(unpinned) - 1} others pin no revision on the Hub, so a wheel without weights "
                "could not get them. First: zoo publish --all --org ORG"
            )
        self.build_config.target_config["exclude"] = list(WEIGHTLESS)

"""Attributes of a module that are imported when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any


def attribute(module: str, where: Mapping[str, str], name: str) -> Any:
    """What `where` says `name` is: a module, or "module:attribute" of one. Raises AttributeError for any other name."""
    if name not in where:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    target, _, inner = where[name].partition(":")
    found = importlib.import_module(target)
    return getattr(found, inner) if inner else found

"""Where a model comes from."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where a model comes from: `zoo.load(name).provenance`. Fields that do not apply are None or empty."""

    architecture: str
    config: dict[str, Any]
    release: str | None = None
    repo: str | None = None
    revision: str | None = None
    sha256: str | None = None
    source: str = "created, not loaded"
    dataset: str = ""  # what the release was trained on, as its card calls it
    columns: tuple[str, ...] = ()  # names of the features, of a model of vectors
    training: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    metrics: list[dict[str, Any]] = dataclasses.field(default_factory=list, repr=False)

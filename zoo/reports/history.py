"""A run read back: the lines of its log.jsonl, whole or cut short, old or new, and its pictures of samples."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo._util.paths import user_path
from zoo.errors import InvalidInput

LOG, SAMPLES, FIELDS = "log.jsonl", "samples", "fields"
GROUPS = ("losses", "gradients", "outputs", "coverage")
COVERAGE, PRECISION = "coarse_coverage", "coarse_precision"  # as zoo.training.monitor measures them
FORMER = {"coverage": COVERAGE, "precision": PRECISION}  # what these were called in logs


@dataclass(frozen=True)
class Line:
    """A line of the log, as `zoo.training.progress.Progress` writes it: means since the line before. A group that it
    lacks is empty, what was not finite is NaN."""

    step: int
    losses: dict[str, float] = field(default_factory=dict)
    gradients: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, float] = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True)
class History:
    """A run: its folder, its lines in order of their steps, how many lines between them could not be read, and the
    pictures of samples and of fields (`zoo.reports.fields`), first to last."""

    folder: Path
    lines: tuple[Line, ...]
    damaged: int = 0
    samples: tuple[Path, ...] = ()
    fields: tuple[Path, ...] = ()


def read(path: str | Path) -> History:
    """The run in `path`: a release folder, its run/, or the log itself. A last line that is torn is left out: somebody
    may be writing it. Raises InvalidInput when there is no log, or none of its lines can be read."""
    path = user_path(path)
    places = [path] if path.is_file() else [path / LOG, path / "run" / LOG]
    log = next((place for place in places if place.is_file()), None)
    if log is None:
        lack = f"{path} is not there" if not path.exists() else f"{path} holds no {LOG}, nor does run/ in it"
        raise InvalidInput(f"{lack}. Pass a folder that zoo train wrote, or is writing.")
    texts = log.read_text(encoding="utf-8", errors="replace").splitlines()
    parsed = [_line(text) for text in texts]
    lines = [line for line in parsed if line is not None]
    if not lines:
        what = f"{len(texts)} lines, none of them readable" if texts else "no line yet; the first comes after 50 steps"
        raise InvalidInput(f"{log} has {what}. Pass the folder of a run of zoo train that has come further.")
    return History(
        log.parent,
        tuple(sorted(lines, key=lambda line: line.step)),
        damaged=parsed[:-1].count(None),
        samples=_pictures(log.parent / SAMPLES),
        fields=_pictures(log.parent / FIELDS),
    )


def _pictures(folder: Path) -> tuple[Path, ...]:
    """Those of steps, in order."""
    return tuple(
        sorted((file for file in folder.glob("*.png") if file.stem.isdecimal()), key=lambda file: int(file.stem))
    )


def series(lines: Sequence[Line], group: str, name: str) -> list[tuple[int, float]]:
    """(step, value) of the lines whose `group` has `name`."""
    found = ((line.step, getattr(line, group).get(name)) for line in lines)
    return [(step, value) for step, value in found if value is not None]


def names(lines: Sequence[Line], group: str) -> list[str]:
    """What is in `group` of any line, in order of first appearance."""
    return list(dict.fromkeys(name for line in lines for name in getattr(line, group)))


def _line(text: str) -> Line | None:
    """None for what is no line of a log."""
    try:
        found = json.loads(text)
        groups = {group: _numbers(found.get(group, {})) for group in GROUPS}
        groups["coverage"] = {FORMER.get(name, name): value for name, value in groups["coverage"].items()}
        return Line(int(found["step"]), kind=str(found.get("kind", "")), **groups)
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError):
        return None


def _numbers(group: dict[str, Any]) -> dict[str, float]:
    return {name: math.nan if value is None else float(value) for name, value in group.items()}

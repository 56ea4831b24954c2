"""What a run says of itself: a JSON line every so often in its log, and on stderr how far it is."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import Tensor

from zoo._util.atomic import named, replacing
from zoo._util.progress import showing
from zoo.errors import TrainingError


@dataclass
class Step:
    """What one step gave, as scalars on the device: of each update its network and loss, in order; by network the norm
    of the gradient, before any clipping, at the last update; and the outputs that the objective observed."""

    losses: list[tuple[str, Tensor]] = field(default_factory=list)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Numbers:
    """The same as numbers; of several losses of a network the last."""

    losses: dict[str, float]
    gradients: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, float] = field(default_factory=dict)


class Progress:
    """Collects what steps give, writes the means to `path` as JSON lines, if there is one, and may show on stderr how
    far the run is.

    Lines: {"step", "seconds", "losses": {network: mean since the last line}, "gradients": the same}; of objectives that
    observe something also "outputs" in the same way, with "kind" to say what they are (`Objective.outputs`); and
    "coverage", what the `Monitor` measured at this step. What is not finite is null. A resumed run appends;
    unlogged: what `unlogged` gave when it was interrupted.
    """

    def __init__(
        self,
        path: Path | None,
        first: int,
        steps: int,
        *,
        show: bool = False,
        kind: str = "",
        unlogged: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.path, self.kind, self.number = path, kind, first
        self.started = time.monotonic()
        self.unread: list[tuple[int, Step]] = []
        self.steps = [Numbers(**each) for each in unlogged]
        self.showing = showing("step", steps, before=first, quiet=not show)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A run that broke off may have logged steps after its last checkpoint; they are about to be made again.
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
            kept = [line for line in lines if first and _step(line) <= first]
            with replacing(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def __enter__(self) -> Progress:
        self.course = self.showing.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.showing.__exit__(kind, error, at)

    def add(self, number: int, step: Step) -> None:
        """Take in step `number`, without waiting for the device."""
        self.unread.append((number, step))
        self.course.move(number)

    def say(self, text: str) -> None:
        """Show, until the next line of the log, what takes the time."""
        self.course.say(text)

    @property
    def unlogged(self) -> list[dict[str, Any]]:
        """Of the steps since the last line, what a resumed run needs to write the next one, as plain values."""
        return [asdict(step) for step in self.steps]

    def read(self) -> None:
        """Read the numbers of all steps so far. Raises TrainingError for the first loss that is not finite, with whose
        step the log then ends."""
        steps, self.unread = self.unread, []
        for self.number, step in steps:
            losses: dict[str, float] = {}
            for name, loss in step.losses:
                losses[name] = loss.item()
                if not math.isfinite(losses[name]):
                    self.steps.append(Numbers(losses))
                    self.write()
                    raise TrainingError(
                        f"the {name} loss is {losses[name]} at step {self.number}. "
                        "Train with a lower learning rate or clip=1."
                    )
            self.steps.append(Numbers(losses, _numbers(step.gradients), _numbers(step.outputs)))

    def write(self, coverage: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the line of all steps since the last one, with what `coverage` holds, and return it. Raises as
        `read`."""
        self.read()
        line: dict[str, Any] = {"step": self.number, "seconds": round(time.monotonic() - self.started, 1)}
        line["losses"] = _means([step.losses for step in self.steps])
        line["gradients"] = _means([step.gradients for step in self.steps], digits=4)
        if outputs := _means([step.outputs for step in self.steps]):
            line |= {"outputs": outputs, "kind": self.kind}
        if coverage:
            line["coverage"] = coverage
        if self.path:
            _append(self.path, json.dumps(line, allow_nan=False) + "\n")
        shown = ((name, "not finite" if value is None else f"{value:.3f}") for name, value in line["losses"].items())
        self.say("  ".join(f"{name} {value}" for name, value in shown))
        self.steps = []
        return line


def _append(path: Path, text: str) -> None:
    with named(path), path.open("a", encoding="utf-8") as file:
        file.write(text)


def _numbers(scalars: dict[str, Tensor]) -> dict[str, float]:
    return {name: scalar.item() for name, scalar in scalars.items()}


def _means(steps: Sequence[dict[str, float]], *, digits: int | None = None) -> dict[str, float | None]:
    """The mean of each name over the steps that have it, to six decimals or so many significant `digits`; None for what
    is not finite."""
    values: dict[str, list[float]] = {}
    for step in steps:
        for name, value in step.items():
            values.setdefault(name, []).append(value)
    means = {name: math.fsum(found) / len(found) for name, found in values.items() if all(map(math.isfinite, found))}
    rounded = {name: round(x, 6) if digits is None else float(f"{x:.{digits}g}") for name, x in means.items()}
    return {name: rounded.get(name) for name in values}


def _step(line: str) -> float:
    """The step of a line of the log; infinity for one that a killed run left torn."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf

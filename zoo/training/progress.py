"""What a run tells: a JSON line every so often, and a progress bar where somebody is looking."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Collects losses, writes their means to `path` as JSON lines and shows a bar on a terminal.

    Lines: {"step", "seconds", "losses": {network: mean since the last line}}. A resumed run appends.
    """

    def __init__(self, path: Path, first: int, steps: int, *, enabled: bool) -> None:
        self.path, self.enabled = path, enabled
        self.started = time.monotonic()
        self.sums: dict[str, float] = {}
        self.count = 0
        text = TextColumn("{task.fields[text]}")
        self.bar = Bar(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), text, disable=not enabled)
        self.task = self.bar.add_task("training", total=steps, completed=first, text="")
        if enabled:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A run that broke off may have logged steps after its last checkpoint; they are about to be made again.
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            kept = [line for line in lines if first and _step(line) <= first]
            path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.stop()

    def add(self, step: int, losses: dict[str, float], *, flush: bool) -> None:
        """Count one step's losses; with `flush`, write the line."""
        if not self.enabled:
            return
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.bar.update(self.task, completed=step)
        if flush:
            means = {name: round(total / self.count, 6) for name, total in self.sums.items()}
            line = {"step": step, "seconds": round(time.monotonic() - self.started, 1), "losses": means}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            self.bar.update(self.task, text="  ".join(f"{name} {value:.3f}" for name, value in means.items()))
            self.sums, self.count = {}, 0


def _step(line: str) -> float:
    """The step of a line of the log; infinity for one that a killed run left torn."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf

"""How far something that takes long has come, said on stderr: a bar on a terminal or in a notebook, else a line now and
then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from zoo._util.processes import is_first

SOON, SILENCE = 5.0, 30.0  # seconds until the first line of text, and between others


class Course:
    """How far it is: `done` of `total`, if that is known, the first of which came `before`; and a text beside it."""

    def __init__(self, what: str, total: int | None, before: int = 0) -> None:
        self.what, self.total, self.before, self.done, self.text = what, total, before, before, ""
        self.started = time.monotonic()
        self.tell: Callable[[], object] = lambda: None  # whatever shows it

    def advance(self, count: int = 1, text: str | None = None) -> None:
        """Count so many more."""
        self.move(self.done + count, text)

    def move(self, done: int, text: str | None = None) -> None:
        """Say how many are done, and what stands beside that."""
        self.done = done if self.total is None else min(done, self.total)
        self.text = self.text if text is None else text
        self.tell()

    def say(self, text: str) -> None:
        """Say what stands beside the count now."""
        self.move(self.done, text)

    def line(self) -> str:
        """For people: `drawn 4,096 of 20,000, 50 s left`."""
        spent, made = time.monotonic() - self.started, self.done - self.before
        count = f" {self.done:,}{'' if self.total is None else f' of {self.total:,}'}" * bool(self.done or self.total)
        left = spent / made * (self.total - self.done) if made and self.total and self.done < self.total else None
        when = f"{duration(spent)} so far" if left is None else f"{duration(left)} left"
        return f"{self.what}{count}, {when}{'  ' * bool(self.text)}{self.text}"


@contextmanager
def showing(what: str, total: int | None = None, *, before: int = 0, quiet: bool = False) -> Iterator[Course]:
    """Within the block, show the course of something; of several processes only the first one does.

    what: a word or two before the count, such as "drawn". quiet: show nothing.
    """
    course = Course(what, total, before)
    console = Console(stderr=True)
    if quiet or not is_first():
        yield course
    elif console.is_terminal or (console.is_jupyter and find_spec("ipywidgets")):  # which rich needs there
        with _bar(course, console):
            yield course
    else:
        stop = threading.Event()
        lines = threading.Thread(target=_say_lines, args=(course, stop), daemon=True)
        lines.start()
        try:
            yield course
        finally:
            stop.set()
            lines.join()


def duration(seconds: float) -> str:
    """For people: `40 s`, `12 min`, `3 h 05 min`."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


@contextmanager
def _bar(course: Course, console: Console) -> Iterator[None]:
    text = TextColumn("{task.fields[course].text}", markup=False)
    words, open_ended = TextColumn("{task.description}", markup=False), course.total is None
    count = (TimeElapsedColumn(),) if open_ended else (MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(words, BarColumn(), *count, text, console=console, transient=open_ended)
    task = bar.add_task(course.what, total=course.total, completed=course.before, course=course)
    course.tell = lambda: bar.update(task, completed=course.done)
    with bar:
        yield


def _say_lines(course: Course, stop: threading.Event) -> None:
    pause = SOON
    while not stop.wait(pause):
        pause = SILENCE
        if course.text or course.done != course.total:
            print(course.line(), file=sys.stderr, flush=True)

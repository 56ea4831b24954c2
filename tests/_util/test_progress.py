"""What is said of how far something is: a bar where somebody is looking, else a line now and then."""

from contextlib import nullcontext

import pytest

from zoo._util import progress
from zoo._util.progress import Course, showing


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class Patience:
    """An event that is set after so many waits, whose lengths it notes; no time passes."""

    def __init__(self, waits):
        self.left, self.waited = waits, []

    def wait(self, seconds):
        self.waited.append(seconds)
        self.left -= 1
        return self.left < 0


def test_where_nobody_is_looking_the_first_line_comes_soon_and_others_now_and_then(clock, capsys):
    course, stop = Course("drawn", 20_000), Patience(3)
    clock[0] += 10
    course.advance(4000)
    progress._say_lines(course, stop)
    assert stop.waited == [progress.SOON, *3 * [progress.SILENCE]]
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == 3 * "drawn 4,000 of 20,000, 40 s left\n"


def test_nothing_is_said_of_what_is_done_unless_more_is_being_done(capsys):
    course = Course("step", 2)
    course.move(2)
    progress._say_lines(course, Patience(1))
    assert capsys.readouterr().err == ""
    course.say("drawing samples")
    progress._say_lines(course, Patience(1))
    assert capsys.readouterr().err == "step 2 of 2, 0 s so far  drawing samples\n"


@pytest.mark.parametrize(
    ("total", "before", "done", "said"),
    [
        (None, 0, 0, "drawn, 10 s so far"),
        (None, 0, 1500, "drawn 1,500, 10 s so far"),
        (100, 0, 0, "drawn 0 of 100, 10 s so far"),
        (100, 50, 75, "drawn 75 of 100, 10 s left"),  # what was there before took no time
        (100, 0, 120, "drawn 100 of 100, 10 s so far"),
    ],
)
def test_a_line_says_what_is_known(clock, total, before, done, said):
    course = Course("drawn", total, before)
    clock[0] += 10
    course.advance(done - before)
    assert course.line() == said


def test_on_a_terminal_there_is_a_bar_on_stderr_alone(monkeypatch, capsys):
    monkeypatch.setattr(progress.Console, "is_terminal", True)
    with showing("drawn", 64, before=8) as course:
        course.advance(16, "[bold] as it is")
    told = capsys.readouterr()
    assert told.out == ""
    assert "24/64" in told.err
    assert "[bold] as it is" in told.err


def test_the_bar_ends_with_an_error(monkeypatch, capsys):
    monkeypatch.setattr(progress.Console, "is_terminal", True)
    with pytest.raises(ZeroDivisionError), showing("drawn"):
        raise ZeroDivisionError
    with showing("drawn", 1):  # of two at a time rich would complain
        pass


@pytest.mark.parametrize("case", ["quiet", "other process"])
def test_where_it_is_not_wanted_nothing_is_shown(monkeypatch, capsys, case):
    monkeypatch.setattr(progress.Console, "is_terminal", True)
    monkeypatch.setenv("RANK", str(int(case == "other process")))
    with showing("drawn", 64, quiet=case == "quiet") as course:
        course.advance(16)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89, "89 s"), (120, "2 min"), (3569, "59 min"), (3600, "1 h 00 min"), (7530, "2 h 06 min")],
)
def test_durations_are_for_people(seconds, said):
    assert progress.duration(seconds) == said


@pytest.mark.parametrize(("widgets", "bars"), [(True, 1), (None, 0)])
def test_in_a_notebook_there_is_a_bar_if_it_has_widgets(monkeypatch, widgets, bars):
    class Notebook:
        is_terminal, is_jupyter = False, True

    drawn = []
    monkeypatch.setattr(progress, "Console", lambda **options: Notebook())
    monkeypatch.setattr(progress, "find_spec", lambda name: widgets)
    monkeypatch.setattr(progress, "_bar", lambda course, console: nullcontext(drawn.append(course)))
    with showing("drawn", 3) as course:
        course.advance()
    assert len(drawn) == bars


def test_where_nobody_is_looking_lines_are_said_unless_quiet_was_asked_for(monkeypatch):
    seen = []
    monkeypatch.setattr(progress, "_say_lines", lambda course, stop: seen.append(course))
    with showing("drawn", 3) as course:
        pass  # its end waits for whoever says the lines
    with showing("drawn", 3, quiet=True):
        pass
    assert seen == [course]

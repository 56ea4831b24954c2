"""The log of a run: means since the last line, appended on resume, and silence where nobody is asked."""

import errno
import json

import pytest
import torch

from zoo.errors import TrainingError
from zoo.training.progress import Progress, Step

NAN, INF = float("nan"), float("inf")


def step(*losses, gradients=None, outputs=None):
    """A step with losses (network, value)."""
    scalars = ({name: torch.tensor(value) for name, value in (group or {}).items()} for group in (gradients, outputs))
    return Step([(name, torch.tensor(value)) for name, value in losses], *scalars)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "log.jsonl"


def test_a_line_holds_the_means_since_the_last_one(path):
    with Progress(path, 0, 4) as log:
        log.add(1, step(("critic", 1.0), ("generator", 10.0)))
        log.add(2, step(("critic", 2.0), ("generator", 30.0)))
        log.write()
        log.add(3, step(("critic", 5.0), ("generator", 0.0)))
        log.write()
    first, second = lines(path)
    assert (first["step"], first["losses"]) == (2, {"critic": 1.5, "generator": 20.0})
    assert (second["step"], second["losses"]) == (3, {"critic": 5.0, "generator": 0.0})
    assert set(first) == {"step", "seconds", "losses", "gradients"}
    assert 0 <= first["seconds"] <= second["seconds"]


def test_of_several_losses_of_a_network_in_a_step_the_last_counts(path):
    with Progress(path, 0, 4) as log:
        log.add(1, step(("critic", 1.0), ("critic", 3.0)))
        log.write()
    assert lines(path)[0]["losses"] == {"critic": 3.0}


def test_gradients_outputs_and_coverage_have_their_places(path):
    with Progress(path, 0, 4, kind="probability") as log:
        log.add(1, step(("a", 1.0), gradients={"a": 1e-9, "b": 2.0}, outputs={"real": 0.5, "fake": 0.25}))
        log.add(2, step(("a", 1.0), gradients={"a": 3e-9}, outputs={"real": 0.7, "fake": 0.75}))
        log.write({"coverage": 0.5})
        log.add(3, step(("a", 1.0), gradients={"a": 1.23456}))
        log.write({})
    first, second = lines(path)
    # Where a network is not updated in every step, the mean is over the steps in which it was.
    assert first["gradients"] == {"a": 2e-9, "b": 2.0}
    assert (first["outputs"], first["kind"]) == ({"real": 0.6, "fake": 0.5}, "probability")
    assert first["coverage"] == {"coverage": 0.5}
    assert second["gradients"] == {"a": 1.235}
    assert set(second) == {"step", "seconds", "losses", "gradients"}


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_loss_that_is_not_finite_ends_the_log_with_its_step_and_is_null(path, bad):
    with Progress(path, 0, 9, show=True) as log:
        log.add(1, step(("a", 1.0), ("b", 2.0)))
        log.add(2, step(("a", 1.0), ("b", bad), ("b", 4.0), ("c", 1.0)))
        log.add(3, step(("a", bad)))
        with pytest.raises(TrainingError, match=rf"the b loss is {bad} at step 2\."):
            log.read()
        assert log.course.text == "a 1.000  b not finite"
    (line,) = lines(path)
    assert (line["step"], line["losses"]) == (2, {"a": 1.0, "b": None})


def test_a_gradient_that_is_not_finite_is_null_and_no_error(path):
    with Progress(path, 0, 4) as log:
        log.add(1, step(("a", 1.0), gradients={"a": INF, "b": 1.0}))
        log.add(2, step(("a", 1.0), gradients={"a": 1.0, "b": 1.0}))
        log.write()
    assert lines(path)[0]["gradients"] == {"a": None, "b": 1.0}


def test_a_line_is_on_disk_as_soon_as_it_is_written(path):
    with Progress(path, 0, 4) as log:
        log.add(1, step(("a", 1.0)))
        log.read()
        assert lines(path) == []
        log.add(2, step(("a", 2.0)))
        log.write()
        assert [(line["step"], line["losses"]) for line in lines(path)] == [(2, {"a": 1.5})]


@pytest.mark.parametrize(("first", "kept"), [(0, []), (2, [2]), (3, [2]), (4, [2, 4])])
def test_a_resumed_run_appends_to_the_lines_up_to_its_checkpoint_and_a_new_one_to_none(path, first, kept):
    with Progress(path, 0, 6) as log:
        for number in (2, 4):
            log.add(number, step(("a", 1.0)))
            log.write()
    with Progress(path, first, 6) as log:
        log.add(6, step(("a", 3.0)))
        log.write()
    assert [line["step"] for line in lines(path)] == [*kept, 6]
    assert lines(path)[-1]["losses"] == {"a": 3.0}


def test_what_is_shown_stands_where_the_run_does(path):
    with Progress(path, 3, 9, show=True) as log:
        assert (log.course.what, log.course.done, log.course.before, log.course.total) == ("step", 3, 3, 9)
        log.add(4, step(("a", 0.125)))
        log.write()
        assert (log.course.done, log.course.text) == (4, "a 0.125")
        log.say("drawing samples")
        assert (log.course.done, log.course.text) == (4, "drawing samples")


def test_without_a_path_nothing_is_written_and_without_a_bar_nothing_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with Progress(None, 0, 4) as log:
        log.add(1, step(("a", 1.0)))
        log.write()
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_a_torn_last_line_does_not_stop_a_resumed_run(path):
    path.parent.mkdir()
    path.write_text('{"step": 2, "losses": {}}\n{"step": 4, "lo', encoding="utf-8")
    with Progress(path, 3, 4) as log:
        log.add(4, step(("a", 1.0)))
        log.write()
    assert [line["step"] for line in lines(path)] == [2, 4]


def test_a_resumed_run_goes_on_with_the_steps_that_await_their_line(path):
    with Progress(path, 0, 4) as log:
        log.add(1, step(("a", 1.0), gradients={"a": INF}, outputs={"real": 0.5}))
        log.read()
        unlogged = json.loads(json.dumps(log.unlogged))
    with Progress(path, 1, 4, unlogged=unlogged) as log:
        log.add(2, step(("a", 2.0), gradients={"a": 1.0}, outputs={"real": 1.0}))
        log.write()
        assert log.unlogged == []
    (line,) = lines(path)
    assert (line["losses"], line["gradients"], line["outputs"]) == ({"a": 1.5}, {"a": None}, {"real": 0.75})


@pytest.mark.parametrize("show", [True, False])
def test_it_is_shown_where_somebody_is_looking_unless_quiet_was_asked_for(path, monkeypatch, capsys, show):
    monkeypatch.setattr("zoo._util.progress.Console.is_terminal", True)
    with Progress(path, 0, 100, show=show) as log:
        log.add(1, step(("a", 0.125)))
    told = capsys.readouterr()
    assert told.out == ""
    assert ("1/100" in told.err) == show


def test_a_log_that_cannot_be_written_is_named(path, monkeypatch):
    def full(self, *arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Progress(path, 0, 4) as log:
        log.add(1, step(("a", 1.0)))
        monkeypatch.setattr(type(path), "open", full)
        with pytest.raises(OSError, match="No space left") as caught:
            log.write()
    assert caught.value.filename == str(path)

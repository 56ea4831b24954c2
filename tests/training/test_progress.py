"""The log of a run: means since the last line, appended on resume, and silence where nobody is asked."""

import json

import pytest

from zoo.training.progress import Progress, Step


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "log.jsonl"


def test_a_line_holds_the_means_since_the_last_one(path):
    with Progress(path, 0, 4, enabled=True) as log:
        log.add(1, Step({"critic": 1.0, "generator": 10.0}), flush=False)
        log.add(2, Step({"critic": 2.0, "generator": 30.0}), flush=True)
        log.add(3, Step({"critic": 5.0, "generator": 0.0}), flush=True)
    first, second = lines(path)
    assert (first["step"], first["losses"]) == (2, {"critic": 1.5, "generator": 20.0})
    assert (second["step"], second["losses"]) == (3, {"critic": 5.0, "generator": 0.0})
    assert set(first) == {"step", "seconds", "losses", "gradients"}
    assert 0 <= first["seconds"] <= second["seconds"]


def test_gradients_outputs_and_coverage_have_their_places(path):
    with Progress(path, 0, 4, enabled=True, kind="probability") as log:
        log.add(1, Step({"a": 1.0}, {"a": 1e-9, "b": 2.0}, {"real": 0.5, "fake": 0.25}), flush=False)
        log.add(2, Step({"a": 1.0}, {"a": 3e-9}, {"real": 0.7, "fake": 0.75}), flush=True, coverage={"coverage": 0.5})
        log.add(3, Step({"a": 1.0}, {"a": 1.23456}), flush=True, coverage={})
    first, second = lines(path)
    # Where a network is not updated in every step, the mean is over the steps in which it was.
    assert first["gradients"] == {"a": 2e-9, "b": 2.0}
    assert (first["outputs"], first["kind"]) == ({"real": 0.6, "fake": 0.5}, "probability")
    assert first["coverage"] == {"coverage": 0.5}
    assert second["gradients"] == {"a": 1.235}
    assert set(second) == {"step", "seconds", "losses", "gradients"}


def test_what_is_not_finite_is_null(path):
    with Progress(path, 0, 4, enabled=True) as log:
        log.add(1, Step({"a": 1.0, "b": float("nan")}, {"a": float("inf")}), flush=False)
        log.add(2, Step({"a": 1.0, "b": 1.0}, {"a": 1.0}), flush=True)
        assert log.bar.tasks[0].fields["text"] == "a 1.000  b not finite"
    (line,) = lines(path)
    assert (line["losses"], line["gradients"]) == ({"a": 1.0, "b": None}, {"a": None})


def test_a_line_is_on_disk_as_soon_as_it_is_flushed(path):
    with Progress(path, 0, 4, enabled=True) as log:
        log.add(1, Step({"a": 1.0}), flush=False)
        assert lines(path) == []
        log.add(2, Step({"a": 1.0}), flush=True)
        assert [line["step"] for line in lines(path)] == [2]


@pytest.mark.parametrize(("first", "kept"), [(0, []), (2, [2]), (3, [2]), (4, [2, 4])])
def test_a_resumed_run_appends_to_the_lines_up_to_its_checkpoint_and_a_new_one_to_none(path, first, kept):
    with Progress(path, 0, 6, enabled=True) as log:
        log.add(2, Step({"a": 1.0}), flush=True)
        log.add(4, Step({"a": 1.0}), flush=True)
    with Progress(path, first, 6, enabled=True) as log:
        log.add(6, Step({"a": 3.0}), flush=True)
    assert [line["step"] for line in lines(path)] == [*kept, 6]
    assert lines(path)[-1]["losses"] == {"a": 3.0}


def test_the_bar_stands_where_the_run_does(path):
    with Progress(path, 3, 9, enabled=True) as log:
        (task,) = log.bar.tasks
        assert (task.completed, task.total) == (3, 9)
        log.add(4, Step({"a": 0.125}), flush=True)
        assert task.completed == 4
        assert task.fields["text"] == "a 0.125"


def test_disabled_writes_and_shows_nothing(path, capsys):
    with Progress(path, 0, 4, enabled=False) as log:
        log.add(1, Step({"a": 1.0}), flush=True)
    assert not path.parent.exists()
    assert capsys.readouterr().out == ""


def test_the_bar_runs_until_the_run_ends_or_fails(path):
    log = Progress(path, 0, 4, enabled=True)

    def fail():
        with log:
            assert log.bar.live.is_started
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        fail()
    assert not log.bar.live.is_started


def test_a_torn_last_line_does_not_stop_a_resumed_run(path):
    path.parent.mkdir()
    path.write_text('{"step": 2, "losses": {}}\n{"step": 4, "lo', encoding="utf-8")
    with Progress(path, 3, 4, enabled=True) as log:
        log.add(4, Step({"a": 1.0}), flush=True)
    assert [line["step"] for line in lines(path)] == [2, 4]

"""Logs read back: new and old, torn, damaged, none at all."""

import json
import math
import shutil

import pytest
import torch

from zoo.errors import InvalidInput, TrainingError
from zoo.reports.history import Line, names, read, series
from zoo.training.progress import Progress, Step

OLD = '{"step": 50, "seconds": 1.0, "losses": {"a": 1.5}}\n'


@pytest.fixture
def log(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "log.jsonl"


def test_what_a_run_writes_is_read(log):
    with Progress(log, 0, 4, kind="score") as progress:
        one, two, three, bad = map(torch.tensor, (1.0, 2.0, 3.0, math.nan))
        progress.add(1, Step([("a", one)], {"a": two}, {"real": three}))
        progress.write({"coverage": 0.5, "modes": 4})
        progress.add(2, Step([("a", bad)]))
        with pytest.raises(TrainingError, match="nan at step 2"):
            progress.read()
    first, second = read(log.parent).lines
    assert first == Line(1, {"a": 1.0}, {"a": 2.0}, {"real": 3.0}, {"coarse_coverage": 0.5, "modes": 4}, "score")
    assert (second.step, second.gradients, second.outputs, second.kind) == (2, {}, {}, "")
    assert math.isnan(second.losses["a"])


def test_the_release_its_run_and_the_log_itself_mean_the_same(log, tmp_path):
    log.write_text(OLD)
    assert read(tmp_path) == read(str(log.parent)) == read(log)
    assert read(log).folder == log.parent
    assert read(log).lines == (Line(50, {"a": 1.5}),)


def test_a_torn_last_line_is_left_out_without_a_word_and_a_damaged_one_is_counted(log):
    log.write_text(OLD + '{"step": 100, "seconds": 2.0, "los')
    assert ([line.step for line in read(log).lines], read(log).damaged) == ([50], 0)
    log.write_text(
        '[1]\n{"step": 20}\n{"step": 30, "losses": {"a": "high"}}\n{"step": 1e999}\n{"losses": {}}\n\n' + OLD
    )
    assert ([line.step for line in read(log).lines], read(log).damaged) == ([20, 50], 5)


def test_samples_are_in_order_of_their_steps(log):
    log.write_text(OLD)
    (log.parent / "samples").mkdir()
    for name in ("1000000.png", "002000.png", "000500.png", "notes.png", "3.txt"):
        (log.parent / "samples" / name).touch()
    assert [path.name for path in read(log).samples] == ["000500.png", "002000.png", "1000000.png"]


def test_where_there_is_no_run(tmp_path, log):
    with pytest.raises(InvalidInput, match=r"nowhere is not there\. Pass a folder that zoo train wrote"):
        read(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"holds no log\.jsonl, nor does run/ in it"):
        read(tmp_path)
    log.write_text("")
    with pytest.raises(InvalidInput, match="no line yet; the first comes after 50 steps"):
        read(tmp_path)
    log.write_text('{"step": 5')
    with pytest.raises(InvalidInput, match="1 lines, none of them readable"):
        read(tmp_path)
    shutil.rmtree(log.parent)
    (tmp_path / "run").write_text(json.dumps({}))
    with pytest.raises(InvalidInput, match=r"holds no log\.jsonl"):
        read(tmp_path)


def test_series_skip_the_lines_that_lack_them():
    lines = [Line(1, {"a": 1.0}), Line(2), Line(3, {"b": 0.0, "a": 2.0})]
    assert series(lines, "losses", "a") == [(1, 1.0), (3, 2.0)]
    assert series(lines, "coverage", "a") == []
    assert names(lines, "losses") == ["a", "b"]

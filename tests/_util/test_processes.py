"""Which of several processes speaks and writes."""

import os
import time

import pytest

from zoo._util import processes
from zoo._util.processes import is_first, is_of_this_launch, is_shared, mine, rank, rank_here


@pytest.mark.parametrize(("number", "first"), [(None, True), ("0", True), ("1", False), ("10", False)])
def test_the_first_process_has_rank_0_and_a_single_one_none(monkeypatch, number, first):
    monkeypatch.delenv("RANK", raising=False)
    if number is not None:
        monkeypatch.setenv("RANK", number)
    assert is_first() == first
    assert rank() == int(number or 0)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert rank_here() == 3


@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_item_is_the_work_of_one_process(monkeypatch, world):
    monkeypatch.setenv("WORLD_SIZE", str(world))
    shares = []
    for number in range(world):
        monkeypatch.setenv("RANK", str(number))
        shares.append(list(mine(range(7))))
    assert sorted(each for share in shares for each in share) == list(range(7))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert is_shared() == (world > 1)


def test_what_lay_there_before_the_launch_is_not_of_it(tmp_path, monkeypatch):
    path = tmp_path / "part.png"
    assert not is_of_this_launch(path)
    path.touch()
    assert is_of_this_launch(path)
    os.utime(path, (0, 0))
    assert not is_of_this_launch(path)
    monkeypatch.setattr(processes, "_launched", lambda: 0.0)  # as where the system does not tell
    os.utime(path, (1, 1))
    assert is_of_this_launch(path)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the system does not tell")
def test_the_launch_is_before_now_and_after_the_system_began():
    began = processes._launched()
    assert 0 < began <= time.time() + 1

"""Which of several processes speaks and writes."""

import pytest

from zoo._util.processes import is_first, is_shared, mine


@pytest.mark.parametrize(("rank", "first"), [(None, True), ("0", True), ("1", False), ("10", False)])
def test_the_first_process_has_rank_0_and_a_single_one_none(monkeypatch, rank, first):
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert is_first() == first


@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_item_is_the_work_of_one_process(monkeypatch, world):
    monkeypatch.setenv("WORLD_SIZE", str(world))
    shares = []
    for rank in range(world):
        monkeypatch.setenv("RANK", str(rank))
        shares.append(list(mine(range(7))))
    assert sorted(each for share in shares for each in share) == list(range(7))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert is_shared() == (world > 1)

"""Which of several processes speaks and writes."""

import pytest

from zoo._util.processes import is_first


@pytest.mark.parametrize(("rank", "first"), [(None, True), ("0", True), ("1", False), ("10", False)])
def test_the_first_process_has_rank_0_and_a_single_one_none(monkeypatch, rank, first):
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert is_first() == first

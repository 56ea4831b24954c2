"""Processes that meet again, in a store that outlives those who met there before."""

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch import distributed as dist

from zoo.errors import ZooError
from zoo.model import meeting


def names(store, ranks):
    with ThreadPoolExecutor(len(ranks)) as pool:
        return list(pool.map(lambda rank: meeting.agreed(store, rank, len(ranks)), ranks))


def test_all_who_meet_know_one_name_and_those_who_meet_again_another():
    store = dist.HashStore()
    first, again = names(store, [0, 1, 2]), names(store, [2, 0, 1])
    assert len(set(first)) == len(set(again)) == 1
    assert first[0] != again[0]


def test_who_comes_first_does_not_take_an_earlier_call_for_that_of_the_living():
    # An earlier meeting was called and held; another was called by who was killed before anybody answered.
    store = dist.HashStore()
    held = names(store, [0, 1])[0]
    store.set(meeting.PLACE, "dead")
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(meeting.agreed, store, 1, 2)
        while not store.check([f"{meeting.PLACE}/dead/1"]):
            pass
        assert not other.done()
        assert pool.submit(meeting.agreed, store, 0, 2).result() == other.result() not in (held, "dead")


def test_who_is_not_called_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(dist, "default_pg_timeout", datetime.timedelta(0))
    with pytest.raises(ZooError, match="process 1 was not called by the first one"):
        meeting.agreed(dist.HashStore(), 1, 2)

"""Records: a number on a card and back, its floor, its spread over seeds, and what it depends on."""

import pytest

from zoo.releases.record import Record

METRIC = {"type": "mse", "name": "MSE", "value": 0.5, "args": {"k": 3, "floor": 0.25, "seed": 0, "note": None}}


def test_a_record_is_what_the_card_says_and_the_card_what_it_is():
    record = Record.from_dict(METRIC)
    assert record.to_dict() == METRIC
    assert list(record.to_dict()["args"]) == list(METRIC["args"])  # in the order in which a card shows them
    bare = Record.from_dict({"type": "a", "name": "A", "value": 1})
    assert (bare.args, bare.floor, bare.seeds, bare.spread) == ({}, None, {}, "")


def test_a_record_has_its_floor_and_what_it_depends_on_in_the_order_asked_for():
    record = Record.from_dict(METRIC)
    assert record.floor == 0.25
    assert list(record.how(("seed", "k", "note", "split")).items()) == [("seed", 0), ("k", 3)]


@pytest.mark.parametrize("value", [None, True, "1", {"of": 2}, [1], float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_taken_for_one(value):
    assert Record("a", "A", 1.0, {"pca": value}).number("pca") is None


@pytest.mark.parametrize(
    ("seeds", "shown"),
    [
        (None, ""),
        ({}, ""),
        ({0: 1.0}, ""),  # one value has no spread
        ({0: 1.0, 1: 1.0}, "1 ± 0 (2 seeds)"),
        ({0: 0.1, 1: 0.3}, "0.2 ± 0.14 (2 seeds)"),  # √((0.1² + 0.1²) / 1)
        ({0: 1000, 1: 1300}, "1150 ± 210 (2 seeds)"),
        ({0: float("inf"), 1: 1.0}, "inf ± inf (2 seeds)"),
    ],
)
def test_spread_is_mean_and_sample_standard_deviation(seeds, shown):
    assert Record("t", "n", 1.0, {"seeds": seeds}).spread == shown

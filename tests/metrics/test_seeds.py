"""The spread over seeds, of what was measured; what is alike in all but the seed is tested with `zoo evaluate`."""

from zoo.metrics.seeds import with_spread
from zoo.releases.record import Record


def record(value: float, name: str = "MSE") -> Record:
    return Record("mse", name, value, {"n": 10})


def test_records_are_those_of_the_first_with_the_values_of_all_in_rising_order() -> None:
    measured = {5: [record(6.0), record(1.0, "other")], 0: [record(1.0)], 1: [record(2.0)]}
    first, other = with_spread(measured)
    assert (first.value, first.args) == (6.0, {"n": 10, "seeds": {0: 1.0, 1: 2.0, 5: 6.0}})
    assert list(first.args["seeds"]) == [0, 1, 5]
    assert (other.name, other.args["seeds"]) == ("other", {5: 1.0})
    assert measured[5][0].args == {"n": 10}

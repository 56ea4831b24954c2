"""What must be true of a card's front matter, block by block; whole cards are in test_cards.py."""

from pathlib import Path

import pytest

from zoo.errors import CardError
from zoo.releases.front import check_directions, check_keys, check_metrics, check_shape

WHERE = Path("card")


def metric(**changes):
    return [{"results": [{"metrics": [{"type": "t", "name": "n", "value": 1} | changes]}]}]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "card: block is list; expected a mapping."),
        ({"n": 1}, "card: block lacks 'text'. Compare with the card of another release."),
        ({"n": 1, "text": 2}, "card: block.text is int; expected str."),
        ({"n": True, "text": ""}, "card: block.n is bool; expected int."),
    ],
)
def test_a_block_has_its_keys_and_their_types(values, told):
    with pytest.raises(CardError) as caught:
        check_keys(WHERE, "block", values, {"n": int, "text": str})
    assert str(caught.value) == told
    check_keys(WHERE, "block", {"n": 0, "text": "", "more": None}, {"n": int, "text": str})


@pytest.mark.parametrize(
    ("space", "shape", "wanted"),
    [
        ("images", [3, 8], "[channels, height, width], or [features]"),
        ("images", [3, 8, 0], "[channels, height, width], or [features]"),
        ("binary-images", [1, 8, 8.0], "[channels, height, width]"),
        ("vectors", [2, 2], "[features]"),
        ("vectors", [True], "[features]"),
        ("melodies", [], "a list of sizes"),
        ("melodies", [-1], "a list of sizes"),
    ],
)
def test_a_shape_is_that_of_the_space(space, shape, wanted):
    with pytest.raises(CardError) as caught:
        check_shape(WHERE, space, shape)
    assert str(caught.value) == f"card: zoo.data.shape is {shape}, of {space}; expected {wanted}."


def test_shapes_that_are_right():
    for space, shape in {"images": [3, 8, 9], "vectors": [5], "melodies": [4, 4, 4, 4]}.items():
        check_shape(WHERE, space, shape)


def test_numbers_that_are_right():
    for index in (None, [], [{"results": []}], metric(value=1.5, args={"floor": 2, "seeds": {"0": 1, "1": 2.5}})):
        check_metrics(WHERE, index)
    check_metrics(WHERE, metric(value=float("inf")))


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ("x", "model-index is str; expected a list."),
        ([{"results": {}}], "model-index.results is dict; expected list."),
        (metric(value=True), "metric 'n' has True; expected a number."),
        (metric(value=None), "metric 'n' has None; expected a number."),
        (metric(args={"floor": "2"}), "metric 'n' has '2'; expected a number."),
        (metric(args={"floor_train": {"of": 2}}), "metric 'n' has {'of': 2}; expected a number."),
        (metric(args={"seeds": {"1": "x"}}), "metric 'n' has 'x'; expected a number."),
        (metric(value=-(10**400)), "metric 'n' has a number beyond all numbers."),
    ],
)
def test_numbers_that_are_none(index, told):
    with pytest.raises(CardError) as caught:
        check_metrics(WHERE, index)
    assert str(caught.value) == f"card: {told}"


@pytest.mark.parametrize(
    ("directions", "told"),
    [
        (["smiling"], "zoo.weights.directions is list; expected a mapping."),
        ({"smiling": "1 two"}, "zoo.weights.directions has '1 two' for 'smiling'; expected a text of numbers that"),
        ({"smiling": "1 nan"}, "has '1 nan' for 'smiling'; expected a text of numbers that"),
        ({"smiling": "0 -0.0"}, "has '0 -0.0' for 'smiling'; expected a text of numbers that are not all 0."),
        ({"smiling": ""}, "has '' for 'smiling'"),
        ({"smiling": [1.0]}, "has [1.0] for 'smiling'; expected a text of numbers that"),
        ({3: "1"}, "has '1' for 3; expected a text of numbers that"),
    ],
)
def test_directions_that_are_none(directions, told):
    with pytest.raises(CardError) as caught:
        check_directions(Path("card"), directions)
    assert told in str(caught.value)

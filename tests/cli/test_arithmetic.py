"""What `zoo arithmetic` understands of its words; what it draws is in test_playing.py."""

from types import SimpleNamespace

import pytest
import torch

from zoo.cli import arithmetic
from zoo.cli.arithmetic import STRENGTHS, Request
from zoo.conditions import Labels, combinations
from zoo.errors import InvalidInput, WeightsError


def request(items=(), plus=(), minus=(), attributes=(), seed=None, **changes):
    found = {"data": None, "dataset": "celeba-attributes", "examples": None, "strengths": STRENGTHS}
    found |= {"save": None, "directions": None, "any_data": False, "write": False}
    found |= {"release": SimpleNamespace(name="faces", origin=None)}
    return Request.read(items, plus, minus, attributes, seed, *(found | changes).values())


def test_lists_are_cut_at_their_commas():
    asked = request(plus=["3,4:5", "6"], minus=["7, 8"])
    assert (asked.plus, asked.minus) == ((["3", "4:5"], ["6"]), (["7", "8"],))
    assert asked.named == ["3", "4:5", "6", "7", "8"]
    assert request(["1", "2"], attributes=["light, odd", "odd", ","]).wanted == ("light", "odd")


def test_a_file_is_named_by_all_that_is_asked_for():
    told = request(plus=["3,4:5", "6"], minus=["7"]).name_parts(0)
    assert told == ["plus", "seed3+seed4.5", "plus", "seed6", "minus", "seed7"]
    assert request(attributes=["light"]).name_parts(9) == ["light", "seed9"]
    assert request(["7:2"]).name_parts(9) == ["seed7.2"]


@pytest.mark.parametrize(
    ("changes", "searches"),
    [
        ({}, False),
        ({"dataset": "faces"}, True),
        ({"data": "d"}, True),
        ({"save": "d"}, True),
        ({"strengths": "0"}, True),
    ],
)
def test_whether_anything_is_said_of_directions(changes, searches):
    assert request(**changes).searches is searches


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"plus": ["1"], "items": ["2"]}, "--plus and --minus are all there is to it"),
        ({"plus": ["1"], "seed": 0}, "--plus and --minus are all there is to it"),
        ({"minus": ["1"], "strengths": "2"}, "--plus and --minus are all there is to it"),
        ({"minus": ["1"]}, "--minus takes away from --plus; give both."),
        ({"items": ["1"], "seed": 0}, "--seed is of the samples that are changed when none are named"),
        ({"directions": "d", "examples": 1}, "--directions stands in place of --data, what goes with it and --save"),
        ({"directions": "d", "dataset": "faces"}, "--directions stands in place of --data"),
        ({"examples": 1}, "--examples and --any-data are of the images in --data; pass that, or leave them out."),
        ({"any_data": True}, "--examples and --any-data are of the images in --data"),
        ({"write": True}, "--write is of directions that are found; pass --data, or --directions."),
        (
            {"write": True, "data": "faces", "release": SimpleNamespace(name="faces", origin="hf:org/faces")},
            "--write changes a card; that of faces is the Hub's",
        ),
        ({"strengths": ""}, f"--strengths ; expected numbers separated by commas, such as {STRENGTHS}."),
        ({"strengths": "1,nan"}, "--strengths 1,nan; expected numbers"),
    ],
)
def test_options_that_do_not_go_together(asked, told):
    with pytest.raises(InvalidInput) as caught:
        request(**asked)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("wanted", "base", "indices"),
    [
        ((), None, [0, 1, 2, 3, 4, 5, 6, 7]),
        (("b",), None, [0, 2]),
        (("c", "a"), None, [0, 4, 1, 5]),
        (("a",), "b + c", [6, 7]),
        (("a",), 7, [6, 7]),
    ],
)
def test_combinations_count_in_bits_the_first_attribute_the_lowest(wanted, base, indices):
    assert arithmetic._combined(combinations(("a", "b", "c")), wanted, base) == indices


def test_an_error_of_what_was_led_says_that_it_may_have_been_led_too_far():
    class Model:
        log_prob_kind = None

        def decode(self, z, **arguments):
            raise WeightsError("not finite.")

    with pytest.raises(WeightsError, match=r"^not finite\.$"):
        arithmetic.Sheet(None, None, 1, "", []).decoded(Model(), None, {})
    with pytest.raises(InvalidInput, match=r"^not finite\. Or it was led too far away: try --strengths 0,0\.5,1\.$"):
        arithmetic.Sheet(None, None, 1, "", [], {"smiling": None}).decoded(Model(), None, {})


def test_each_image_is_told_what_it_is(monkeypatch):
    z = torch.zeros(2, 3)
    monkeypatch.setattr(arithmetic, "_ways", lambda model, request: {"smiling": z[0] + 1, "bangs": z[0]})
    led = arithmetic._directions(request(strengths="-0.5,0,2"), None, lambda: z, "", None)
    assert led.captions == [*["smiling -0.5", "before", "smiling +2"] * 2, *["bangs -0.5", "before", "bangs +2"] * 2]
    assert led.z[2].tolist() == [2, 2, 2]
    means = arithmetic._means(request(plus=["3,9", "5"], minus=["4"]), lambda words: torch.ones(len(words), 3), None)
    assert means.captions == ["+ 3, 9", "+ 5", "− 4", "="]
    classes = combinations(("a", "b"))
    model = SimpleNamespace(condition=Labels(classes), name="two")
    combined = arithmetic._combinations(request(), model, lambda: z, "", None)
    assert combined.captions == [*classes, *classes]

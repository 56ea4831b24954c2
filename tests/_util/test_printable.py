"""Nothing that comes from outside is an order to the terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo._util.printable import brief, printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fréchet × 28\tκ\n", "Fréchet × 28\tκ\n"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\rb\x00\x07\x7f", "a\\rb\\x00\\x07\\x7f"),
        ("\x9b31m", "\\x9b31m"),  # the same order in one sign
        ("gnp.\u202egpj", "gnp.\\u202egpj"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
    ],
)
def test_controls_are_shown_and_not_obeyed(text, shown):
    assert printable(text) == shown


@given(st.text(st.characters(max_codepoint=0x20FF)) | st.sampled_from(["\x9b2J", "a\u202eb", "\x7f"]))
def test_json_holds_no_order_and_says_the_same(text):
    made = printable_json(json.dumps([text], ensure_ascii=False))
    assert json.loads(made) == [text]
    assert printable(made) == made


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", "'a'"),
        ([1, 2], "[1, 2]"),
        ("x" * 300, f"'{'x' * 198}…"),
        (16**5000, "an integer of thousands of digits"),
        ([16**5000], "an integer of thousands of digits"),
    ],
    ids=["text", "list", "long", "integer", "list of one"],
)
def test_values_of_any_size_are_shown_in_a_line(value, shown):
    assert brief(value) == shown

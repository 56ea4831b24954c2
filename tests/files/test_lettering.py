"""Text on pictures: what a font lacks is written without its marks, or by its name; nothing becomes a box."""

import importlib.util

import pytest

from zoo.files import lettering as module
from zoo.files.lettering import lettering


@pytest.fixture(params=[True, False])
def matplotlib(request, monkeypatch):
    """Whether matplotlib's font is there."""
    there = request.param and importlib.util.find_spec("matplotlib") is not None
    if not there:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    module._fonts.cache_clear()
    yield there
    module._fonts.cache_clear()


@pytest.mark.parametrize(
    ("text", "full", "plain"),
    [
        ("a face", "a face", "a face"),
        ("Zürich", "Zürich", "Zurich"),
        ("u\u0308ber", "über", "uber"),
        ("a → b", "a → b", "a (rightwards arrow) b"),
        ("日", "(cjk unified ideograph-65e5)", "(cjk unified ideograph-65e5)"),
        ("\u2764\ufe0f", "\u2764", "(heavy black heart)"),
        ("x\u200d\ny\tz", "x y z", "x y z"),
        ("\ue000", "(u+e000)", "(u+e000)"),
    ],
)
def test_what_a_font_lacks_is_told_in_letters_that_it_has(matplotlib, text, full, plain):
    font, (drawn,) = lettering([text], 12)
    assert drawn == (full if matplotlib else plain)
    assert not any(module._lacks(font, letter) for letter in drawn)


def test_a_text_that_any_font_has_is_in_pillow_s(matplotlib):
    font, texts = lettering(["a face", "and another"], 12)
    assert texts == ["a face", "and another"]
    assert font is module._fonts(12)[0]
    assert font.getlength("n") > 0

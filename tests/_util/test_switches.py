"""Variables that switch something on say yes or no, and nothing else."""

import pytest

from zoo._util.switches import is_on
from zoo.errors import InvalidInput


@pytest.mark.parametrize(
    ("word", "on"),
    [("1", True), ("TRUE", True), ("yes", True), ("On", True), (" 1 ", True), ("0", False), ("No", False), ("", False)],
)
def test_words(monkeypatch, word, on):
    monkeypatch.setenv("ZOO_LIGHT", word)
    assert is_on("ZOO_LIGHT") is on


def test_unset_is_off(monkeypatch):
    monkeypatch.delenv("ZOO_LIGHT", raising=False)
    assert not is_on("ZOO_LIGHT")


@pytest.mark.parametrize("word", ["maybe", "2", "ture", "-"])
def test_other_words_are_refused(monkeypatch, word):
    monkeypatch.setenv("ZOO_LIGHT", word)
    with pytest.raises(InvalidInput, match=f"ZOO_LIGHT='{word}' says neither yes nor no; expected 1 or 0"):
        is_on("ZOO_LIGHT")

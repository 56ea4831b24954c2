"""Variables that switch something on say yes or no, and nothing else; a number is one."""

import re
from pathlib import Path

import pytest

from zoo._util import switches
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


def test_a_number(monkeypatch):
    monkeypatch.delenv("ZOO_MAX_PIXELS", raising=False)
    assert switches.number("ZOO_MAX_PIXELS") == 250_000_000
    monkeypatch.setenv("ZOO_MAX_PIXELS", " 1000 ")
    assert switches.number("ZOO_MAX_PIXELS") == 1000


@pytest.mark.parametrize("word", ["many", "0", "-3", "1e9", "²", "9" * 5000])
def test_what_is_no_number_is_refused(monkeypatch, word):
    monkeypatch.setenv("ZOO_MAX_PIXELS", word)
    with pytest.raises(InvalidInput, match=r"^ZOO_MAX_PIXELS='.{1,40}'; expected a whole number above 0, such as 2500"):
        switches.number("ZOO_MAX_PIXELS")


@pytest.mark.parametrize("name", [*switches.SWITCHES, *switches.NUMBERS])
def test_all_are_looked_at_together(monkeypatch, name):
    for each in (*switches.SWITCHES, *switches.NUMBERS):
        monkeypatch.delenv(each, raising=False)
    switches.check()
    monkeypatch.setenv(name, "maybe")
    with pytest.raises(InvalidInput, match=f"^{name}='maybe'"):
        switches.check()


def test_every_variable_of_zoo_that_is_asked_for_is_one_of_them():
    source = "".join(path.read_text(encoding="utf-8") for path in Path(switches.__file__).parents[1].rglob("*.py"))
    known = {*switches.SWITCHES, *switches.NUMBERS, "ZOO_HOME", "ZOO_PLUGINS"}  # the latter are any words
    assert set(re.findall(r"\bZOO_[A-Z_]*[A-Z]\b", source)) == known

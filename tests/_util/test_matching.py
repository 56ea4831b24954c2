"""Which of the known names one means."""

import unicodedata

import pytest

from zoo._util.matching import alike, find, listed
from zoo.errors import InvalidInput, UnknownName

COMPOSED, APART = "café", unicodedata.normalize("NFD", "café")


@pytest.mark.parametrize(
    ("name", "names", "place"),
    [
        ("cat", ("Cat", "cat"), 1),
        ("Cat", ("Cat", "cat"), 0),
        ("CAT", ("dog", "Cat"), 1),
        (APART, (COMPOSED, APART), 1),
        (COMPOSED, (COMPOSED, APART), 0),
        (COMPOSED.upper(), ("dog", APART), 1),
        ("STRASSE", ("straße",), 0),
        ("dog", ("cat", "dog "), 1),
        ("dog", ("dog ", "dog"), 1),
        (" red  heart", ("red\u00a0heart",), 0),
    ],
)
def test_what_is_so_exactly_comes_first(name, names, place):
    assert find(name, names, "no class is called") == place


@pytest.mark.parametrize(
    ("name", "names", "said"),
    [
        ("CAT", ("Cat", "cat"), "'Cat' and 'cat'"),
        (COMPOSED.upper(), (COMPOSED, APART), r"'caf\\xe9' and 'cafe\\u0301'"),
    ],
)
def test_a_name_that_may_mean_two_is_refused_with_both(name, names, said):
    with pytest.raises(InvalidInput, match=f"is as like {said}. Write one of them exactly"):
        find(name, names, "no class is called")


def test_an_unknown_name_is_told_its_neighbours():
    with pytest.raises(UnknownName, match=r"^no class is called 'cats'\. Did you mean 'cat'\?$"):
        find("cats", ("cat", "dog"), "no class is called")


def test_names_that_are_alike():
    assert alike(("cat", "dog", "Cat")) == ["cat", "Cat"]
    assert alike((COMPOSED, "dog", APART)) == [COMPOSED, APART]
    assert alike(("cat", "dog", "dog ")) == ["dog", "dog "]
    assert alike(("cat", "dog", "cat")) == []
    assert listed(["a", "b"]) == "'a' and 'b'"

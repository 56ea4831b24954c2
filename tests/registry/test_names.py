"""Names among the things of several plugins: bare, qualified, taken."""

import pytest

from zoo.errors import DuplicateName, UnknownName
from zoo.registry import names


def thing(name, plugin):
    return names.Named(name, plugin=plugin, distribution=f"zoo-{plugin}")


OURS, THEIRS = thing("a", "zoo"), thing("a", "one")
B1, B2, C = thing("b", "one"), thing("b", "two"), thing("c", "two")
THINGS = [OURS, THEIRS, B1, B2, C]


@pytest.mark.parametrize(
    ("name", "thing"),
    [("a", OURS), ("zoo:a", OURS), ("one:a", THEIRS), ("one:b", B1), ("two:b", B2), ("c", C), ("two:c", C)],
)
def test_what_a_name_means(name, thing):
    assert names.pick(name, THINGS, "thing") is thing


def test_a_bare_name_of_two_plugins():
    with pytest.raises(DuplicateName) as caught:
        names.pick("b", THINGS, "thing")
    assert str(caught.value) == (
        "thing 'b' is registered by one (package zoo-one) and two (package zoo-two). Say which: 'one:b' or 'two:b'."
    )


@pytest.mark.parametrize("name", ["zoo:c", "two:a", "three:b", ":b", "one:two:b", "zoo:", ""])
def test_what_is_not_there(name):
    with pytest.raises(UnknownName, match=f"no thing is called '{name}'"):
        names.pick(name, THINGS, "thing")


def test_the_nearest_are_told_by_the_names_that_reach_them():
    with pytest.raises(UnknownName, match="'two:c'"):
        names.pick("two:x", [*THINGS, thing("longer", "three")], "thing")
    with pytest.raises(UnknownName, match=r"Known: a, one:a, one:b, two:b, two:c\."):
        names.pick("something else", THINGS, "thing")
    with pytest.raises(UnknownName, match="None is registered"):
        names.pick("a", [], "thing")


def test_every_qualified_name_reaches_its_thing():
    assert [names.pick(thing.qualified, THINGS, "thing") for thing in THINGS] == THINGS

"""Which samples are held out."""

import hashlib
import unicodedata
from collections import Counter

import pytest

from zoo.data.splitting import digest, draw
from zoo.errors import DataError

NAMES = [f"{i:03d}.png" for i in range(200)]


def held(*arguments, **options):
    return [name for name, out in zip(arguments[0], draw(*arguments, **options), strict=True) if out]


def test_as_many_are_drawn_as_are_asked_for_and_not_from_the_end():
    drawn = held(NAMES, 40, 0)
    assert len(drawn) == 40
    assert 40 < sum(NAMES.index(name) for name in drawn) / 40 < 160  # of uniform places 100 ± 9
    assert held(NAMES, 40, 0) == drawn != held(NAMES, 40, 1)
    assert set(held(NAMES, 20, 0)) < set(drawn)
    assert len(held(NAMES, 500, 0)) == 200


def test_few_change_sides_when_others_join_them():
    assert len({*held(NAMES, 40, 0)} - {*held([*NAMES, "new.png"], 40, 0)}) <= 1


def test_the_order_of_the_names_and_how_they_are_composed_do_not_matter():
    names = [f"é{name}" for name in NAMES]
    apart = [unicodedata.normalize("NFD", name) for name in names]
    assert [names.index(name) for name in held(names, 9, 3)] == [apart.index(name) for name in held(apart, 9, 3)]
    assert {*held(NAMES[::-1], 9, 3)} == {*held(NAMES, 9, 3)}


@pytest.mark.parametrize(
    ("sizes", "holdout", "shares"),
    [
        ({"a": 10, "b": 10}, 10, {"a": 5, "b": 5}),
        ({"a": 95, "b": 5}, 20, {"a": 19, "b": 1}),
        ({"a": 190, "b": 5, "c": 1}, 4, {"a": 3, "b": 1}),  # one of each that can spare one comes first
        ({"a": 3, "b": 3}, 4, {"a": 2, "b": 2}),
        ({"a": 5, "b": 4, "c": 3}, 2, {"a": 1, "b": 1}),
        ({"a": 5}, 0, {}),
    ],
)
def test_each_class_gives_its_share_and_keeps_one(sizes, holdout, shares):
    classes = [name for name, size in sizes.items() for _ in range(size)]
    names = [f"{name}/{place}" for place, name in enumerate(classes)]
    drawn = draw(names, holdout, 0, classes=classes)
    assert Counter(name for name, out in zip(classes, drawn, strict=True) if out) == shares


def test_no_class_is_left_without_training_samples():
    with pytest.raises(DataError, match=r"holdout=5 of 6 images would leave a class .*at most 4: --set holdout=4"):
        draw(list("abcdef"), 5, 0, classes=list("xxxyyy"))


def test_kin_are_not_parted():
    kin = [str(place // 3) for place in range(200)]
    drawn = draw(NAMES, 40, 0, together=kin)
    assert 38 <= sum(drawn) <= 40
    assert set(map(frozenset, zip(drawn[:198:3], drawn[1:198:3], drawn[2:198:3], strict=True))) == {
        frozenset({True}),
        frozenset({False}),
    }


def test_samples_that_are_all_kin_of_themselves_alone_are_drawn_as_without():
    classes = [str(place % 3) for place in range(200)]
    assert draw(NAMES, 40, 5, classes=classes) == draw(NAMES, 40, 5, classes=classes, together=NAMES)
    assert draw(["a", "a", "b"], 1, 0) == draw(["a", "a", "b"], 1, 0, together=["a", "a", "b"])  # one file twice


def test_a_digest_is_what_it_was_on_older_cards():
    assert digest(["b", "a"], ["é"]) == hashlib.blake2b("a\nb\n\né\n\n".encode(), digest_size=16).hexdigest()


def test_a_digest_tells_splits_apart():
    one = digest(["a", "b"], ["c"])
    assert one == digest(["b", "a"], ["c"])
    assert len({one, digest(["a"], ["b", "c"]), digest(["a", "b", "c"], []), digest(["a", "b"], ["d"])}) == 4


def test_a_class_of_two_keeps_one_even_where_the_other_class_is_held_out_as_far_as_can_be():
    """Of 2 and 20, at most 1 and 19, though by Hill's quotients √2/2 the second of the small class would come before
    the nineteenth of the large one, √342/20."""
    classes = ["small"] * 2 + ["large"] * 20
    out = draw([str(i) for i in range(22)], 20, 0, classes=classes)
    assert Counter(c for c, each in zip(classes, out, strict=True) if each) == {"small": 1, "large": 19}

"""Labels, in every form a user may write them."""

import numpy as np
import pytest
import torch

from zoo.conditions import attributes, combinations, parse_labels
from zoo.errors import InvalidInput, UnknownName

CLASSES = ("T-shirt/top", "Sneaker", "Ankle boot", "3")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (1, [1, 1, 1]),
        ("Sneaker", [1, 1, 1]),
        ("sneaker", [1, 1, 1]),
        ("t-SHIRT/top", [0, 0, 0]),
        ("3", [3, 3, 3]),
        ([2], [2, 2, 2]),
        ([0, 1, 2], [0, 1, 2]),
        ((0, "sneaker", "Ankle boot"), [0, 1, 2]),
        (range(3), [0, 1, 2]),
        (torch.tensor(2), [2, 2, 2]),
        (torch.tensor([2]), [2, 2, 2]),
        (torch.tensor([2, 1, 0], dtype=torch.uint8), [2, 1, 0]),
        ([torch.tensor(2), torch.tensor(1), 0], [2, 1, 0]),
        (np.int64(2), [2, 2, 2]),
        (np.array([2, 1, 0], dtype=np.uint8), [2, 1, 0]),
        (np.array(["sneaker", "3", "sneaker"]), [1, 3, 1]),
        ([np.int8(2), 1, 0], [2, 1, 0]),
    ],
)
def test_labels_in_every_form(condition, expected):
    labels = parse_labels(condition, 3, CLASSES)
    assert labels.dtype is torch.int64
    assert labels.device.type == "cpu"
    assert labels.tolist() == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (4, r"label 4 is out of range; this model has classes 0 … 3"),
        (-1, "label -1 is out of range"),
        ([0, 1, 7], "label 7 is out of range"),
        ([0, 1], "2 labels came for 3 samples. Pass one label, or exactly 3"),
        ([0] * 4, "4 labels came for 3 samples"),
        ([], "0 labels came"),
        (torch.tensor([], dtype=torch.long), "0 labels came"),
        (1.0, r"label 1\.0 is a float; expected a class index or a class name"),
        ([0, 1, 2.0], r"label 2\.0 is a float"),
        (True, "label True is a bool"),
        ([True, False, True], "label True is a bool"),
        (None, "label None is a NoneType"),
        ({"sneaker"}, "is a set"),
        ({"label": 1}, "is a dict"),
        ([[0], [1], [2]], r"label \[0\] is a list"),
        (torch.tensor([0.0, 1.0, 2.0]), r"torch\.float32; expected integers. Convert with \.long\(\)"),
        (torch.tensor([True, False, True]), r"torch\.bool"),
        (torch.eye(3, 4).long(), r"shape \(3, 4\); expected \(3,\). For one-hot rows pass \.argmax\(1\)"),
        ([torch.tensor(1.5), 1, 2], "is a Tensor; expected"),
        (np.array([0.0, 1.0, 2.0]), r"label 0\.0 is a float"),
        (np.array(1.7), r"label 1\.7 is a float"),
        (np.eye(3), "is a list"),
        (np.array([True, False, True]), "label True is a bool"),
    ],
)
def test_wrong_labels(condition, message):
    with pytest.raises(InvalidInput, match=message):
        parse_labels(condition, 3, CLASSES)


@pytest.mark.parametrize(
    ("condition", "message"),
    [("sneeker", "no class is called 'sneeker'. Did you mean 'Sneaker'"), (["bag"] * 3, "'bag'"), ("", "''")],
)
def test_unknown_class_names(condition, message):
    with pytest.raises(UnknownName, match=message):
        parse_labels(condition, 3, CLASSES)


def test_combinations_count_in_binary_the_first_attribute_lowest():
    names = combinations(("bangs", "glasses", "smiling"))
    assert names[:4] == ("plain", "bangs", "glasses", "bangs + glasses")
    assert names[0b101] == "bangs + smiling"
    assert names[-1] == "bangs + glasses + smiling"
    assert len(set(names)) == len(names) == 8


@pytest.mark.parametrize("names", [("a",), ("a", "b"), ("b", "c", "a", "d")])
def test_attributes_are_told_from_their_combinations(names):
    assert attributes(combinations(names)) == names


@pytest.mark.parametrize("classes", [(), ("plain",), ("a", "b"), ("plain", "a", "b"), ("plain", "a", "b", "b + a")])
def test_other_classes_have_no_attributes(classes):
    assert attributes(classes) == ()


FACES = combinations(("bangs", "facial_hair", "smiling"))


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("plain", 0),
        ("Smiling", 4),
        ("bangs + smiling", 5),
        ("smiling + bangs", 5),
        ("SMILING+bangs", 5),
        (" smiling+  facial_hair +bangs", 7),
        ("bangs + bangs", 1),
    ],
)
def test_combinations_regardless_of_order_and_spaces(condition, index):
    assert parse_labels(condition, 1, FACES).tolist() == [index]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("smiling + bang", "'smiling [+] bang'. 'bang' is unknown. Did you mean 'bangs'"),
        ("smiling +", "'' is unknown. Known: bangs, facial_hair, plain, smiling"),
        ("plain + smiling", "'plain [+] smiling'. Did you mean .*'smiling'"),
        ("smilling", "'smilling'. Did you mean 'smiling'"),
    ],
)
def test_unknown_parts_of_combinations(condition, message):
    with pytest.raises(UnknownName, match=message):
        parse_labels(condition, 1, FACES)


def test_a_plus_among_other_classes_is_a_letter():
    with pytest.raises(UnknownName, match=r"no class is called 'a[+][+]'\. Did you mean 'c[+][+]'"):
        parse_labels("a++", 1, ("c", "c++", "d"))

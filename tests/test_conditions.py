"""Labels and images as conditions, in every form a user may write them."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import tables
from zoo.conditions import (
    Embeddings,
    Images,
    Labels,
    attributes,
    check_combinations,
    combinations,
    parse_images,
    parse_labels,
)
from zoo.errors import ConfigError, Converted, DataError, InvalidInput, UnknownName
from zoo.noise import Noise

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


def test_labels_are_drawn_by_the_seed_but_not_with_the_numbers_of_its_latents():
    labels = Labels(CLASSES)
    drawn = labels.draw(7, 0, 100)
    assert torch.equal(labels.draw(7, 60, 40), drawn[60:])
    assert set(drawn.tolist()) == {0, 1, 2, 3}
    assert torch.equal(drawn, Noise(7, 0, 100, stream="label").integers(4))
    assert not torch.equal(drawn, Noise(7, 0, 100).integers(4))


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


def test_classes_are_checked_to_be_the_combinations_of_attributes():
    check_combinations(("a", "b", "c"), (), "cgan")
    check_combinations(combinations(("a", "b")), ("a", "b"), "cgan")
    for classes in (("plain", "a", "b"), ("plain", "a", "b", "b + a")):
        with pytest.raises(ConfigError, match=r"cgan: classes=.*; expected the combinations of \('a', 'b'\)"):
            check_combinations(classes, ("a", "b"), "cgan")


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


PIXELS = torch.tensor([[[0, 51, 102]], [[153, 204, 255]], [[255, 0, 51]]], dtype=torch.uint8)  # (3, 1, 3)
PICTURE = Image.fromarray(PIXELS.permute(1, 2, 0).contiguous().numpy())


def test_images_in_every_form(tmp_path):
    PICTURE.save(path := tmp_path / "picture.png")
    expected = PIXELS.float().unsqueeze(0) / 255
    for condition in (expected, expected[0], PICTURE, path, str(path), [path], (PICTURE,)):
        given = parse_images(condition, 2, 3)
        assert given.dtype == torch.float32
        assert torch.equal(given, expected)
    both = parse_images([str(path), PICTURE], 2, 3)
    assert torch.equal(both, expected.expand(2, -1, -1, -1))
    assert parse_images(expected.half(), 1, 3).dtype == torch.float16


def test_pictures_are_turned_to_the_channels_and_tensors_are_not():
    assert parse_images(PICTURE.convert("L"), 1, 3).shape == (1, 3, 1, 3)
    grey = parse_images(PICTURE.convert("L"), 1, 1)
    with pytest.warns(Converted, match=r"^the image is turned grey\.$"):
        assert parse_images(PICTURE, 1, 1).shape == (1, 1, 1, 3)
    with pytest.raises(InvalidInput, match=r"\(1, 1, 1, 3\), 1 channels; this model takes RGB.*\.expand"):
        parse_images(grey, 1, 3)
    with pytest.raises(InvalidInput, match=r"\(1, 4, 5, 3\), 4 channels; this model takes RGB.*permute\(0, 3, 1, 2\)"):
        parse_images(torch.zeros(1, 4, 5, 3), 1, 3)
    with pytest.raises(InvalidInput, match="3 channels; this model takes grey"):
        parse_images(PIXELS / 255, 1, 1)
    with pytest.raises(InvalidInput, match="3 channels; this model takes RGB with alpha"):
        parse_images(PIXELS / 255, 1, 4)
    with pytest.raises(InvalidInput, match=r"no picture has 7 channels. Pass a tensor"):
        parse_images(PICTURE, 1, 7)


def test_images_of_several_sizes_are_named():
    with pytest.raises(InvalidInput, match=r"must have one size; 2×4, 3×1. Call once for each size"):
        parse_images([PICTURE, PICTURE.resize((2, 4)), PICTURE], 3, 3)


def test_the_number_of_images():
    with pytest.raises(InvalidInput, match=r"2 images came as conditions of 3 samples. Pass one, or exactly 3"):
        parse_images([PICTURE, PICTURE], 3, 3)


@pytest.mark.parametrize("content", [None, b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.png is not (there|a readable image)"):
        parse_images([PICTURE, path], 2, 3)


def test_names_of_image_files_are_taken_as_they_are():
    """Neither split at a comma nor taken for numbers."""
    assert Images(3).words(["photo,1.png", "7"]) == ["photo,1.png", "7"]


def test_embeddings_in_every_form():
    rows = torch.randn(3, 2)
    embeddings = Embeddings(2)
    assert torch.equal(embeddings.parse(rows, 3), rows)
    assert torch.equal(embeddings.parse(rows[0], 3), rows[:1])
    assert torch.equal(embeddings.parse(rows.numpy(), 3), rows)
    assert torch.equal(embeddings.parse(rows.tolist(), 3), rows)
    assert torch.equal(embeddings.parse(rows[0].tolist(), 3), rows[:1])
    assert [embeddings.count(each) for each in (rows, rows[0], rows.tolist(), rows[0].tolist())] == [3, 1, 3, 1]
    for listed in (list(rows), list(rows.numpy())):
        assert torch.equal(embeddings.parse(listed, 3), rows)
        assert embeddings.count(listed) == 3
    assert embeddings.example(3)[:2] == embeddings.example(2)
    assert embeddings.parse(embeddings.example(3), 3).shape == (3, 2)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (torch.randn(2, 2), "2 embeddings came for 3 samples"),
        (torch.randn(3, 4), r"expected \(n, 2\)"),
        (torch.tensor([[1, 2]]), "expected floats"),
        (torch.tensor([[1.0, float("nan")]]), "NaN"),
        ("a red heart", "came as str; expected 2 numbers"),
        (torch.zeros(0, 2), "empty batch"),
    ],
)
def test_what_is_no_embedding(condition, message):
    with pytest.raises(InvalidInput, match=message):
        Embeddings(2).parse(condition, 3)


def test_embeddings_on_the_command_line_are_rows_of_files(tmp_path):
    tables.save(torch.tensor([[1.0, 2.0]]), tmp_path / "one.csv")
    np.save(tmp_path / "two.npy", np.array([[3.0, 4.0], [5.0, 6.0]]))
    words = [str(tmp_path / "one.csv"), str(tmp_path / "two.npy")]
    assert Embeddings(2).words(words) == [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(InvalidInput, match=r"one\.csv has 2 columns; this model takes embeddings of 3"):
        Embeddings(3).words(words)
    with pytest.raises(DataError, match="a red heart is no table"):
        Embeddings(2).words(["a red heart"])

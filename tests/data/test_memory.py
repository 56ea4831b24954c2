"""Samples at hand: what holds them is understood, and what is none is refused in a sentence."""

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from zoo.data import loading
from zoo.data.memory import understand
from zoo.errors import DataError, LeftOut
from zoo.images import Reader

GREY = np.arange(12 * 6 * 6, dtype=np.uint8).reshape(12, 1, 6, 6)
LABELS = np.arange(12) % 3


def load(data, split="train", shape=(1, 6, 6), **options):
    return loading.load("in-memory", data, split, shape=shape, **options)


class Pairs(torch.utils.data.Dataset):
    """As torchvision's: pairs of what `form` makes of a picture and a class."""

    classes = ("zero", "one", "two")

    def __init__(self, form):
        self.form = form

    def __len__(self):
        return len(GREY)

    def __getitem__(self, row):
        return self.form(GREY[row]), int(LABELS[row])


def picture(pixels):
    return Image.fromarray(pixels[0])


class ClassLabel:
    names = Pairs.classes


class Hub(list):
    """A data set of Hugging Face, as far as it is looked at."""

    column_names = ("picture", "label")
    features = MappingProxyType({"picture": type("Image", (), {})(), "label": ClassLabel()})

    def __getitem__(self, key):
        return [row[key] for row in self] if isinstance(key, str) else super().__getitem__(key)


HUB = Hub({"picture": picture(pixels), "label": int(label)} for pixels, label in zip(GREY, LABELS, strict=True))


class Formatted(Hub):
    """One in a format that leaves the labels out."""

    format = MappingProxyType({"type": "torch"})

    def __getitem__(self, key):
        return {}[key]

    def with_format(self, kind):
        return Hub(self)


@pytest.mark.parametrize(
    "data",
    [
        GREY,
        torch.from_numpy(GREY),
        GREY / 255,
        torch.from_numpy(GREY).float() / 255,
        GREY[:, :, ::-1][:, :, ::-1],
        list(GREY),
        [picture(pixels) for pixels in GREY],
        torch.utils.data.TensorDataset(torch.from_numpy(GREY)),
    ],
)
def test_images_in_any_form_are_the_same_bytes(data):
    assert torch.equal(load(data).images, torch.from_numpy(GREY))


@pytest.mark.parametrize(
    ("data", "name", "classes"),
    [
        (Pairs(picture), "Pairs", Pairs.classes),
        (Pairs(lambda pixels: torch.from_numpy(pixels) / 255), "Pairs", Pairs.classes),
        (HUB, "in-memory", Pairs.classes),
        (Formatted(HUB), "in-memory", Pairs.classes),
        ((GREY, LABELS), "in-memory", ("0", "1", "2")),
        ((torch.from_numpy(GREY), torch.from_numpy(LABELS)), "in-memory", ("0", "1", "2")),
        ((GREY, np.array(["a", "b", "c"])[LABELS]), "in-memory", ("a", "b", "c")),
    ],
)
def test_labels_and_their_names_come_along(data, name, classes):
    found = load(data)
    assert (found.name, found.classes) == (name, classes)
    assert found.labels.tolist() == LABELS.tolist()
    assert torch.equal(found.images, torch.from_numpy(GREY))


@pytest.mark.parametrize(
    ("samples", "labels"),
    [
        ([picture(pixels) for pixels in GREY], LABELS.tolist()),
        (tuple(picture(pixels) for pixels in GREY), tuple(LABELS.tolist())),
        (list(GREY), LABELS),
        (GREY, LABELS.tolist()),
        (GREY, pd.Series(LABELS)),
        (torch.utils.data.TensorDataset(torch.from_numpy(GREY)), torch.from_numpy(LABELS)),
    ],
)
def test_samples_in_any_form_take_labels(samples, labels):
    for found in (load((samples, labels)), load({"train": (samples, labels), "test": (samples, labels)}, "test")):
        assert (found.labels.tolist(), found.classes) == (LABELS.tolist(), ("0", "1", "2"))
        assert torch.equal(found.images, torch.from_numpy(GREY))


@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda paths: np.array(paths, object)])
def test_paths_take_labels(tmp_path, form):
    paths = [str(tmp_path / f"{name}.png") for name in "abc"]
    for path in paths:
        Image.new("L", (6, 6)).save(path)
    found = understand((form(paths), ["cat", "dog", "cat"]))
    assert (list(map(str, found.values)), found.labels.tolist(), found.classes) == (paths, [0, 1, 0], ("cat", "dog"))
    assert load(form(paths)).images.shape == (3, 1, 6, 6)


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        ((picture(GREY[0]), picture(GREY[1])), None),
        ((GREY[0], GREY[1]), None),
        (((picture(GREY[0]), 0), (picture(GREY[1]), 1)), [0, 1]),
        (("a.png", "b.png"), None),
        (([1.0, 2.0], [3.0, 4.0]), None),
        ((torch.ones(2), torch.zeros(2)), None),
    ],
)
def test_a_tuple_of_two_samples_is_two_samples(data, labels):
    found = understand(data)
    assert (len(found), None if found.labels is None else found.labels.tolist()) == (2, labels)


def test_labels_of_rows_are_left_out_in_words():
    with pytest.warns(LeftOut, match="labels came beside the rows of in-memory, and are left out: .* pass the rows"):
        found = understand((np.eye(3), [0, 1, 2]))
    assert (found.labels, found.values.tolist()) == (None, np.eye(3).tolist())


def test_a_test_split_is_read_in_the_columns_and_classes_of_the_training_split():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    test = load({"train": frame, "test": frame[["b", "a"]] * 10}, "test", shape=(2,))
    assert (test.images.tolist(), test.columns) == ([[10, 30], [20, 50]], ("a", "b"))
    few = {"train": (GREY, LABELS), "test": (GREY[:2], [1, -1])}
    assert (load(few, "test").labels.tolist(), load(few, "test").classes) == ([1, -1], ("0", "1", "2"))
    named = {"train": (GREY, np.array(["a", "b", "c"])[LABELS]), "test": (GREY[:2], ["c", "b"])}
    assert load(named, "test").labels.tolist() == [2, 1]


def test_numbers_of_any_kind_are_read():
    assert understand(torch.eye(2).bfloat16()).values.dtype == torch.float32
    for kind in (">f4", np.longdouble, np.uint16, np.float16, bool):
        assert understand(np.eye(2).astype(kind)).values.tolist() == np.eye(2).tolist()
    assert understand(pd.DataFrame({"a": [1, 2]}, dtype="Int64")).values.tolist() == [[1], [2]]
    assert torch.equal(understand(torch.from_numpy(GREY).bfloat16() / 255).values[0], torch.from_numpy(GREY[0]))


def test_the_split_is_told_by_what_is_in_it():
    divisions = [load(data, holdout=3).division for data in (GREY, GREY / 255, [picture(each) for each in GREY])]
    assert len({*divisions, load(GREY, "test", holdout=3).division}) == 1
    assert load(255 - GREY, holdout=3).division != divisions[0]


def test_targets_that_are_no_classes_are_none():
    found = load([(torch.from_numpy(pixels), {"box": 1}) for pixels in GREY])
    assert (len(found), found.labels, found.classes) == (12, None, ())


def test_what_is_held_out_is_drawn_within_each_class_or_the_last():
    train, test = (load((GREY, LABELS), split, holdout=3) for split in ("train", "test"))
    assert sorted(test.labels.tolist()) == [0, 1, 2]
    assert sorted([*train.images[:, 0, 0, 0].tolist(), *test.images[:, 0, 0, 0].tolist()]) == sorted(GREY[:, 0, 0, 0])
    assert train.summary == "in-memory: 3 classes, 9 training, 3 held out by seed 0."
    assert train.division == test.division != load((GREY, LABELS), holdout=3, holdout_seed=1).division
    assert torch.equal(load(GREY, "test", holdout=3, holdout_seed=None).images, torch.from_numpy(GREY[9:]))
    with pytest.raises(DataError, match="has no test samples"):
        load(GREY, "test")


def test_splits_that_are_there_are_kept():
    data = {"train": (GREY[:8], LABELS[:8]), "validation": (GREY[8:], LABELS[8:])}
    train, test = load(data, holdout=5), load(data, "test", holdout=5)
    assert torch.equal(test.images, torch.from_numpy(GREY[8:]))
    assert test.labels.tolist() == LABELS[8:].tolist()
    assert (len(train), train.summary) == (8, "in-memory: 3 classes, 8 training, 4 held out as they came.")
    rows = {"train": np.eye(3), "test": np.ones((2, 3))}
    assert load(rows, "test", shape=(3,)).images.tolist() == [[1, 1, 1]] * 2


def test_images_are_made_to_fit_and_it_is_told():
    reader = Reader("crop")
    wide = np.zeros((5, 3, 6, 9), dtype=np.uint8)
    wide[0, 0] = 200
    assert load(wide, reader=reader).images.shape == (5, 1, 6, 6)
    assert reader.summary((1, 6, 6)) == "5 of 5 images are made 6×6, grey: 5 shrunk, 5 cropped, 1 turned grey."
    several = [Image.new("RGB", (8, 6)), Image.new("L", (6, 6), 7), torch.zeros(3, 7, 7)]
    found = load(several, shape=(3, 6, 6))
    assert found.images[1].unique().tolist() == [7]
    assert understand(several).shape() == (3, None, None)
    assert understand([Image.new("L", (8, 6))] * 2).shape() == (1, 6, 8)


def test_paths_are_read_as_files_are(tmp_path):
    for i in range(3):
        Image.new("RGB", (6, 6), (i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "bad.png").write_bytes(b"")
    paths = [tmp_path / "2.png", str(tmp_path / "0.png"), tmp_path / "bad.png", tmp_path / "1.png"]
    assert understand(paths).shape() == (3, None, None)
    with pytest.raises(DataError, match=r"bad\.png"):
        load(paths, shape=(3, 6, 6))
    assert load(paths, shape=(3, 6, 6), reader=Reader(skip_bad=True)).images[:, 0, 0, 0].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (np.eye(4), ()),
        (torch.eye(4), ()),
        (np.eye(4).tolist(), ()),
        (pd.DataFrame(np.eye(4), columns=list("abcd")), ("a", "b", "c", "d")),
        (list(torch.eye(4)), ()),
    ],
)
def test_rows_in_any_form_are_a_table(data, columns):
    found = load(data, shape=(4,))
    assert (found.images.tolist(), found.columns) == (np.eye(4).tolist(), columns)
    assert load(data, "test", shape=(4,), holdout=1).images.shape == (1, 4)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (GREY[:, 0], r"shape \(12, 6, 6\); expected .* Of grey images pass data\[:, None\]"),
        (GREY.transpose(0, 2, 3, 1), "Put the channels first"),
        (GREY / 1.0, r"float64, from 0 to 255; expected floats in \[0, 1\], or uint8"),
        (GREY.astype(int), "int64"),
        (np.array([[1, np.nan]]), "no finite number in row 0, column 1"),
        (np.zeros((0, 2)), "no rows"),
        ([], "are empty"),
        (3, "came as int; expected a path, a tensor"),
        (iter([1]), "came as list_iterator"),
        ([object()], "a sample came as object"),
        ([torch.ones(2), torch.ones(3)], "rows of several lengths"),
        ({"test": GREY}, "a mapping of test; expected 'train'"),
        ({"train": GREY, "test": np.eye(2)}, "test split of the same kind"),
        ((GREY, LABELS[:3]), "3 labels came for 12 samples"),
        ((GREY, LABELS - 5), "labels range from -5 to -3"),
        ((GREY, None), "labels came as NoneType"),
        ((GREY[:, 0], LABELS.tolist()), r"Of grey images pass data\[:, None\]"),
        (([picture(GREY[0])] * 3, [0, 1]), "2 labels came for 3 samples"),
        ({"train": pd.DataFrame({"a": [1.0]}), "test": pd.DataFrame({"b": [1.0]})}, "has b besides and lacks a"),
        ({"train": np.eye(3), "test": np.eye(2)}, "has 2 columns, the training split 3"),
        ({"train": (GREY, LABELS), "test": (GREY, LABELS + 1)}, "classes 3, which the training split lacks"),
        ({"train": (GREY, LABELS), "test": GREY}, "one split has labels"),
        (GREY.astype(np.uint16), "uint16, from 0 to 255"),
        (torch.from_numpy(GREY.astype(np.uint16)), "uint16, from 0 to 255"),
        (np.eye(2) * 1j, "an array of complex128; expected real numbers"),
        (torch.eye(2) * 1j, "an array of torch.complex64"),
        (np.array([["a", "b"]]), "an array of <U1"),
        (pd.DataFrame({"a": pd.array([1, pd.NA], "Int64")}), "no finite number in row 1, column 0"),
        (pd.DataFrame(np.eye(2), columns=["a", "a"]), "several columns called a"),
        (pd.DataFrame({"a": [1.0], "b": ["x"]}), r"hold no numbers: b\. Leave them out"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(data, told):
    with pytest.raises(DataError, match=told):
        understand(data)


def test_data_sets_of_files_take_no_samples_and_the_other_way_round(tmp_path):
    with pytest.raises(DataError, match=r"samples in memory came, and celeba is read from a folder"):
        loading.load("celeba", GREY, "train", shape=(3, 8, 8))
    with pytest.raises(DataError, match="handed over in Python"):
        load(tmp_path)
    with pytest.raises(DataError, match="holds images, no samples of"):
        load(GREY, shape=(36,))

"""Images in every form that callers have them in, as tensors: the same pixels whatever the form, and changes told."""

import warnings
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from zoo import conditions
from zoo.errors import Converted, DataError, InvalidInput
from zoo.files import coercing
from zoo.spaces import Vectors

LEVELS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4) * 10  # two grey images 4×3
PIXELS = torch.from_numpy(LEVELS[:, None]) / 255
SHAPE = (1, 3, 4)


class Hub:
    """A data set of Hugging Face, as far as it is looked at: in a format, pictures are arrays with channels last."""

    column_names = ("picture", "label")
    features = MappingProxyType({"picture": type("Image", (), {})(), "label": type("ClassLabel", (), {})()})

    def __init__(self, kind=None):
        self.format = {"type": kind}

    def with_format(self, kind):
        return Hub(kind)

    def __len__(self):
        return len(LEVELS)

    def __iter__(self):
        rows = LEVELS[..., None] if self.format["type"] else [Image.fromarray(each) for each in LEVELS]
        return ({"picture": row, "label": 0} for row in rows)


class Stream(Hub):
    """One that is streamed, which does not tell its format."""

    def __getattribute__(self, name):
        if name == "format":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def __iter__(self):
        return iter(Hub("torch"))


class Transformed(Hub):
    def __init__(self):
        super().__init__("custom")

    def __iter__(self):
        return ({"pixel_values": row["picture"]} for row in super().__iter__())


class Numbers(Hub):
    features = MappingProxyType({"a": None, "b": None})

    def to_pandas(self):
        return pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})


class Splits(dict):
    """Several data sets of Hugging Face, by the names of splits, as DatasetDict is."""


@pytest.fixture
def pictures():
    return [Image.fromarray(each) for each in LEVELS]


@pytest.fixture
def paths(tmp_path, pictures):
    found = [tmp_path / f"{k}.png" for k in range(len(pictures))]
    for path, picture in zip(found, pictures, strict=True):
        picture.save(path)
    return found


def test_every_form_gives_the_same_pixels(pictures, paths):
    forms = {
        "tensor": PIXELS,
        "array": PIXELS.numpy(),
        "double": PIXELS.double().numpy(),
        "another order of bytes": PIXELS.numpy().astype(">f4"),
        "list of tensors": list(PIXELS),
        "tuple of arrays": tuple(PIXELS.numpy()),
        "pictures": pictures,
        "paths": paths,
        "strings": list(map(str, paths)),
        "both": [pictures[0], paths[1]],
        "array of paths": np.array(list(map(str, paths))),
        "array of pictures": np.array([*pictures, None], dtype=object)[:2],
        "column of paths": pandas.DataFrame({"path": list(map(str, paths))}).path,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, form in forms.items():
            for found in (coercing.samples(form, SHAPE, strict=True), coercing.sources(form, 1, strict=True)):
                assert found.shape == PIXELS.shape, name
                assert torch.equal(found.float(), PIXELS), name
        for one in (pictures[0], paths[0], str(paths[0])):
            assert torch.equal(coercing.samples(one, SHAPE), PIXELS[:1])
            assert torch.equal(coercing.sources(one, 1), PIXELS[:1])


def test_a_tensor_stays_itself_with_its_gradient():
    given = PIXELS.clone().requires_grad_()
    assert coercing.samples(given, SHAPE) is given
    assert coercing.sources(given, 1) is given


def test_what_is_changed_is_told_in_a_sentence_for_all(pictures, paths):
    mixed = [pictures[0].resize((8, 6)), paths[1], Image.new("RGB", (4, 3), "red")]
    said = "^2 of 3 images are made 4×3, grey: 1 shrunk, 1 turned grey\\.$"
    with pytest.warns(Converted, match=said) as told:
        found = coercing.samples(mixed, SHAPE)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert torch.equal(found[1], PIXELS[1])
    with pytest.raises(InvalidInput, match=r"^with strict=True nothing is changed, and 2 of 3 .*\. Change it"):
        coercing.samples(mixed, SHAPE, strict=True)


def test_of_its_own_size_an_image_only_loses_its_colours():
    red = Image.new("RGB", (9, 2), "red")
    with pytest.warns(Converted, match=r"^the image is turned grey\.$"):
        assert coercing.sources(red, 1).shape == (1, 1, 2, 9)
    with pytest.raises(InvalidInput, match="with strict=True nothing is changed, and the image is turned grey"):
        coercing.sources(red, 1, strict=True)
    assert coercing.sources(red, 3, strict=True).shape == (1, 3, 2, 9)


def test_files_are_made_to_fit_as_the_model_was_trained(tmp_path):
    Image.fromarray(np.array([[0, 255, 255, 0]], np.uint8)).save(tmp_path / "wide.png")
    with pytest.warns(Converted, match="shrunk, cropped"):
        assert coercing.samples(tmp_path / "wide.png", (1, 1, 2)).flatten().tolist() == [1, 1]
    with pytest.warns(Converted, match="padded"):
        padded = coercing.samples(tmp_path / "wide.png", (1, 4, 4), fit="pad")
    assert padded[0, 0, 0].tolist() == [1, 1, 1, 1]


def test_every_file_that_is_of_no_use_is_named(tmp_path, paths):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    given = [paths[0], tmp_path / "broken.png", tmp_path / "missing.png"]
    for call in (lambda: coercing.samples(given, SHAPE), lambda: coercing.sources(given, 1)):
        with pytest.raises(DataError, match=r"2 of 3 images are of no use\..*broken\.png.*missing\.png"):
            call()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "an image came as NoneType; expected a tensor, an array, PIL images, or paths"),
        ([], "no images came"),
        ([Path("a.png"), 7], "an image came as int"),
        ({"a": 1}, "an image came as dict"),
        ([torch.zeros(1, 3, 4), torch.zeros(1, 3, 5)], r"one shape; \(1, 3, 4\), \(1, 3, 5\)"),
        (np.array([[1j]]), "an array of complex128; expected real numbers"),
    ],
)
def test_what_is_none_of_these_is_refused(given, said):
    for call in (lambda: coercing.samples(given, SHAPE), lambda: coercing.sources(given, 1)):
        with pytest.raises(InvalidInput, match=said):
            call()


def test_of_files_beside_pictures_every_bad_one_is_named_too(tmp_path, pictures):
    given = [pictures[0], tmp_path / "a.png", tmp_path / "b.png"]
    for call in (lambda: coercing.samples(given, SHAPE), lambda: coercing.sources(given, 1)):
        with pytest.raises(DataError, match=r"a\.png is not there.*b\.png is not there"):
            call()


@pytest.mark.parametrize("kind", [None, "torch", "numpy"])
def test_a_data_set_is_its_pictures_whatever_its_format(kind):
    assert torch.equal(coercing.samples(Hub(kind), SHAPE), PIXELS)
    assert torch.equal(coercing.sources(Hub(kind), 1), PIXELS)
    assert conditions.Images(1).count(Hub(kind)) == 2


def test_what_a_transform_makes_of_pictures_stays():
    assert coercing.samples(Hub("custom"), SHAPE).shape == (2, 3, 4, 1)


def test_a_data_set_without_pictures_is_a_table():
    assert Vectors((2,)).coerce(Numbers()).tolist() == [[1, 3], [2, 4]]


def test_a_data_set_with_several_columns_of_pictures_is_refused():
    two = Hub()
    two.features = {"a": two.features["picture"], "b": two.features["picture"]}
    with pytest.raises(DataError, match=r"'a', 'b'.*select_columns"):
        coercing.samples(two, SHAPE)


def test_a_stream_in_a_format_gives_its_pictures():
    assert torch.equal(coercing.samples(Stream("torch"), SHAPE), PIXELS)


def test_a_transform_that_leaves_no_images_and_a_stream_that_says_nothing_are_refused_in_a_sentence():
    with pytest.raises(DataError, match=r"gives pixel_values, and no 'picture', .*with_format\(None\)"):
        coercing.samples(Transformed(), SHAPE)
    silent = Hub()
    silent.features = None
    with pytest.raises(DataError, match="does not say what its columns hold"):
        coercing.samples(silent, SHAPE)


def test_of_splits_the_only_one_is_meant():
    assert torch.equal(coercing.samples(Splits(train=Hub()), SHAPE), PIXELS)
    assert torch.equal(coercing.sources(Splits(train=Hub()), 1), PIXELS)
    assert Vectors((2,)).coerce(Splits(train=Numbers())).tolist() == [[1, 3], [2, 4]]
    for take in (lambda given: coercing.samples(given, SHAPE), Vectors((2,)).coerce):
        with pytest.raises(InvalidInput, match=r"^a Splits of 'train', 'test' came; expected one of these: data\['tr"):
            take(Splits(train=Hub(), test=Hub()))

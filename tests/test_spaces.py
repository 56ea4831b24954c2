"""Spaces: what they take, store, read, write and show, and that examples are of their kind."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from zoo import tables
from zoo.errors import DataError, InvalidInput
from zoo.noise import Noise
from zoo.spaces import BinaryImages, Images, Vectors, of_shape

GREY, COLOUR = Images((1, 8, 6)), Images((3, 8, 6))
POINTS = Vectors((2,), columns=("height", "weight"))
EVERY = [GREY, COLOUR, BinaryImages((1, 8, 6)), POINTS]


@pytest.mark.parametrize("space", EVERY, ids=str)
def test_examples_are_samples_that_depend_on_their_own_noise_alone(space):
    whole = space.example(5, Noise(0, 0, 5))
    assert space.check_scored(whole) is whole
    assert space.contains(whole)
    assert torch.equal(space.example(2, Noise(0, 3, 2)), whole[3:])
    assert not torch.equal(whole[0], whole[1])


@pytest.mark.parametrize("space", EVERY, ids=str)
def test_a_space_contains_what_is_within_its_limits_alone(space):
    samples = space.example(1, Noise(0, 0, 1))
    assert space.bounded == (space is not POINTS)
    for limit, outside in zip(space.limits, (-0.1, 0.1), strict=True):
        assert space.contains(torch.full_like(samples, limit)) == space.bounded
        assert not space.contains(torch.full_like(samples, limit + outside))


def test_every_space_says_what_some_have_as_a_field():
    assert [(space.fit, space.columns, space.probabilities) for space in EVERY] == [
        *[("crop", (), False)] * 3,
        ("crop", ("height", "weight"), False),
    ]
    assert BinaryImages((1, 8, 6), probabilities=True).probabilities
    assert Images((1, 8, 6), fit="pad").fit == "pad"
    assert [field.name for field in dataclasses.fields(POINTS)] == ["shape", "columns"]


@pytest.mark.parametrize("space", EVERY, ids=str)
def test_the_opposite_differs_in_every_value_and_stays_in_the_space(space):
    samples = space.example(3, Noise(0, 0, 3))
    assert (space.opposite(samples) != samples).all()
    assert space.contains(space.opposite(samples))


@pytest.mark.parametrize("space", EVERY, ids=str)
def test_what_is_stored_is_had_again(space):
    samples = space.example(4, Noise(1, 0, 4))
    torch.testing.assert_close(space.restore(space.store(samples)), samples, rtol=0, atol=1e-6)


def test_images_are_stored_in_a_byte_and_vectors_as_they_are():
    assert GREY.store(torch.full((1, 1, 8, 6), 0.5)).unique().tolist() == [128]
    assert GREY.store(GREY.example(1, Noise(0, 0, 1))).dtype is torch.uint8
    assert POINTS.store(torch.tensor([[1e9, -1e-9]], dtype=torch.float64)).dtype is torch.float64
    assert POINTS.store(torch.tensor([[1e9, -1e-9]], dtype=torch.float16)).dtype is torch.float32


@pytest.mark.parametrize("space", EVERY, ids=str)
def test_files_give_back_what_was_written(space, tmp_path):
    samples = space.example(1, Noise(2, 0, 1))
    path = tmp_path / f"one{space.suffixes[0]}"
    assert str(path) in space.write(samples, path)
    names, read = space.read([path])
    assert len(names) == 1
    torch.testing.assert_close(read.to(samples), samples, rtol=0, atol=1e-6)


@pytest.mark.parametrize("space", EVERY, ids=str)
def test_what_comes_in_parts_is_written_as_at_once(space, tmp_path):
    samples, (whole, parts) = space.example(5, Noise(2, 0, 5)), (tmp_path / f"{i}{space.suffixes[0]}" for i in "ab")
    space.check_count(5, parts)
    assert space.write(samples, whole).replace(str(whole), str(parts)) == space.write_parts(
        iter(samples.split(2)), 5, parts
    )
    assert whole.read_bytes() == parts.read_bytes()


@pytest.mark.parametrize(
    ("space", "lack", "told"),
    [
        (
            POINTS,
            {"shutil.disk_usage": SimpleNamespace(free=19 * 10**6)},
            "1,000,000 rows would take about 20.0 MB, and there are 19.0 MB free",
        ),
        (GREY, {"zoo._util.shortage.memory": 10**7}, "one picture of 1,000,000 images would take 992.0 MB of memory"),
        (GREY, {"zoo.images.most_pixels": 79_999_999}, "would have 80,000,000 pixels, and 79,999,999 is the most"),
    ],
)
def test_too_many_samples_are_refused_beforehand(space, lack, told, tmp_path, monkeypatch):
    for name, amount in lack.items():
        monkeypatch.setattr(name, lambda *_, amount=amount: amount)
    path = tmp_path / f"new{space.suffixes[0]}"
    with pytest.raises(InvalidInput, match=told):
        space.check_count(10**6, path)
    space.check_count(10**3, path)


def test_a_file_of_something_else_is_not_taken_for_one(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    (tmp_path / "b.csv").write_text("height,weight\n1,two\n")
    with pytest.raises(DataError, match=r"a\.png"):
        GREY.read([tmp_path / "a.png"])
    with pytest.raises(InvalidInput, match="is a table, and this is a model of images"):
        GREY.read([tmp_path / "b.csv"])


def test_tables_have_the_columns_in_their_order(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("height,weight\n1.5,2\n3,4\n")
    names, values = POINTS.read([path])
    assert names == [f"{path}:2", f"{path}:3"]  # lines, as editors count them
    path.write_text("\n1,2\n\n3,4\n")
    assert POINTS.read([path])[0] == [f"{path}:2", f"{path}:4"]
    assert values.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    path.write_text("weight,height\n1,2\n")
    with pytest.raises(InvalidInput, match="has the columns weight, height; the model was trained on height, weight"):
        POINTS.read([path])
    for text, came in (("a,b,c\n1,2,3\n", "the columns a, b, c"), ("1,2,3\n", "3 columns")):
        path.write_text(text)
        with pytest.raises(InvalidInput, match=rf"has {came}; the model was trained on 2 columns\. Pass"):
            Vectors((2,)).read([path])


def test_the_card_names_the_columns():
    assert Vectors((2,)).with_data({"columns": ["a", "b"]}) == Vectors((2,), columns=("a", "b"))
    assert GREY.with_data({"columns": ["a", "b"]}) is GREY


@pytest.mark.parametrize("space", EVERY, ids=str)
def test_a_preview_is_a_picture(space):
    assert isinstance(space.preview(space.example(9, Noise(0, 0, 9))), Image.Image)


def test_the_preview_of_vectors_is_dark_where_they_are():
    picture = np.asarray(POINTS.preview(torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])).convert("L"))
    ink = 255 - picture.astype(int)
    assert (ink > 0).sum() == 2
    assert ink[255, 0] > ink[0, 255] > 0  # lower left, where there are two; upper right


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (torch.zeros(2, 3, 8, 6), r"shape \(2, 3, 8, 6\)"),
        (torch.full((1, 1, 8, 6), 1.5), "pixels range from 1.5"),
        (torch.zeros(1, 1, 8, 6, dtype=torch.uint8), r"\.float\(\) / 255"),
        (torch.zeros(0, 1, 8, 6), "empty batch"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(samples, message):
    with pytest.raises(InvalidInput, match=message):
        GREY.check(samples)


def test_binary_images_are_scored_in_black_and_white_only():
    space, grey = BinaryImages((1, 2, 2)), torch.full((1, 1, 2, 2), 0.5)
    assert space.check(grey) is grey
    with pytest.raises(InvalidInput, match="lie between 0 and 1"):
        space.check_scored(grey)


@pytest.mark.parametrize(("shape", "kind"), [((2,), Vectors), ([1, 4, 4], Images)])
def test_the_shape_tells_images_from_vectors(shape, kind):
    space = of_shape(shape)
    assert type(space) is kind
    assert space.shape == tuple(shape)
    assert space.dimensions == int(np.prod(shape))
    with pytest.raises(dataclasses.FrozenInstanceError):
        space.shape = (1,)


def test_what_a_space_is_in_words():
    assert [str(space) for space in (GREY, POINTS)] == ["images (1, 8, 6)", "vectors (2,)"]
    assert [space.extent for space in (GREY, POINTS)] == ["8×6", "2 columns"]
    assert [space.levels for space in EVERY] == [256, 256, None, None]


def test_rows_in_every_form_are_the_same_numbers(tmp_path):
    rows = np.array([[1.5, 80.25], [1.75, 90.5]])
    frame = pandas.DataFrame(rows, columns=["height", "weight"])
    tables.save(torch.from_numpy(rows), tmp_path / "people.csv", POINTS.columns)
    np.save(tmp_path / "people.npy", rows)
    forms = [
        rows,
        rows.tolist(),
        frame,
        frame[["weight", "height"]],
        tmp_path / "people.csv",
        str(tmp_path / "people.npy"),
    ]
    for form in forms:
        assert POINTS.coerce(form).tolist() == rows.tolist()
    assert POINTS.coerce([tmp_path / "people.csv", tmp_path / "people.npy"]).tolist() == [*rows.tolist()] * 2
    assert POINTS.coerce([[1, 80], [2, 90]]).dtype == torch.float64
    given = torch.from_numpy(rows)
    assert POINTS.coerce(given) is given


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ([1.0, float("nan")], "no finite number in row 1"),
        (np.float64("nan"), "no finite number. Correct"),
        (["people.csv", 3], "expected real numbers"),
        (np.ma.masked_array(np.zeros((2, 2)), mask=[[1, 0], [0, 0]]), "values are missing"),
    ],
)
def test_what_holds_no_rows_of_numbers_is_refused_in_a_sentence(form, problem):
    with pytest.raises(InvalidInput, match=problem):
        POINTS.coerce(form)


def test_a_list_of_tensors_keeps_their_gradient():
    rows = [torch.zeros(2, requires_grad=True), torch.ones(2)]
    assert POINTS.coerce(rows).requires_grad


def test_a_data_frame_of_other_columns_is_refused():
    frame = pandas.DataFrame({"height": [1.5], "age": [40.0]})
    with pytest.raises(InvalidInput, match=r"the columns height, age came; .* trained on height, weight\."):
        POINTS.coerce(frame)
    assert Vectors((2,)).coerce(frame).tolist() == [[1.5, 40.0]]  # whose columns have no names

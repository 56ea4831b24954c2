"""Words turned into values: settings, conditions, files."""

import shutil
from pathlib import Path

import pytest

import zoo
from zoo.cli.arguments import conditions, sample_files, settings, stem_of
from zoo.errors import DataError, InvalidInput, LeftOut
from zoo.files import decoding


def test_settings_are_yaml():
    words = ["steps=100", "objective.learning_rate=1e-4", "a=2E3", "flip=true", "name=x=y", "sizes=[1, 2]", "none=null"]
    assert settings([*words, "b=1.5"]) == {
        "steps": 100,
        "objective.learning_rate": 1e-4,
        "a": 2000.0,
        "flip": True,
        "name": "x=y",
        "sizes": [1, 2],
        "none": None,
        "b": 1.5,
    }
    assert settings(None) == {}


@pytest.mark.parametrize("word", ["steps", "=3", " =3"])
def test_a_setting_needs_key_and_value(word):
    with pytest.raises(InvalidInput, match="KEY=VALUE"):
        settings([word])


def test_conditions_may_be_repeated_or_listed():
    model = zoo.create("cgan", classes=("Sneaker", "T-shirt, top", "7"))
    assert conditions(None, model) is None
    assert conditions(["sneaker,1", "2"], model) == ["sneaker", 1, 2]
    assert conditions(["t-shirt, TOP"], model) == ["t-shirt, TOP"]
    assert conditions(["7"], model) == ["7"], "a class of this name, not an index"


def test_texts_are_taken_as_they_are():
    model = zoo.create("stackgan")
    assert conditions(None, model) is None
    assert conditions(["a red square, and a circle", "7"], model) == ["a red square, and a circle", "7"]


def test_a_folder_stands_for_its_images(photos):
    """And for those of its subfolders; what is left out is told, and a folder of results is no part of it."""
    (photos / "notes.txt").write_text("x")
    for name in ("more", "made"):
        (photos / name).mkdir()
        shutil.copy(photos / "0.png", photos / name / "3.png")
    with pytest.warns(LeftOut, match=r"1 of 5 files in .*photos was left out: 1 \.txt\."):
        found = sample_files([photos / "2.png", photos], decoding.is_named, "image", without=photos / "made")
    names = [Path(name) for name in ("2.png", "0.png", "1.png", "2.png", "more/3.png")]
    assert found == [(photos / name, name) for name in names]


def test_all_that_is_not_there_is_named(photos):
    with pytest.raises(DataError, match=r"8\.png, .*9\.png are not there\. Pass files of images"):
        sample_files([photos / "8.png", photos / "0.png", photos / "9.png"], decoding.is_named, "image")


def test_stem_of():
    assert [stem_of(name) for name in ("vae", "echo:vae", "./runs/vae/", "/a/b")] == ["vae", "echo-vae", "vae", "b"]

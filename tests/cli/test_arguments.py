"""Words turned into values: settings, conditions, files, targets."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import zoo
from zoo import decoding
from zoo.cli.arguments import Target, conditions, sample_files, settings, stem_of
from zoo.errors import DataError, InvalidInput, LeftOut

EVERYTHING = ("picture", "array", "folder")


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
    with pytest.raises(DataError, match=r"8\.png, .*9\.png are not there\. Pass image files"):
        sample_files([photos / "8.png", photos / "0.png", photos / "9.png"], decoding.is_named, "image")


def test_stem_of():
    assert [stem_of(name) for name in ("vae", "echo:vae", "./runs/vae/", "/a/b")] == ["vae", "echo-vae", "vae", "b"]


@pytest.mark.parametrize(
    ("word", "kind"), [("a.png", "picture"), ("a.JPG", "picture"), ("a.npy", "array"), ("a/", "folder")]
)
def test_target_kinds(tmp_path, word, kind):
    assert Target.parse(f"{tmp_path}/new/{word}", kinds=EVERYTHING).kind == kind
    assert (tmp_path / "new").is_dir()


def test_an_existing_folder_is_a_folder(tmp_path):
    assert Target.parse(str(tmp_path), kinds=EVERYTHING).kind == "folder"
    folder = tmp_path / "odd.png"
    folder.mkdir()
    with pytest.raises(InvalidInput, match="is a folder"):
        Target.parse(str(folder), kinds=("picture",))


def test_earlier_output_is_replaced(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    (tmp_path / "empty.png").touch()
    array = Target.parse(f"{tmp_path}/a.npy", kinds=EVERYTHING)
    array.write_array(torch.zeros(2))
    for name in ("a.png", "empty.png", "a.npy"):
        assert Target.parse(f"{tmp_path}/{name}", kinds=EVERYTHING).path == tmp_path / name


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_anything_else_is_not_replaced(tmp_path, name):
    (tmp_path / name).write_text("a poem")
    with pytest.raises(InvalidInput, match="not overwritten"):
        Target.parse(f"{tmp_path}/{name}", kinds=EVERYTHING)
    assert (tmp_path / name).read_text() == "a poem"


def test_a_folder_that_cannot_be_written_is_noticed_first(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InvalidInput, match="nothing can be written"):
        Target.parse(str(tmp_path / "a.png"), kinds=EVERYTHING)


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Target.parse("~/a.png", kinds=EVERYTHING).path == Path(tmp_path / "a.png")

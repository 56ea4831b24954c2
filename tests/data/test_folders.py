"""Folders of images: what is read, held out and left alone."""

import pytest
from PIL import Image

from zoo.data import loading as data
from zoo.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for i in range(6):
        Image.new("RGB", (10, 12), (40 * i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_folder_holds_out_its_last_names(folder):
    train = data.load("image-folder", folder, "train", shape=(3, 12, 10), holdout=2)
    test = data.load("image-folder", folder, "test", shape=(3, 12, 10), holdout=2)
    assert train.images[:, 0, 0, 0].tolist() == [0, 40, 80, 120]
    assert test.images[:, 0, 0, 0].tolist() == [160, 200]


def test_folder_without_holdout_has_no_test_split(folder):
    with pytest.raises(DataError, match=r"no test samples.*held out \(0\)"):
        data.load("image-folder", folder, "test", shape=(3, 12, 10))


def test_subfolders_are_classes_and_train_test_folders_are_splits(tmp_path):
    for split in ("train", "test"):
        for index, name in enumerate(("cat", "dog")):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(2):
                Image.new("L", (4, 4), 100 * index + i).save(tmp_path / split / name / f"{i}.png")
    train = data.load("image-folder", tmp_path, "train", shape=(1, 4, 4))
    assert train.classes == ("cat", "dog")
    assert train.labels.tolist() == [0, 1, 0, 1]
    assert train.images[:, 0, 0, 0].tolist() == [0, 100, 1, 101]


def test_what_is_held_out_of_class_folders_has_every_class(tmp_path):
    for index, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("L", (4, 4), 100 * index + i).save(tmp_path / name / f"{i}.png")
    test = data.load("image-folder", tmp_path, "test", shape=(1, 4, 4), holdout=2)
    assert test.classes == ("cat", "dog")
    assert test.images[:, 0, 0, 0].tolist() == [2, 102]
    assert test.labels.tolist() == [0, 1]


def test_hidden_files_are_no_images(folder):
    (folder / ".thumbnails").mkdir()
    for name in (".thumbnails/0.png", "._0.png"):
        Image.new("RGB", (4, 4)).save(folder / name)
    assert len(data.load("image-folder", folder, "train", shape=(3, 8, 8))) == 6


def test_damaged_image_is_named(folder):
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(DataError, match=r"3\.png"):
        data.load("image-folder", folder, "train", shape=(3, 8, 8))


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        data.load("image-folder", tmp_path, "train", shape=(3, 8, 8))

"""Folders of images: what is read, held out and left alone."""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from zoo import images
from zoo.data import loading as data
from zoo.errors import DataError, LeftOut
from zoo.files.fitting import FITS
from zoo.files.reading import Reader


@pytest.fixture
def folder(tmp_path):
    for i in range(6):
        Image.new("RGB", (10, 12), (40 * i, 0, 0)).save(tmp_path / f"{i}.png")
    return tmp_path


def test_folder_holds_out_its_last_names_without_a_seed(folder):
    held = {"shape": (3, 12, 10), "holdout": 2, "holdout_seed": None}
    train, test = (data.load("image-folder", folder, split, **held) for split in ("train", "test"))
    assert train.images[:, 0, 0, 0].tolist() == [0, 40, 80, 120]
    assert test.images[:, 0, 0, 0].tolist() == [160, 200]


def test_folder_without_holdout_has_no_test_split(folder):
    with pytest.raises(DataError, match=r"no test samples.*held out: holdout=0\."):
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
    for seed in (None, 0, 1, 2):
        test = data.load("image-folder", tmp_path, "test", shape=(1, 4, 4), holdout=2, holdout_seed=seed)
        assert test.classes == ("cat", "dog")
        assert sorted(test.labels.tolist()) == [0, 1]
        assert [level // 100 for level in test.images[:, 0, 0, 0].tolist()] == test.labels.tolist()
        if seed is None:
            assert test.images[:, 0, 0, 0].tolist() == [2, 102]


def test_hidden_files_are_no_images(folder):
    (folder / ".thumbnails").mkdir()
    for name in (".thumbnails/0.png", "._0.png"):
        Image.new("RGB", (4, 4)).save(folder / name)
    with pytest.warns(LeftOut, match=r"2 of 8 files in .* were left out: 2 hidden\."):
        assert len(data.load("image-folder", folder, "train", shape=(3, 8, 8))) == 6


def test_every_kind_of_picture_is_read_and_what_is_left_out_is_told(folder):
    """The formats that other programs and cameras write, and a pipe, which is not waited for."""
    for name in ("a.tiff", "b.gif", "c.avif", "d.jp2", "e.jfif", "f.PNG", "g.webp"):
        Image.new("RGB", (10, 12), (200, 0, 0)).save(folder / name)
    Image.new("RGB", (10, 12), (200, 0, 0)).save(folder / "h", format="JPEG")
    (folder / "notes.txt").write_text("not an image")
    (folder / "i.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (folder / "LICENSE").write_text("not an image")
    (folder / "album.jpg").mkdir()
    os.mkfifo(folder / "pipe.png")
    told = (
        r"4 of 18 files in .* were left out: 1 \.heic \(pip install pillow-heif to read them\), 1 \.txt, 1 a pipe or "
        r"device, 1 without a suffix and no image\."
    )
    with pytest.warns(LeftOut, match=told):
        read = data.load("image-folder", folder, "train", shape=(3, 12, 10))
    assert len(read) == 14
    assert (read.images[6:, 0].int() - 200).abs().max() < 6


def test_a_folder_is_followed_where_a_link_leads_once(tmp_path):
    for name in ("cat", "elsewhere"):
        (tmp_path / "root" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "root" / name / "0.png")
    (tmp_path / "root" / "elsewhere").rename(tmp_path / "elsewhere")
    (tmp_path / "root" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "dog" / "again").symlink_to(tmp_path / "root")
    with pytest.warns(LeftOut, match="1 a link to a folder that is read already"):
        read = data.load("image-folder", tmp_path / "root", "train", shape=(1, 4, 4))
    assert read.classes == ("cat", "dog")
    assert len(read) == 2


def test_pictures_of_other_proportions_are_made_to_fit(tmp_path):
    levels = [10, 20, 200, 210, 30, 40]
    wide = Image.fromarray(np.repeat(np.array([levels], dtype=np.uint8), 2, 0))
    wide.save(tmp_path / "a.png")
    read = {fit: data.load("image-folder", tmp_path, "train", shape=(1, 2, 2), reader=Reader(fit)) for fit in FITS}
    assert read["crop"].images[0, 0, 0].tolist() == [200, 210]
    pixels = pil_to_tensor(wide)[None]
    white = torch.full((1, 1, 2, 6), 255, dtype=torch.uint8)
    assert torch.equal(read["pad"].images, images.resize_bytes(torch.cat([white, pixels, white], 2), (1, 2, 2)))
    assert torch.equal(read["squeeze"].images, images.resize_bytes(pixels, (1, 2, 2)))
    assert torch.equal(data.load("image-folder", tmp_path, "train", shape=(1, 2, 2)).images, read["crop"].images)


def test_all_damaged_images_are_named_at_once_or_skipped_with_their_labels(tmp_path):
    for index, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("L", (4, 4), 100 * index + i).save(tmp_path / name / f"{i}.png")
    for name in ("cat/1.png", "dog/2.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"2 of 6 images .*cat/1\.png is not a .*dog/2\.png is not a"):
        data.load("image-folder", tmp_path, "train", shape=(1, 4, 4))
    reader = Reader(skip_bad=True)
    read = data.load("image-folder", tmp_path, "train", shape=(1, 4, 4), reader=reader)
    assert read.images[:, 0, 0, 0].tolist() == [0, 100, 101, 2]
    assert read.labels.tolist() == [0, 1, 1, 0]
    assert len(reader.bad) == 2


def test_damaged_image_is_named(folder):
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(DataError, match=r"3\.png"):
        data.load("image-folder", folder, "train", shape=(3, 8, 8))


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match=r"holds no images\. Pass --data the folder with your images"):
        data.load("image-folder", tmp_path, "train", shape=(3, 8, 8))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(DataError, match=r"holds no images, but 1 \.txt, 1 hidden\. Pass"):
        data.load("image-folder", tmp_path, "train", shape=(3, 8, 8))


def test_what_is_excluded_is_what_is_called_so_from_the_folder_and_does_not_count(tmp_path):
    for place in ("a.png", "b.png", "cat/a.png", "dog/a.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / place)
    for excluded, left in (
        ("a.png", ("b.png", "cat/a.png", "dog/a.png")),
        ("cat/a", ("a.png", "b.png", "dog/a.png")),
    ):
        reader = Reader(exclude=(excluded,))
        found = data.load("image-folder", tmp_path, "train", shape=(1, 4, 4), reader=reader)
        assert sorted(found.names) == list(left)
        assert "3 training, none held out" in found.summary
        assert reader.exclude == (excluded,)

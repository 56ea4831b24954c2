"""Data sets for translation: which half is the source, which folder, and what happens to damaged ones."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data import loading as data
from zoo.errors import DataError

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def pairs(tmp_path):
    """Pictures of two squares, red on the left and blue on the right, of another brightness in each."""
    for split, n in (("train", 3), ("test", 2)):
        (tmp_path / split).mkdir()
        for i in range(n):
            pixels = np.zeros((8, 16, 3), dtype=np.uint8)
            pixels[:, :8, 0], pixels[:, 8:, 2] = 200 + i, 100 + i
            Image.fromarray(pixels).save(tmp_path / split / f"{i}.png")
    return tmp_path


@pytest.mark.parametrize(("name", "source", "target"), [("side-by-side", 0, 2), ("facades", 2, 0)])
@pytest.mark.parametrize(("split", "n"), [("train", 3), ("test", 2)])
def test_halves(pairs, name, source, target, split, n):
    found = data.load(name, pairs, split, shape=(3, 4, 4))
    assert found.paired
    assert (found.name, found.split, len(found)) == (pairs.name, split, n)
    assert found.images.shape == found.sources.shape == (n, 3, 4, 4)
    assert found.images.dtype == found.sources.dtype == torch.uint8
    levels = {0: 200, 2: 100}
    for channel, pixels in ((source, found.sources), (target, found.images)):
        assert pixels[:, channel].flatten(1).tolist() == [[levels[channel] + i] * 16 for i in range(n)]
        others = [c for c in range(3) if c != channel]
        assert (pixels[:, others] == 0).all()


def test_halves_of_an_odd_width_share_the_middle_or_neither(tmp_path):
    (tmp_path / "train").mkdir()
    Image.new("RGB", (9, 4), RED).save(tmp_path / "train" / "odd.png")
    found = data.load("side-by-side", tmp_path, "train", shape=(3, 4, 4))
    assert found.images.shape == found.sources.shape == (1, 3, 4, 4)


@pytest.fixture
def folders(tmp_path):
    for folder, n, colour in (("trainA", 3, RED), ("trainB", 2, BLUE), ("testA", 1, RED), ("testB", 2, BLUE)):
        (tmp_path / folder).mkdir()
        for i in range(n):
            Image.new("RGB", (6, 6), colour).save(tmp_path / folder / f"{i}.JPG", quality=100)
    return tmp_path


@pytest.mark.parametrize(("split", "sources", "images"), [("train", 3, 2), ("test", 1, 2)])
def test_two_folders_without_pairs(folders, split, sources, images):
    found = data.load("unpaired-folders", folders, split, shape=(3, 4, 4))
    assert not found.paired
    assert (len(found.sources), len(found.images), len(found)) == (sources, images, images)
    assert (found.sources[:, 0] > 250).all()
    assert (found.images[:, 2] > 250).all()


@pytest.mark.parametrize(
    ("name", "missing", "wanted"),
    [
        ("side-by-side", "test", "train/ and"),
        ("facades", "test", "train/ and"),
        ("unpaired-folders", "testA", ".*in trainA/"),
    ],
)
def test_missing_and_empty_folders_are_named(tmp_path, name, missing, wanted):
    for state in ("missing", "empty"):
        if state == "empty":
            (tmp_path / missing).mkdir()
        with pytest.raises(
            DataError, match=rf"{missing} (is no folder and )?holds no images\. Pass --data a folder with {wanted}"
        ):
            data.load(name, tmp_path, "test", shape=(3, 4, 4))


def test_damaged_pictures_are_named(pairs):
    (pairs / "train" / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1\.png is not a readable image"):
        data.load("side-by-side", pairs, "train", shape=(3, 4, 4))

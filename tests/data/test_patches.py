"""Patches for super-resolution: where they lie, that their sources are the same places shrunk, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from zoo import images as imaging
from zoo.data import loading as data
from zoo.data.dataset import Dataset
from zoo.data.patches import patches
from zoo.errors import DataError
from zoo.images import Reader

SHAPE = (3, 16, 16)


def scene(height: int, width: int) -> Tensor:
    """A picture in which no two places are alike: brightness tells the row and the column."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    noise = torch.randint(0, 40, (height, width), generator=torch.Generator().manual_seed(height * width))
    return torch.stack([2 * rows + 0 * columns, 0 * rows + 2 * columns, noise]).to(torch.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, sizes in (
        ("yang91", [(33, 42), (12, 40)]),
        ("bsd200", [(16, 16)]),
        ("set5", [(22, 30)]),
        ("set14", [(18, 17), (12, 12)]),
    ):
        (tmp_path / name).mkdir()
        for index, size in enumerate(sizes):
            picture = Image.fromarray(scene(*size).permute(1, 2, 0).numpy())
            picture.save(tmp_path / name / f"{index}.webp", lossless=True)
    return tmp_path


def load(root: Path, split: str, shape: tuple[int, ...] = SHAPE) -> Dataset:
    return data.load("super-resolution", root, split, shape=shape)


def test_patches_cover_the_picture_half_a_patch_apart(root: Path) -> None:
    train = load(root, "train")
    # 33 × 42 is cropped to 32 × 40: rows begin at 0, 8, 16, columns at 0, 8, 16, 24; 12 × 40 is smaller than a patch.
    assert train.images.shape == (3 * 4 + 1, *SHAPE)
    assert train.sources is not None
    assert train.sources.shape == (3 * 4 + 1, 3, 4, 4)
    corners = [(int(patch[0, 0, 0]) // 2, int(patch[1, 0, 0]) // 2) for patch in train.images[:12]]
    assert corners == [(row, column) for row in (0, 8, 16) for column in (0, 8, 16, 24)]
    assert torch.equal(train.images[12], scene(16, 16))
    assert train.scenes == {}


def test_the_border_has_patches_of_its_own() -> None:
    large, small = patches(scene(20, 28), (16, 16))
    corners = [(int(patch[0, 0, 0]) // 2, int(patch[1, 0, 0]) // 2) for patch in large]
    assert corners == [(0, 0), (0, 8), (0, 12), (4, 0), (4, 8), (4, 12)]
    assert len(small) == 6


def test_sources_are_the_same_places_of_the_shrunk_picture() -> None:
    picture = scene(64, 80)
    large, small = patches(picture, (16, 16))
    shrunk = np.array(Image.fromarray(picture.permute(1, 2, 0).numpy()).resize((20, 16), Image.Resampling.BICUBIC))
    whole = torch.from_numpy(shrunk).permute(2, 0, 1)
    for patch, source in zip(large, small, strict=True):
        row, column = int(patch[0, 0, 0]) // 8, int(patch[1, 0, 0]) // 8
        expected = whole[:, row : row + 4, column : column + 4]
        # PIL rounds between rows and columns.
        assert (source.int() - expected.int()).abs().max() <= 1


def test_the_test_split_has_the_middles_and_the_whole_pictures(root: Path) -> None:
    test = load(root, "test")
    assert {name: [tuple(each.shape) for each in scenes] for name, scenes in test.scenes.items()} == {
        "set5": [(3, 20, 28)],
        "set14": [(3, 16, 16), (3, 12, 12)],
    }
    assert torch.equal(test.scenes["set5"][0], scene(22, 30)[:, :20, :28])
    # Of 20 × 28 the patch at (0, 4): by fours, the middle is at (2, 6).
    assert len(test.images) == 2
    assert torch.equal(test.images[0], scene(22, 30)[:, 0:16, 4:20])


def test_batches_mirror_patches_with_their_sources(root: Path) -> None:
    train = load(root, "train")
    assert train.sources is not None
    batch = train.batch(0, 13, seed=0, flip=True)
    assert batch.sources is not None
    mirrored = 0
    for image, source in zip((255 * batch.images).round().byte(), (255 * batch.sources).round().byte(), strict=True):
        pairs = [(image, source), (image.flip(2), source.flip(2))]
        found = [
            flipped
            for flipped, (here, there) in enumerate(pairs)
            for known, its in zip(train.images, train.sources, strict=True)
            if torch.equal(here, known) and torch.equal(there, its)
        ]
        assert len(found) == 1
        mirrored += found[0]
    assert 0 < mirrored < 13


def test_grey_is_grey(root: Path) -> None:
    test = load(root, "test", (1, 16, 16))
    assert test.images.shape[1] == test.scenes["set5"][0].shape[0] == 1


def test_sides_must_be_shrinkable(root: Path) -> None:
    with pytest.raises(DataError, match="cannot be shrunk 4 times"):
        load(root, "train", (3, 16, 18))


def test_pictures_must_be_large_enough(root: Path) -> None:
    with pytest.raises(DataError, match="no train image as large as a patch of 64×64"):
        load(root, "train", (3, 64, 64))


def test_a_missing_set_is_named(root: Path) -> None:
    for path in (root / "set14").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"set14 holds no images"):
        load(root, "test")
    load(root, "train")


def test_a_damaged_file_is_named(root: Path) -> None:
    (root / "bsd200" / "0.webp").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"bsd200.0\.webp"):
        load(root, "train")


def test_shrinking_is_that_of_all_images() -> None:
    """As `zoo.images` resizes, so that what a caller shrinks is like what the model was trained on."""
    _, small = patches(scene(16, 16), (16, 16))
    assert torch.equal(small, imaging.resize_bytes(scene(16, 16)[None], (3, 4, 4)))


def test_an_excluded_picture_gives_no_patches(root: Path) -> None:
    whole, left = load(root, "train"), _without(root, "bsd200/0.webp")
    assert torch.equal(left.images, whole.images[:-1])  # bsd200's only one is the last patch
    assert torch.equal(_without(root, "yang91/0").images, whole.images[-1:])
    scenes = data.load("super-resolution", root, "test", shape=SHAPE, reader=Reader(exclude=("set5/0",))).scenes
    assert (len(scenes["set14"]), len(scenes["set5"])) == (2, 0)


def test_what_is_to_be_excluded_must_be_there(root: Path) -> None:
    with pytest.raises(DataError, match=r"no bsd200/9 in .* --set 'exclude=\[yang91/0\]'"):
        _without(root, "bsd200/9", "yang91/0")
    with pytest.raises(DataError, match="not read from image files"):
        data.load("mnist", root, "train", shape=(1, 28, 28), reader=Reader(exclude=("1.png",)))


def _without(root: Path, *names: str) -> Dataset:
    return data.load("super-resolution", root, "train", shape=SHAPE, reader=Reader(exclude=names))

"""CelebA from a folder with a table of attributes."""

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from zoo.data import loading as data
from zoo.errors import DataError
from zoo.images import Reader


@pytest.fixture
def portraits(tmp_path):
    """Five pictures with CelebA's proportions: a face of one grey on a white ground, and two attributes of each."""
    lines = ["file,smiling,eyeglasses"]
    for i in range(5):
        picture = Image.new("RGB", (89, 109), "white")
        picture.paste((40 * i,) * 3, (18, 28, 72, 82))  # the central 108 × 108 of 178 × 218, at half the size
        picture.save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{i % 2},{int(i > 2)}")
    (tmp_path / "attributes.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_celeba_attributes_cuts_out_the_face_and_keeps_attributes_with_their_pictures(portraits):
    held = {"shape": (3, 54, 54), "holdout": 2, "holdout_seed": None}
    train, test = (data.load("celeba-attributes", portraits, split, **held) for split in ("train", "test"))
    assert (train.name, train.labels, len(train), len(test)) == ("celeba", None, 3, 2)
    for part, greys in ((train, [0, 40, 80]), (test, [120, 160])):
        assert part.images.flatten(1).min(1).values.tolist() == greys
        assert part.images.flatten(1).max(1).values.tolist() == greys  # nothing of the white ground
        assert part.attribute_names == ("smiling", "eyeglasses")
        assert part.attributes.dtype == torch.bool
    assert train.attributes.tolist() == [[False, False], [True, False], [False, False]]
    assert test.attributes.tolist() == [[True, True], [False, True]]
    assert data.load("celeba-attributes", portraits, "train", shape=(1, 16, 16)).images.shape == (5, 1, 16, 16)


def test_celeba_combinations_are_classes_that_count_attributes_in_binary(portraits):
    held = {"shape": (3, 8, 8), "holdout": 2, "holdout_seed": None}
    train, test = (data.load("celeba-combinations", portraits, split, **held) for split in ("train", "test"))
    assert train.classes == test.classes == ("plain", "smiling", "eyeglasses", "smiling + eyeglasses")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 0], [3, 2])
    assert train.batch(0, 3, seed=0, flip=False).labels.dtype == torch.int64
    assert (train.name, train.attributes, len(train.images)) == ("celeba", None, 3)


def test_portraits_are_held_out_by_seed_and_of_combinations_none_loses_its_last(portraits):
    held = {"shape": (3, 8, 8), "holdout": 2}
    parts = [data.load("celeba-attributes", portraits, split, **held) for split in ("train", "test")]
    assert sorted(name for part in parts for name in part.names) == [f"{i}.png" for i in range(5)]
    assert [len(part) for part in parts] == [3, 2]
    seeds = [data.load("celeba-attributes", portraits, "test", **held, holdout_seed=seed).names for seed in range(9)]
    assert len(set(seeds)) > 3
    held["holdout"] = 1  # of two without attributes, the only ones that are alike
    parts = [data.load("celeba-combinations", portraits, split, **held) for split in ("train", "test")]
    assert (parts[1].labels.tolist(), sorted(parts[0].labels.tolist())) == ([0], [0, 1, 2, 3])
    assert parts[0].division == parts[1].division
    with pytest.raises(DataError, match="would leave a class without training images"):
        data.load("celeba-combinations", portraits, "train", shape=(3, 8, 8), holdout=2)


def test_celeba_attributes_without_what_is_held_out(portraits):
    with pytest.raises(DataError, match=r"no test \w+ in"):
        data.load("celeba-attributes", portraits, "test", shape=(3, 8, 8))
    with pytest.raises(DataError, match=r"no train \w+ in"):
        data.load("celeba-attributes", portraits, "train", shape=(3, 8, 8), holdout=9)


@pytest.mark.parametrize(
    "table",
    [
        None,
        "",
        "file,smiling\n",
        "file,smiling\n0.png,1\n1.png,0,1\n",
        "file,smiling,eyeglasses\n0.png,1\n",
        "file,smiling\n0.png,yes\n",
        "file,smiling\n0.png,-1\n1.png,1\n",
        "file,smiling\n0.png,2\n",
        "file,smiling\n0.png,1\n\n",
    ],
)
def test_malformed_tables_of_attributes_are_named(portraits, table):
    path = portraits / "attributes.csv"
    path.unlink()
    if table is not None:
        path.write_text(table)
    what = "is not there\\." if table is None else "is malformed: .+"
    with pytest.raises(DataError, match=rf"attributes\.csv {what}.* Expected file,smiling"):
        data.load("celeba-attributes", portraits, "train", shape=(3, 8, 8))


def test_picture_that_the_table_of_attributes_lists_but_is_not_there(portraits):
    (portraits / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png is not there"):
        data.load("celeba-attributes", portraits, "train", shape=(3, 8, 8))


@pytest.mark.parametrize("fit", ["crop", "pad", "squeeze"])
def test_faces_are_cut_out_alike_of_pictures_that_were_squeezed(tmp_path, fit):
    """Which are square where the aligned ones are 178 × 218, so that the face is not."""
    aligned = Image.linear_gradient("L").resize((178, 218)).convert("RGB")
    made = []
    for size in ((178, 218), (356, 218)):
        root = tmp_path / str(size[0])
        root.mkdir()
        aligned.resize(size).save(root / "0.png")
        (root / "attributes.csv").write_text("file,smiling\n0.png,1\n")
        read = data.load("celeba-attributes", root, "train", shape=(3, 108, 108), reader=Reader(fit))
        made.append(read.images.int())
    assert (made[0] - made[1]).abs().max() <= 2
    assert torch.equal(made[0][0, :, 0, 0], pil_to_tensor(aligned)[:, 55, 35].int())


def test_portraits_that_are_excluded_do_not_count(portraits):
    held = {"shape": (3, 8, 8), "holdout": 2, "holdout_seed": None}
    found = data.load("celeba-attributes", portraits, "train", reader=Reader(exclude=("1",)), **held)
    assert len(found) == 2
    assert "2 training, 2 held out" in found.summary

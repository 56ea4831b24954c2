"""What the folders in a folder of images mean."""

import pytest
from PIL import Image

from zoo.data import loading as data
from zoo.errors import DataError, LeftOut


@pytest.fixture
def tree(tmp_path):
    """`tree("cat/0.png", …)`: a folder with these images, each of a shade of its own."""

    def plant(*files):
        for place, file in enumerate(files):
            path = tmp_path / "root" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), place).save(path)
        return tmp_path / "root"

    return plant


def load(root, split="train", **options):
    return data.load("image-folder", root, split, shape=(1, 4, 4), **options)


def files(folder, count=4):
    return [f"{folder}/{i}.png" for i in range(count)]


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING"])
@pytest.mark.parametrize("held", ["val", "Valid", "validation", "TEST", "Testing"])
def test_imagenets_layout(tree, train, held):
    root = tree(*files(f"{train}/dog"), *files(f"{train}/cat", 3), *files(f"{held}/cat", 2))
    training, test = load(root, holdout=2), load(root, "test", holdout=2)
    assert training.classes == test.classes == ("cat", "dog")
    assert (training.labels.bincount().tolist(), test.labels.tolist()) == ([3, 4], [0, 0])
    assert test.names == (f"{held}/cat/0.png", f"{held}/cat/1.png")
    assert training.summary == f"{root}: 2 classes, 7 training, 2 held out from {held}/ (holdout=2 takes no part)."


def test_splits_without_classes(tree):
    root = tree(*files("train"), *files("val", 2))
    training, test = load(root), load(root, "test")
    assert (training.labels, training.classes, len(training), len(test)) == (None, (), 4, 2)
    assert training.summary == f"{root}: no classes, 4 training, 2 held out from val/."


def test_of_val_and_test_the_former_is_held_out_and_the_latter_told(tree):
    root = tree(*files("train/a"), *files("val/a", 2), *files("test/a", 3))
    with pytest.warns(LeftOut, match="3 of 9 files in .* were left out: 3 in test/, which is kept for you"):
        assert load(root, "test").names == ("val/a/0.png", "val/a/1.png")
    with pytest.warns(LeftOut, match="2 of 9 files in .* were left out: 2 in val/, which is kept for you"):
        assert len(load(root, "test", holdout_seed=None)) == 3  # as it was before there was a seed


def test_a_training_folder_alone_is_no_class_and_is_held_out_from(tree):
    root = tree(*files("train/cat"), *files("train/dog"))
    training, test = load(root, holdout=2), load(root, "test", holdout=2)
    assert (training.classes, sorted(test.labels.tolist())) == (("cat", "dog"), [0, 1])
    assert training.summary == f"{root}: 2 classes, 6 training, 2 held out by seed 0."


def test_folders_that_would_be_classes_if_they_held_images_are_named(tree):
    root = tree(*files("cat"), *files("dog"))
    for name in ("eel", ".git", "val"):
        (root / name).mkdir()
    (root / "fox").mkdir()
    (root / "fox" / "a.txt").write_text("to be photographed")
    with pytest.warns(LeftOut, match=r"1 \.txt, 1 hidden"):
        assert load(root).summary == (
            f"{root}: 2 classes, 8 training, none held out, 2 files left out, no images in eel/, fox/."
        )


def test_a_folder_around_everything_is_looked_into(tree):
    root = tree(*files("archive/data/train/cat"), *files("archive/data/val/cat", 2))
    assert (load(root).classes, len(load(root)), len(load(root, "test"))) == (("cat",), 4, 2)


def test_classes_of_what_is_held_out_are_matched_by_name(tree):
    root = tree(*files("train/Cat"), *files("train/dog"), *files("val/cat", 1), *files("val/DOG", 2))
    test = load(root, "test")
    assert dict(zip(test.names, test.labels.tolist(), strict=True)) == {
        "val/cat/0.png": 0,
        "val/DOG/0.png": 1,
        "val/DOG/1.png": 1,
    }


def test_a_class_without_training_images_is_refused(tree):
    root = tree(*files("train/cat"), *files("val/cat"), *files("val/eel"))
    with pytest.raises(DataError, match=r"the class 'eel' of .*val has no training images; there are cat"):
        load(root)


def test_held_out_images_without_classes_are_not_labelled(tree):
    root = tree(*files("train/cat"), *files("val", 2))
    assert load(root, "test").labels.tolist() == [-1, -1]
    assert "2 without a class (0.png, 1.png)" in load(root).summary


def test_of_several_classes_one_may_be_called_train(tree):
    root = tree(*files("boat"), *files("bus"), *files("train"))
    assert load(root).classes == ("boat", "bus", "train")
    assert load(root).summary == f"{root}: 3 classes (train/ is one), 12 training, none held out."


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["train", "test", "cat", "dog"], r"holds test/, train/ beside cat/, dog/, so that test/, train/ may be"),
        (["train", "cat"], r"holds train/ beside cat/, so that train/ may be a split or a class"),
        (["test", "cat", "dog"], "holds test/ beside cat/, dog/"),
        (["train/cat", "bus", "boat"], "holds train/ beside boat/, bus/"),
        (["train", "."], "holds train/ beside 0.png, 1.png, 2.png and 1 more"),
        (["train", "Training", "val"], "holds Training/ and train/, which mean the same split"),
        (["train", "val", "valid"], "holds val/ and valid/, which mean the same split"),
    ],
)
def test_what_may_be_a_split_or_a_class_is_refused(tree, folders, said):
    root = tree(*(name for folder in folders for name in files(folder)))
    if root.joinpath("train").is_dir() and "Training" in folders and len(list(root.iterdir())) < 3:
        pytest.skip("the file system does not tell case apart")
    with pytest.raises(DataError, match=said.replace(".png", r"\.png")):
        load(root)


@pytest.mark.parametrize(
    "folders",
    [
        ["train-set", "test-set"],
        ["seg_train/cat", "seg_test/cat", "seg_test/dog"],
        ["Trainset", "Validation_Images"],
        ["cat/train", "cat/test", "dog/train", "dog/test"],
        ["train/cat/Train", "train/cat/val", "train/dog", "test/cat"],
    ],
)
def test_splits_by_other_names_or_of_each_class_are_not_trained_on(tree, folders):
    root = tree(*(name for folder in folders for name in files(folder)))
    with pytest.raises(DataError, match=r"Put all training images into train/, in one folder for each class, and"):
        load(root)


@pytest.mark.parametrize(
    "folders",
    [["train-set", "cat"], ["contest", "trains"], ["train_old", "train_new"], ["cat/test", "dog/test"], ["a/train"]],
)
def test_what_only_sounds_like_splits_are_classes(tree, folders):
    assert len(load(tree(*(name for folder in folders for name in files(folder))))) == 4 * len(folders)


def test_without_training_images_there_is_nothing_to_train_on(tree):
    root = tree(*files("test"))
    with pytest.raises(DataError, match=r"no classes, 0 training, 4 held out from test/\. No training images are left"):
        load(root)
    assert len(load(root, "test")) == 4


def test_a_picture_beside_class_folders_takes_no_labels_from_others_and_is_named(tree):
    root = tree(*files("cat"), *files("dog"), "banner.png")
    read = load(root)
    assert (read.classes, sorted(read.labels.tolist())) == (("cat", "dog"), [-1, 0, 0, 0, 0, 1, 1, 1, 1])
    assert [name for name, label in zip(read.names, read.labels.tolist(), strict=True) if label < 0] == ["banner.png"]
    assert read.summary == f"{root}: 2 classes, 9 training, none held out, 1 without a class (banner.png)."


def test_a_picture_beside_splits_is_left_out_and_named(tree):
    root = tree(*files("train/a"), *files("val/a"), "banner.png")
    with pytest.warns(LeftOut, match=r"1 beside train/, val/ \(banner\.png\)"):
        read = load(root)
    assert read.summary == f"{root}: 1 class, 4 training, 4 held out from val/, 1 file left out."


def test_a_class_is_all_that_lies_in_its_folder(tree):
    root = tree(*files("cat/2024"), *files("cat", 2), *files("dog"))
    assert (load(root).classes, load(root).labels.bincount().tolist()) == (("cat", "dog"), [6, 4])


def test_hold_outs_are_drawn_within_each_class(tree):
    root = tree(*(f"{name}/{name}_{i:02d}.png" for name in ("a", "b") for i in range(20)))
    training, test = load(root, holdout=10), load(root, "test", holdout=10)
    assert test.labels.bincount().tolist() == [5, 5]
    assert (len(training), training.division) == (30, test.division)
    assert training.division != load(root, holdout=10, holdout_seed=1).division
    assert training.summary == f"{root}: 2 classes, 30 training, 10 held out by seed 0."
    with pytest.raises(DataError, match=r"the class 'b' has no training images.* last 20 files .*holdout_seed=0"):
        load(root, holdout=20, holdout_seed=None)


def test_names_of_one_class_do_not_follow_those_of_another(tree):
    root = tree(*files("a", 12), *files("b", 12))
    places = {name: [] for name in "ab"}
    for name in load(root, "test", holdout=8).names:
        places[name[0]].append(name[2:])
    assert places["a"] != places["b"]


def test_links_are_followed_once_and_real_folders_come_first(tree, tmp_path):
    root = tree(*files("dog"), *files("cat"))
    (root / "cat").rename(tmp_path / "elsewhere")
    (root / "cat").symlink_to(tmp_path / "elsewhere")
    (root / "a").symlink_to(root / "dog")
    (root / "dog" / "up").symlink_to(root)
    with pytest.warns(LeftOut, match="2 of 10 files in .* were left out: 2 a link to a folder that is read already"):
        read = load(root)
    assert (read.classes, len(read)) == (("cat", "dog"), 8)

"""`zoo data check`: two folders, or the splits of a data set or a release."""

import json
import shutil

import pytest

from tests.data.test_copies import scene
from zoo.releases.cards import Card


@pytest.fixture
def folders(tmp_path):
    for name, seeds in (("train", range(4)), ("test", range(10, 12))):
        (tmp_path / name).mkdir()
        for seed in seeds:
            scene(seed).save(tmp_path / name / f"{seed}.png")
    scene(2).resize((86, 58)).save(tmp_path / "test" / "copy.png")
    return tmp_path


def test_two_folders(run, folders):
    words = ("data", "check", folders / "train", folders / "test", "-q")
    result = run(*words)
    assert (result.status, result.err) == (1, "")
    header, row, summary = result.out.splitlines()
    assert header.split() == ["test", "training", "correlation", "of", "details", "relation"]
    assert row.split()[:2] == ["copy.png", "2.png"]
    assert row.endswith("scaled 0.72")
    assert summary == "1 test image with near-copies, of 3 test images and 4 training images."
    shown = json.loads(run(*words, "--json").out)
    assert (shown["train"], shown["test"]) == (4, 3)
    assert [(copy["test"], copy["train"], copy["relation"]) for copy in shown["copies"]] == [
        ("copy.png", "2.png", "scaled 0.72")
    ]
    (folders / "test" / "copy.png").unlink()
    result = run(*words)
    assert (result.status, result.out) == (0, "No near-copies among 2 test images and 4 training images.\n")


def test_a_data_set_and_what_a_recipe_leaves_out(run, shelf, folders, tmp_path_factory):
    result = run("data", "check", "image-folder", "--data", folders, "-q")
    assert (result.status, result.err) == (1, "")
    assert "copy.png" in result.out
    release = shutil.copytree(shelf / "realnvp-mnist", tmp_path_factory.mktemp("releases") / "flow")
    recipe = {"dataset": "image-folder", "exclude": ["train/2"]}
    Card.read(release).replace(training=recipe).write()
    result = run("data", "check", release, "--data", folders, "-q")
    assert result.err == ""
    assert (result.status, result.out) == (0, "No near-copies among 3 test images and 3 training images.\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train",), "is one folder"),
        (("train", "test", "--holdout-seed", "1"), "Leave them out"),
        (("realnvp-mnist", "--data", "train", "--holdout-seed", "1"), "Leave out --holdout and --holdout-seed"),
        (("mnistt", "--data", "train"), "no data set or release is called 'mnistt'. Did you mean 'mnist'"),
        (("zoo:mnist", "--data", "nowhere"), "nowhere"),
        (("two-moons",), "holds vectors"),
        (("dcgna-celeba", "--data", "train"), "Did you mean 'dcgan-celeba'"),
        (("train", "test", "--holdout", "3"), "Leave them out"),
        (("table", "--data", "x.csv"), "near-copies are sought among images"),
        (("train", "test", "--crops", "0.1"), "from 0.5 to 1"),
    ],
)
def test_what_is_refused(run, folders, words, message, monkeypatch):
    monkeypatch.chdir(folders)
    result = run("data", "check", *words)
    assert result.status == 2
    assert message in result.err


def test_a_card_that_does_not_say_what_it_was_trained_on(run, shelf, folders):
    release = shutil.copytree(shelf / "realnvp-mnist", folders / "flow")
    Card.read(release).replace(training={}).write()
    result = run("data", "check", release, "--data", folders)
    assert result.status != 0
    assert "its card does not say what it was trained on" in result.err
    assert "training: {dataset: image-folder" in result.err

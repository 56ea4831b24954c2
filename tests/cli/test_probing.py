"""`zoo probe`: what it measures, on which data, and what it says about it."""

import json
import shutil

import pytest
import torch

import zoo
from zoo import images
from zoo.data import loading
from zoo.metrics import fine_tuning
from zoo.metrics.evaluate import Subject
from zoo.metrics.probe import probe
from zoo.releases.cards import Card


@pytest.fixture
def vae(shelf, tmp_path, monkeypatch):
    """A folder with the tiny VAE, whose card holds out 10 of the images it was trained on."""
    monkeypatch.setattr(fine_tuning.fine_tune, "__kwdefaults__", {"anew": False, "steps": 1})
    folder = shutil.copytree(shelf / "vae-fashion-mnist", tmp_path / "vae")
    training = {"dataset": "image-folder", "holdout": 10, "holdout_seed": 0}
    Card.read(folder).replace(training=training).write()
    return folder


@pytest.fixture
def classes(tmp_path):
    """Folders of 25 gradients from left to right and 25 from top to bottom, all but lost in noise."""
    ramp, generator = torch.linspace(0, 1, 8).expand(1, 1, 8, 8), torch.Generator().manual_seed(0)
    for name, picture in (("across", ramp), ("down", ramp.mT)):
        (tmp_path / "known" / name).mkdir(parents=True)
        for i in range(25):
            noise = torch.rand(1, 1, 8, 8, generator=generator)
            images.to_pil(0.2 * picture + 0.8 * noise)[0].save(tmp_path / "known" / name / f"{i:02}.png")
    return tmp_path / "known"


def test_the_same_split_as_evaluate_has(run, vae, classes):
    words = ("probe", vae, "--data", classes, "--labels", "4,all", "--quiet")
    result = run(*words, "--json")
    assert (result.status, result.err) == (0, "")
    shown = json.loads(result.out)
    train, test = (
        loading.load("image-folder", classes, split, shape=(1, 8, 8), holdout=10) for split in ("train", "test")
    )
    found = probe(Subject(zoo.load(vae), None, train, test, n=10), [4, None])
    expected = {"release": "vae", "data": "known", "n_test": 10, "seed": 0}
    assert shown == {**expected, "accuracies": json.loads(json.dumps([each.to_dict() for each in found]))}
    table = run(*words).out.splitlines()
    assert table[0].split("  ")[0] == "test accuracy, %"
    assert table[0].endswith("4 labels  all 40 labels")
    cells = {line[:45].split("  ")[0]: line.rstrip() for line in table[1:7]}
    assert list(cells) == [
        "codes, logistic regression",
        "first layer, logistic regression",
        "encoder, fine-tuned",
        "the same network from scratch",
        "pixels, logistic regression",
        "principal components, logistic regression",
    ]
    few, every = (next(a for a in found if a.way == "pixels" and a.labels == count) for count in (4, 40))
    mean = f"{100 * few.mean:.1f} ± {100 * few.spread:.1f}"
    assert cells["pixels, logistic regression"].split(maxsplit=3)[3].split("  ")[0] == mean
    assert cells["pixels, logistic regression"].endswith(f" {100 * every.mean:.1f}")
    assert " ".join(table[7:]).startswith("Mean ± standard deviation over 5 seeds, which choose the labels")
    assert "a number without ± is of one run. 10 held-out images. Networks take 300 steps of 32" in " ".join(table[7:])


def test_without_networks_and_by_another_seed(run, vae, classes):
    words = ("probe", vae, "--data", classes, "--labels", "4", "--no-fine-tune", "--json")
    shown = json.loads(run(*words, "--seed", "3").out)
    assert [each["way"] for each in shown["accuracies"]] == ["codes", "first-layer", "pixels", "pca"]
    assert shown["seed"] == 3
    assert shown["accuracies"] != json.loads(run(*words).out)["accuracies"]


def test_unless_asked_all_counts_that_there_are_images_for(run, vae, classes):
    shown = json.loads(run("probe", vae, "--data", classes, "--no-fine-tune", "--json").out)
    assert {each["labels"] for each in shown["accuracies"]} == {40}


def test_other_data(run, vae, classes):
    Card.read(vae).replace(training={"dataset": "mnist"}).write()
    words = ("probe", vae, "--data", classes, "--dataset", "image-folder", "--no-fine-tune", "--json")
    assert json.loads(run(*words, "--holdout", "6").out)["n_test"] == 6


def test_mistakes(mistake, vae, classes, shelf):
    words = ("probe", vae, "--data", classes)
    assert "'many' is neither" in mistake(*words, "--labels", "4,many")
    assert "--holdout is for another data set" in mistake(*words, "--holdout", "5")
    assert "at most 40" in mistake(*words, "--labels", "60")
    assert "has no classes to tell apart" in mistake("probe", vae, "--data", classes / "down")
    assert "encodes by optimisation" in mistake("probe", shelf / "dcgan-celeba", "--data", classes)

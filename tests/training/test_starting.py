"""Training that starts from the weights of a release."""

import pytest
import torch

import zoo
from tests.training.conftest import SMALL, interrupted
from zoo.errors import ConfigError, TrainingError
from zoo.releases.cards import Card
from zoo.training import release


@pytest.mark.parametrize("name", ["dcgan", "first"])
def test_training_starts_from_a_release_on_data_of_ones_own(pictures, tmp_path, name):
    first = release.train("dcgan", data=pictures, out=tmp_path / "first", changes=SMALL | {"storage": "float32"})
    card = Card.read(first)
    card = card.replace(training={**card.training, "dataset": "celeba"})
    Card(first, card.front | {"license": "other", "license_name": "mine"}, card.body).write()
    still = {"start": str(first), "objective.learning_rate": 0.0, "storage": "float32", "steps": 1, "batch_size": 4}
    changes = still | {"ema": 0.0, "objective.width": 4}
    out = release.train(
        str(first) if name == "first" else name, data=pictures, out=tmp_path / "second", changes=changes
    )
    before, after = dict(zoo.load(first).named_parameters()), dict(zoo.load(out).named_parameters())
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    card = Card.read(out)
    assert (card.front["license"], card.front["license_name"], card.dataset) == ("other", "mine", "pictures")
    assert (card.training["start"], card.training["dataset"]) == (str(first), "image-folder")
    assert f"Training started from the weights of `first` (sha256 `{Card.read(first).weights['sha256']}`)" in card.body


def test_a_run_that_started_from_a_release_is_resumed_bit_for_bit(pictures, tmp_path, monkeypatch):
    first = release.train("dcgan", data=pictures, out=tmp_path / "first", changes=SMALL)
    changes = {"start": str(first), "steps": 3, "batch_size": 4, "objective.width": 4}
    whole = release.train("dcgan", data=pictures, out=tmp_path / "whole", changes=changes)
    interrupted(pictures, tmp_path / "early", monkeypatch, 1, changes)
    early = release.train("dcgan", data=pictures, out=tmp_path / "early", changes=changes, resume=True)
    assert (early / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    with pytest.raises(TrainingError, match=r"other settings \(.*start\)"):
        release.train("dcgan", data=pictures, out=early, changes=SMALL | {"steps": 3}, resume=True)


def test_weights_that_do_not_fit_are_refused(pictures, tmp_path):
    first = release.train("dcgan", data=pictures, out=tmp_path / "first", changes=SMALL)
    with pytest.raises(
        ConfigError, match=r"first is a dcgan, and a vae is to be trained\. Start from a release of vae"
    ):
        release.train("vae", data=pictures, out=tmp_path / "r", changes={"start": str(first)})
    with pytest.raises(ConfigError, match=r"the weights of .*first do not fit: generator\..* differ in shape"):
        release.train(
            "dcgan", data=pictures, out=tmp_path / "r", changes={"start": str(first), **SMALL, "config.width": 3}
        )
    assert not (tmp_path / "r").exists()


def test_a_recipe_that_starts_anew_says_nothing_of_it(pictures, tmp_path):
    assert "start" not in Card.read(release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)).training

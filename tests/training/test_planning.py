"""What is to be trained and its card: settings that are misplaced."""

import re
from pathlib import Path

import pytest
from PIL import Image

import zoo
from tests.training.conftest import PAINTER, SMALL
from zoo.errors import ConfigError, DataError
from zoo.training import planning, release


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("learning_rate", "Did you mean objective.learning_rate?"),
        ("objective.lr", "Did you mean objective.learning_rate?"),
        ("epochs", "Did you mean steps?"),
        ("config.steps", "Did you mean steps?"),
        ("latnt_dim", "Did you mean config.latent_dim?"),
        ("widht", "Did you mean objective.width or config.width?"),
        ("width", r"Did you mean objective.width or config.width?"),
    ],
)
def test_a_setting_that_is_elsewhere_or_called_otherwise_is_told(pictures, tmp_path, setting, told):
    with pytest.raises(ConfigError, match=f"there is no setting '{setting}'. {re.escape(told)}"):
        release.train("dcgan", data=pictures, out=tmp_path / "none", changes={setting: 1})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"objective.nonsense": 3}, "the objective of dcgan has no option 'nonsense'"),
        ({"objective.learning_rate": "fast"}, "the objective of dcgan: learning_rate='fast'; expected"),
    ],
)
def test_settings_of_the_objective_are_checked_before_the_data_are_read(tmp_path, changes, told):
    with pytest.raises(ConfigError, match=told):
        release.train("dcgan", data=tmp_path / "nowhere", out=tmp_path / "none", changes=changes)


def test_lr_is_the_learning_rate_of_the_objective(tmp_path):
    card = planning.plan("dcgan", tmp_path / "none", {"lr": 0.5}, None)
    assert card.training["objective"]["learning_rate"] == 0.5
    with pytest.raises(ConfigError, match=r"both lr=0\.5 and objective\.learning_rate=0\.1 came"):
        planning.plan("dcgan", tmp_path / "none", {"lr": 0.5, "objective.learning_rate": 0.1}, None)


@pytest.mark.parametrize("place", ["runs/mine", "./mine", "{}/mine"])
def test_a_fresh_card_says_how_to_load_it(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    out = Path(place.format(tmp_path))
    card = planning.plan("dcgan", out, {}, None)
    out.mkdir(parents=True)
    card.replace(data={**card.zoo["data"], "shape": [3, 64, 64]}).write()
    shown = re.search(r'zoo\.load\("(.*?)"\)', card.body)[1]
    assert zoo.info(shown).folder.resolve() == out.resolve()


def test_conditional_model_needs_labels(pictures, tmp_path):
    changes = SMALL | {"config.channels": 3}
    with pytest.raises(DataError, match="one subfolder for each class"):
        release.train("cgan", data=pictures, out=tmp_path / "r", changes=changes)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("names", [("Cat", "cat"), ("café", "cafe\u0301"), ("dog", "dog ")])
def test_names_of_classes_that_are_alike_are_refused(tmp_path, names):
    for name in names:
        (tmp_path / "pets" / name).mkdir(parents=True, exist_ok=True)
        for i in range(4):
            Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / "pets" / name / f"{i}.png")
    if len(list((tmp_path / "pets").iterdir())) < 2:
        pytest.skip("the file system does not tell these names apart")
    for name in ("cgan", "dcgan"):
        with pytest.raises(DataError, match=r"the classes '.*' and '.*' of pets differ in case, in how letters"):
            release.train(name, data=tmp_path / "pets", out=tmp_path / "r", changes=SMALL)


def test_a_model_conditioned_on_a_text_needs_captions(pictures, tmp_path):
    with pytest.raises(DataError, match=r"stackgan is conditioned on a text, but pictures has no captions\. Choose"):
        release.train("stackgan", data=pictures, out=tmp_path / "r", changes=PAINTER | {"dataset": "image-folder"})
    with pytest.raises(DataError, match=r"has neither captions\.csv nor captions\.jsonl"):
        release.train("stackgan", data=pictures, out=tmp_path / "r", changes=PAINTER)
    assert not (tmp_path / "r").exists()

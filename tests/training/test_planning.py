"""What is to be trained and its card: settings that are misplaced, what a name means, cards that await weights."""

import re
from pathlib import Path

import pytest
from PIL import Image

import zoo
from tests.training.conftest import PAINTER, SMALL
from zoo.errors import ConfigError, DataError, TrainingError
from zoo.releases.cards import Card
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


@pytest.fixture
def bare(tmp_path, front, install_plugin):
    """The folder of the registered release tiny-made-up, which is a card and no more."""
    folder = tmp_path / "checkout" / "tiny-made-up"
    folder.mkdir(parents=True)
    recipe = {"dataset": "image-folder", "steps": 2, "batch_size": 4, "objective": {"width": 4}}
    front["zoo"]["training"] = recipe
    Card(folder, front, "# Tiny\n").write()
    install_plugin(
        "tiny", f"import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): register({str(folder.parent)!r})"
    )
    return folder


def test_a_card_without_weights_is_made_a_release_where_it_is(bare, pictures):
    assert planning.awaited("tiny-made-up") == bare
    assert release.train("tiny-made-up", data=pictures, out=bare) == bare
    assert zoo.load("tiny-made-up").generate(1, seed=0).shape == (1, 3, 8, 8)
    card = Card.read(bare)
    assert card.weights["bytes"] == (bare / "model.safetensors").stat().st_size
    assert (card.license, card.body) == ("apache-2.0", "# Tiny\n")
    # Now it is a release like any other, which is not overwritten.
    assert planning.awaited("tiny-made-up") is None
    before = (bare / "model.safetensors").read_bytes()
    with pytest.raises(TrainingError, match=r"already holds README\.md, model\.safetensors"):
        release.train("tiny-made-up", data=pictures, out=bare, changes={"seed": 1})
    assert (bare / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "spelling", [str, lambda folder: folder, lambda folder: f"{folder.parent}/../checkout/tiny-made-up"]
)
def test_the_card_may_be_named_by_its_path(bare, spelling):
    assert planning.awaited(spelling(bare)).resolve() == bare.resolve()


def test_a_run_that_broke_off_there_can_be_resumed(bare, pictures, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(release, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            release.train("tiny-made-up", data=pictures, out=bare)
    assert planning.awaited("tiny-made-up") == bare
    with pytest.raises(TrainingError, match=r"already holds README\.md, run\. Go on with that run \(--resume\)"):
        release.train("tiny-made-up", data=pictures, out=bare)
    release.train("tiny-made-up", data=pictures, out=bare, resume=True)
    assert (bare / "model.safetensors").is_file()


def test_only_the_card_of_that_very_release_is_filled(bare, pictures):
    for name in ("dcgan", "dcgan-celeba"):
        with pytest.raises(TrainingError, match=r"already holds README\.md\."):
            release.train(name, data=pictures, out=bare, changes=SMALL)
    assert [path.name for path in bare.iterdir()] == ["README.md"]


def test_a_card_whose_weights_are_on_the_hub_awaits_none(bare, pictures):
    weights = {"repo": "org/tiny", "revision": "0" * 40, "sha256": "0" * 64, "bytes": 1}
    Card.read(bare).replace(weights=weights).write()
    assert planning.awaited("tiny-made-up") is None
    with pytest.raises(TrainingError, match=r"already holds README\.md\."):
        release.train("tiny-made-up", data=pictures, out=bare)


def test_what_is_installed_for_good_is_not_trained_in_place(bare, install_plugin, site):
    folder = site / "zoo_solid" / "tiny-solid"
    folder.mkdir(parents=True)
    (folder / "README.md").write_bytes((bare / "README.md").read_bytes())
    install_plugin(
        "solid", f"import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): register({str(folder.parent)!r})"
    )
    assert planning.awaited("tiny-solid") is None


def test_an_architecture_is_itself_and_not_its_default_release(bare, install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_architectures(register):
            options = {"family": "gans", "capabilities": ["generate", "encode", "decode"], "default": "tiny-made-up"}
            register("mine", "zoo.models.gans.dcgan:DCGAN", **options)
    """
    install_plugin("ours", source)
    assert zoo.info("mine").card.folder == bare
    for name in ("mine", "ours:mine"):
        assert planning.awaited(name) is None
        card = planning.plan(name, bare.parent / "new", {}, None)
        assert (card.architecture, card.license) == ("ours:mine", "unknown")


def test_a_model_conditioned_on_a_text_needs_captions(pictures, tmp_path):
    with pytest.raises(DataError, match=r"stackgan is conditioned on a text, but pictures has no captions\. Choose"):
        release.train("stackgan", data=pictures, out=tmp_path / "r", changes=PAINTER | {"dataset": "image-folder"})
    with pytest.raises(DataError, match=r"has neither captions\.csv nor captions\.jsonl"):
        release.train("stackgan", data=pictures, out=tmp_path / "r", changes=PAINTER)
    assert not (tmp_path / "r").exists()

"""What is refused before torch is imported for it: places of runs, cards that await weights, names, data."""

import pytest

import zoo
from tests.training.conftest import SMALL
from zoo.errors import TrainingError
from zoo.releases.cards import Card
from zoo.training import places, planning, release


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
    assert places.awaited("tiny-made-up") == bare
    assert release.train("tiny-made-up", data=pictures, out=bare) == bare
    assert zoo.load("tiny-made-up").generate(1, seed=0).shape == (1, 3, 8, 8)
    card = Card.read(bare)
    assert card.weights["bytes"] == (bare / "model.safetensors").stat().st_size
    assert (card.license, card.body) == ("apache-2.0", "# Tiny\n")
    # Now it is a release like any other, which is not overwritten.
    assert places.awaited("tiny-made-up") is None
    before = (bare / "model.safetensors").read_bytes()
    with pytest.raises(TrainingError, match=r"already holds README\.md, model\.safetensors"):
        release.train("tiny-made-up", data=pictures, out=bare, changes={"seed": 1})
    assert (bare / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "spelling", [str, lambda folder: folder, lambda folder: f"{folder.parent}/../checkout/tiny-made-up"]
)
def test_the_card_may_be_named_by_its_path(bare, spelling):
    assert places.awaited(spelling(bare)).resolve() == bare.resolve()


def test_a_run_that_broke_off_there_can_be_resumed(bare, pictures, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(release, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            release.train("tiny-made-up", data=pictures, out=bare)
    assert places.awaited("tiny-made-up") == bare
    with pytest.raises(TrainingError, match=r"already holds README\.md, run\. Go on with that run \(--resume\)"):
        release.train("tiny-made-up", data=pictures, out=bare)
    release.train("tiny-made-up", data=pictures, out=bare, resume=True)
    assert (bare / "model.safetensors").is_file()


def test_a_place_that_may_not_be_written_to_is_told_before_data_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(TrainingError, match=r"mine cannot be made: the folder .* may not be written to\. Choose an"):
        places.check("dcgan", tmp_path, tmp_path / "mine", {})


def test_a_card_need_not_name_what_is_read_by_default(bare, tmp_path):
    card = Card.read(bare)
    card.replace(training={key: value for key, value in card.training.items() if key != "dataset"}).write()
    places.check("tiny-made-up", None, tmp_path / "r", {})


def test_only_the_card_of_that_very_release_is_filled(bare, pictures):
    for name in ("dcgan", "dcgan-celeba"):
        with pytest.raises(TrainingError, match=r"already holds README\.md\."):
            release.train(name, data=pictures, out=bare, changes=SMALL)
    assert [path.name for path in bare.iterdir()] == ["README.md"]


def test_a_card_whose_weights_are_on_the_hub_awaits_none(bare, pictures):
    weights = {"repo": "org/tiny", "revision": "0" * 40, "sha256": "0" * 64, "bytes": 1}
    Card.read(bare).replace(weights=weights).write()
    assert places.awaited("tiny-made-up") is None
    with pytest.raises(TrainingError, match=r"already holds README\.md\."):
        release.train("tiny-made-up", data=pictures, out=bare)


def test_what_is_installed_for_good_is_not_trained_in_place(bare, install_plugin, site):
    folder = site / "zoo_solid" / "tiny-solid"
    folder.mkdir(parents=True)
    (folder / "README.md").write_bytes((bare / "README.md").read_bytes())
    install_plugin(
        "solid", f"import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): register({str(folder.parent)!r})"
    )
    assert places.awaited("tiny-solid") is None


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
        assert places.awaited(name) is None
        card = planning.plan(name, bare.parent / "new", {}, None)
        assert (card.architecture, card.license) == ("ours:mine", "unknown")


REFUSED = {
    "'dcgan', 'nowhere'": "nowhere is not there. Pass as data the folder or file of the data.",
    "'dcgan', 'empty'": "the folder empty holds no files. Pass as data the folder of the data.",
    "'vae-mnist'": "mnist is read from a folder. Pass as data that folder.",
    "'dcgan', 'mine', latnt_dim=3": "there is no setting 'latnt_dim'. Did you mean config.latent_dim?",
    "'dcgan', 'mine', epoch=3": "there is no setting 'epoch'. Did you mean steps?",
    "'dcgan', 'mine', steps='many'": "recipe: steps='many'; expected a whole number of at least 1.",
    "'dcgan', 'mine', 'mine'": "mine holds notes.txt, of which nothing is a release.",
    "'dcgan', 'mine', 'mine/notes.txt'": "mine/notes.txt cannot be made: mine/notes.txt is no folder.",
    "'dcgan', 'mine', 'r', log='wandb'": "no logger is called 'wandb'. Known: csv, tensorboard.",
    "'flow-2d', dataset='two-moon'": "no data set is called 'two-moon'. Did you mean 'two-moons'",
    "'flow-2d', 'two-moon'": "two-moon is not there. If the data set two-moons is meant, pass ",
    "'dcgan', 'mine', start='dcgan-celebb'": "no release or architecture is called 'dcgan-celebb'.",
}


def test_what_is_refused_without_torch(python, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    source = f"""
        import sys, zoo
        for call in {list(REFUSED)}:
            try:
                eval(f"zoo.train({{call}})")
            except zoo.errors.ZooError as error:
                print(error)
        print("torch" in sys.modules)
    """
    *said, torch_is_there = python(source).splitlines()
    assert [told for told, line in zip(REFUSED.values(), said, strict=True) if told not in line] == []
    assert torch_is_there == "False"

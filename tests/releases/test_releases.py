"""Names that nothing has, and what they were perhaps meant to be."""

import errno

import pytest

import zoo
from zoo import releases
from zoo.errors import InvalidInput, UnknownName, WeightsError
from zoo.releases.provenance import Provenance


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"family": "gan"}, "no family is called 'gan'. Did you mean 'gans'"),
        ({"dataset": "mnst"}, "no dataset is called 'mnst'. Did you mean 'mnist'"),
        ({"license": "mitt"}, "no license is called 'mitt'."),
        ({"capability": "draw"}, "no capability is called 'draw'."),
        ({"condition": "labels"}, "no condition is called 'labels'."),
    ],
)
def test_a_filter_that_nothing_could_pass_names_the_nearest(filters, words):
    with pytest.raises(InvalidInput) as caught:
        zoo.list_models(**filters)
    assert str(caught.value).startswith(words)


def test_a_release_that_cannot_be_put_back_is_left_out_of_lists_and_told(monkeypatch):
    def fail(folder, names):
        if folder.name == "dcgan-celeba":
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")

    monkeypatch.setattr(releases, "restore", fail)
    assert "dcgan-celeba" not in (found := zoo.list_models())
    assert "vae-fashion-mnist" in found
    with pytest.raises(WeightsError, match="cannot be put back: Not a directory"):
        releases.find("dcgan-celeba")


def test_filters_that_nothing_passes_together_give_nothing():
    assert zoo.list_models(family="translation", capability="log_prob") == []
    assert zoo.list_models("nothing-*") == []


def test_a_capability_is_asked_for_before_any_card_is_read(monkeypatch):
    monkeypatch.setattr(releases, "_readable", None)
    with pytest.raises(InvalidInput):
        zoo.list_models(capability="draw")


@pytest.mark.parametrize(("name", "kind"), [("c1", "folder"), ("photo.jpg", "file")])
def test_a_path_that_lacks_its_point(tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c1").mkdir()
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(UnknownName, match=f"A {kind} here is: a path begins with a point, './{name}'"):
        zoo.load(name)


def test_a_release_is_loaded_and_not_created():
    with pytest.raises(UnknownName, match=r"It is a release: zoo\.load\('dcgan-celeba'\) gives its model"):
        zoo.create("dcgan-celeba")


@pytest.mark.parametrize(
    ("name", "capability", "first"),
    [
        ("vae-mnist", "translate", "denoising-autoencoder-mnist"),  # of its data set, and of its family
        ("dcgan-celeba", "log_prob", "glow-celeba"),  # of its data set
        ("gan-mnist", "classify", "infogan-mnist"),
        ("maf-mnist", "log_prob", "glow-mnist"),  # of its data set and family, before the VAE
    ],
)
def test_releases_with_a_capability_begin_with_the_nearest(name, capability, first):
    release = releases.find(name)
    near = Provenance(release.architecture.qualified, {}, dataset=release.card.dataset)
    assert releases.releases_with(capability, near)[0] == first

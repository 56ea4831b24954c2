"""`zoo download`, and the commands that take an address on the Hub for a name."""

import shutil

import pytest

import zoo
from zoo import registry, releases
from zoo.releases import networks
from zoo.releases.cards import Card


@pytest.fixture
def sha(hub, publishable):
    """The commit of a whole release in org/tiny."""
    return hub.repo("org/tiny", publishable)


@pytest.fixture
def slim(sha, publishable, run, monkeypatch):
    """The shelf of a package without weights: one release, pinned in org/tiny."""
    card = Card.read(publishable)
    shelf = publishable.parent / "slim"
    Card(shelf / publishable.name, card.front, card.body).folder.mkdir(parents=True)
    pinned = card.replace(weights={**card.weights, "repo": "org/tiny", "revision": sha})
    Card(shelf / publishable.name, pinned.front, pinned.body).write()
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: shelf)
    registry.registry.cache_clear()
    return shelf / publishable.name


def test_the_cache_is_filled_and_then_nothing_is_asked(run, hub, slim, monkeypatch):
    said = run("download", "tiny-made-up")
    assert said.status == 0, said
    assert said.out.startswith("tiny-made-up: 4 files, ")
    assert "verified, in " + str(hub.cache) in said.out
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    first, second = run("download", "--all").out.splitlines(keepends=True)
    assert first == said.out
    assert second == f"feature networks: 2 files, 3.0 MB, verified, in {networks.FOLDER}\n"
    assert zoo.load("tiny-made-up").provenance.repo == "org/tiny"
    assert len(hub.requests) == asked


def test_a_folder_to_be_carried_elsewhere(run, hub, slim, sha, publishable, tmp_path):
    said = run("download", "tiny-made-up", "--to", tmp_path / "stick")
    assert (said.status, said.out) == (0, f"tiny-made-up: verified, in {tmp_path / 'stick' / 'tiny-made-up'}\n")
    copy = tmp_path / "stick" / "tiny-made-up"
    assert sorted(path.name for path in copy.iterdir()) == sorted(path.name for path in publishable.iterdir())
    assert sorted(path.name for path in copy.parent.iterdir()) == ["tiny-made-up"]
    assert not any(path.is_symlink() for path in copy.iterdir())
    model = zoo.load(copy, offline=True)
    assert model.provenance.source.startswith("beside the card")
    assert (model.provenance.repo, model.provenance.revision) == ("org/tiny", sha)
    assert (model.generate(1, seed=0) == zoo.load(publishable).generate(1, seed=0)).all()
    assert run("verify", copy).out.startswith("ok ")


def test_a_good_copy_is_kept_and_a_damaged_one_replaced(run, hub, slim, tmp_path):
    folder = tmp_path / "stick" / "tiny-made-up"
    run("download", "tiny-made-up", "--to", folder.parent)
    before = (folder / "model.safetensors").stat()
    assert "kept as it was" in run("download", "tiny-made-up", "--to", folder.parent).out
    assert (folder / "model.safetensors").stat() == before
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-9])
    again = run("download", "tiny-made-up", "--to", folder.parent)
    assert "kept as it was" not in again.out
    assert (folder / "model.safetensors").read_bytes() == content


def test_what_is_in_the_way_is_not_overwritten(mistake, slim, tmp_path):
    (tmp_path / "stick" / "tiny-made-up").mkdir(parents=True)
    (tmp_path / "stick" / "tiny-made-up" / "thesis.txt").write_text("all of it")
    assert "no copy of tiny-made-up" in mistake("download", "tiny-made-up", "--to", tmp_path / "stick")
    assert len(list((tmp_path / "stick" / "tiny-made-up").iterdir())) == 1


def test_another_release_in_the_way_is_not_overwritten(run, mistake, hub, sha, publishable, tmp_path):
    folder = tmp_path / "stick" / "tiny"
    hub.repo("other/tiny", publishable)
    card = Card.read(publishable)
    hub.commit("other/tiny", {"README.md": card.render().replace("# Tiny", "# Other").encode()})
    own = card.replace(training={**card.training, "steps": 8})
    folder.parent.mkdir()
    shutil.copytree(publishable, folder)
    Card(folder, own.front, own.body).write()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in (f"hf:org/tiny@{sha}", "hf:other/tiny"):
        assert "no copy of " + name in mistake("download", name, "--to", folder.parent)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_newer_revision_of_the_same_repository_replaces_the_older(run, hub, sha, publishable, tmp_path):
    card = Card.read(publishable)
    card = card.replace(weights={**card.weights, "repo": "org/tiny"})
    first = hub.commit("org/tiny", {"README.md": card.render().encode()})
    changed = card.replace(training={**card.training, "steps": 8})
    second = hub.commit("org/tiny", {"README.md": changed.render().encode()})
    for commit in (first, second):
        assert run("download", f"hf:org/tiny@{commit}", "--to", tmp_path / "stick").status == 0
    assert Card.read(tmp_path / "stick" / "tiny").training["steps"] == 8


def test_a_copy_that_was_broken_off_is_made_whole(run, slim, tmp_path):
    folder = tmp_path / "stick" / "tiny-made-up"
    run("download", "tiny-made-up", "--to", folder.parent)
    (folder / "README.md").unlink()  # it comes last
    assert run("download", "tiny-made-up", "--to", folder.parent).status == 0
    assert zoo.load(folder, offline=True)


def test_a_download_that_fails_leaves_nothing_in_the_folder(mistake, hub, slim, tmp_path):
    hub.fault("GET", "store/*", body=b"<html>")
    assert "Try again" in mistake("download", "tiny-made-up", "--to", tmp_path / "stick").splitlines()[-1]
    assert not (tmp_path / "stick").exists()


def test_releases_with_weights_beside_the_card_are_copied_without_the_hub(run, tmp_path):
    said = run("download", "--all", "--to", tmp_path / "stick")
    assert said.status == 0, said
    assert len(said.out.splitlines()) == len(releases.list_releases())
    assert zoo.load(tmp_path / "stick" / "vae-fashion-mnist").provenance.release == "vae-fashion-mnist"


def test_by_address(run, hub, sha, tmp_path, caplog):
    said = run("download", "hf:org/tiny", "--to", tmp_path / "stick")
    assert said.out == f"hf:org/tiny@{sha}: verified, in {tmp_path / 'stick' / 'tiny'}\n"
    assert f"is commit {sha}" in caplog.text
    assert zoo.load(tmp_path / "stick" / "tiny").provenance.revision is None  # of whatever commit it was taken


@pytest.mark.parametrize(("absent", "count"), [(["samples.png"], 3), (["samples.png", "golden.safetensors"], 2)])
def test_what_a_repository_lacks_is_not_needed(run, hub, sha, absent, count):
    commit = hub.commit("org/tiny", {}, deleted=absent)
    assert run("download", f"hf:org/tiny@{commit}").out.startswith(f"hf:org/tiny@{commit}: {count} files, ")


def test_golden_tensors_that_are_a_page(mistake, hub, sha):
    commit = hub.commit("org/tiny", {"golden.safetensors": b"<html></html>"})
    said = mistake("download", f"hf:org/tiny@{commit}")
    assert "golden.safetensors is a web page" in said
    assert "set aside as" in said


@pytest.mark.parametrize("words", [(), ("dcgan-celeba", "--all")])
def test_say_which(mistake, words):
    assert "say which: name them, or pass --all" in mistake("download", *words)


def test_offline_and_not_there(mistake, hub, slim, monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    said = mistake("download", "tiny-made-up")
    assert str(slim) in said
    assert "Where there is network, run: zoo download tiny-made-up" in said
    assert hub.requests == []


# Addresses for names -------------------------------------------------------------------------------------------------


def test_generate_names_its_picture_after_the_repository(run, hub, sha):
    said = run("generate", "hf:org/tiny@main", "--count", "2", "--seed", "0")
    assert said.status == 0, said
    assert said.out.startswith("Wrote tiny-seed0-2.png ")


def test_info_verify_and_check(run, hub, sha):
    name = f"hf:org/tiny@{sha}"
    assert run("info", name).out.startswith("name          " + name)
    verified = run("verify", name)
    assert verified.out.startswith(f"ok      {name}: sha256 "), verified  # with the golden tensors of the repository
    resolved = len(hub.asked("GET", "hub/api/models/*"))
    assert run("check", "hf:org/tiny").status == 0
    assert len(hub.asked("GET", "hub/api/models/*")) == resolved + 1  # asked once, not for the card and the weights


def test_numbers_are_not_written_to_the_card_in_the_cache(mistake, hub, sha, tmp_path):
    said = mistake("evaluate", f"hf:org/tiny@{sha}", "--data", tmp_path, "--write")
    assert "Copy it first: zoo download" in said


def test_what_is_no_address(mistake):
    for name in ("hf:tiny", "hf:org/tiny@", "hf:org/tiny@..", "hf:org/tiny@../../notes", "hf:org/tiny@a b"):
        assert "expected 'hf:org/repo'" in mistake("generate", name)


@pytest.mark.parametrize("name", ["https://huggingface.co/org/tiny", "HF:org/tiny"])
def test_what_was_pasted_is_nearly_an_address(mistake, name):
    assert "Did you mean the Hub's 'hf:org/tiny'?" in mistake("download", name)


def test_what_has_too_many_parts_is_told_how_an_address_looks(mistake):
    assert "it is hf:org/repo@revision" in mistake("download", "https://huggingface.co/org/tiny/tree/main")

"""Links in the Hub's cache that lead elsewhere: nothing there is written, renamed or removed."""

import contextlib
import os
import shutil

import pytest

import zoo
from zoo.errors import ChecksumMismatch, NotSafetensors, TruncatedWeights, WeightsError
from zoo.hub import repository
from zoo.hub.address import Address
from zoo.releases import cached


@pytest.fixture
def theirs(tmp_path):
    """A folder of somebody's, with a file; it is as it was when the test ends."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "thesis.txt").write_bytes(b"years of work")
    yield folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"thesis.txt": b"years of work"}


@pytest.fixture
def own(hub):
    """The folder of org/tiny in the cache."""
    return hub.cache / "models--org--tiny"


def link(path, target):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def weights_of(own):
    (path,) = own.glob("snapshots/*/model.safetensors")
    return path


@pytest.mark.parametrize("by", ["snapshot", "blob", "relative"])
def test_a_bad_file_that_lies_elsewhere_is_left_as_it_is(by, hub, slim, own, theirs, refused):
    zoo.load(slim)
    path, target = weights_of(own), theirs / "thesis.txt"
    where = path.parent.resolve() / os.readlink(path) if by == "blob" else path
    link(where, os.path.relpath(target, where.parent) if by == "relative" else target)
    said = refused(slim, NotSafetensors, f"It was left as it is, at {target}, and the link to it was removed")
    assert "the next call downloads it again" in said
    assert list(own.rglob("*.rejected")) == []
    assert zoo.load(slim)


def test_a_bad_file_of_a_commit_that_lies_elsewhere_stays_where_it_is(hub, slim, own, tmp_path, refused):
    zoo.load(slim)
    commit = weights_of(own).parent
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "model.safetensors").write_bytes(b"notes")
    shutil.rmtree(commit)
    commit.symlink_to(elsewhere)
    refused(slim, TruncatedWeights, f"It lies in {elsewhere} and was left as it is: remove {commit}.")
    assert [path.name for path in elsewhere.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("part", ["blobs", "snapshots", "snapshots/{sha}", ".no_exist", ".no_exist/{sha}", "refs"])
def test_nothing_is_downloaded_to_elsewhere(part, hub, slim, sha, own, theirs, refused):
    link(own / part.format(sha=sha), theirs)
    name = "hf:org/tiny" if part == "refs" else slim
    said = refused(name, WeightsError, f"leads out of {own}, to {theirs}", "where nothing is written")
    assert "Remove the link, or set HF_HUB_CACHE" in said
    assert hub.asked("GET", "store/*") == []


def test_a_repository_whose_folder_is_a_link_as_a_whole_is_where_that_leads(hub, slim, own, tmp_path, refused):
    (tmp_path / "large-disk").mkdir()
    link(own, tmp_path / "large-disk")
    assert zoo.load(slim)
    path = weights_of(own)
    content = path.read_bytes()
    path.resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused(slim, ChecksumMismatch, "set aside as")
    assert zoo.load(slim)


@pytest.mark.parametrize("whole", [False, True])
def test_what_a_link_leads_to_is_not_removed_with_it(whole, hub, sha, release, own, theirs, pin):
    newer = hub.commit("org/tiny", {"LICENSE": b"free"})
    for commit in (sha, newer):
        zoo.load(f"hf:org/tiny@{commit}")
    link(own / "snapshots" / sha / "model.safetensors", theirs / "thesis.txt")
    entries = [entry for entry in cached.contents().entries if whole or entry.address.revision == sha]
    cached.remove(entries)
    assert not (own / "snapshots" / sha).exists()
    assert (own / "snapshots" / newer).exists() == (not whole)


@pytest.mark.parametrize("part", ["blobs", "snapshots", "refs"])
def test_nothing_of_a_folder_elsewhere_is_removed(part, hub, sha, own, tmp_path):
    newer = hub.commit("org/tiny", {"LICENSE": b"free"})
    for revision in (sha, "main"):
        zoo.load(f"hf:org/tiny@{revision}")
    (own / "blobs" / "0123.incomplete").write_bytes(b"half")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(own / part, elsewhere)
    (own / part).symlink_to(elsewhere)
    before = set(elsewhere.rglob("*"))
    cached.remove(entry for entry in cached.contents().entries if entry.address.revision == newer)
    assert set(elsewhere.rglob("*")) == before


def test_links_are_followed_as_far_as_they_stay_inside(tmp_path):
    folder = tmp_path / "models--org--tiny"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(b"")
    (folder / "file").write_bytes(b"")
    (folder / "a" / "inside").symlink_to("../file")
    (folder / "a" / "leaving").symlink_to("../through")
    (folder / "through").symlink_to("../outside")
    (folder / "a" / "round").symlink_to("round")
    assert repository.last_link(folder, folder / "a" / "inside") == folder / "file"
    assert repository.last_link(folder, folder / "a" / "leaving") == folder / "through"
    assert repository.last_link(folder, folder / "a" / "round") == folder / "a" / "round"
    assert repository.last_link(folder, tmp_path / "outside") is None
    assert not repository.holds(folder, folder / "a" / "round" / "x")
    repository.check(Address("org/tiny", "main"), "model.safetensors")


@pytest.mark.parametrize("part", ["blobs", "snapshots", "refs"])
def test_links_in_a_circle_are_said_before_anything_is_asked_for(part, hub, slim, sha, own, refused):
    link(own / part, part)
    name = "hf:org/tiny" if part == "refs" else slim
    refused(name, WeightsError, f"{own / part}", "leads in a circle, where nothing is written")
    assert hub.asked("GET", "store/*") == []


def test_a_file_that_is_a_link_in_a_circle_is_said_or_left_out(hub, slim, sha, own):
    zoo.load(slim)
    path = own / "snapshots" / sha / "model.safetensors"
    path.unlink()
    path.symlink_to(path.name)
    with contextlib.suppress(WeightsError):  # older huggingface_hub, until Python 3.12
        assert cached.contents().entries == []

"""Releases in the Hub's cache, and nothing else that is there."""

import shutil

import pytest
from huggingface_hub import hf_hub_download

from zoo import releases
from zoo.errors import ChecksumMismatch, UnknownName
from zoo.releases import cached, files
from zoo.releases.cards import WEIGHTS


@pytest.fixture
def commits(hub, release):
    """Two commits of org/tiny, the later one on main; a model of somebody else is in the cache too."""
    first = hub.repo("org/tiny", release)
    second = hub.commit("org/tiny", {"LICENSE": b"free"})
    for name in (f"hf:org/tiny@{first}", "hf:org/tiny@main"):
        files.verified_weights(releases.find(name))
    foreign = hub.repo("org/foreign", {"README.md": b"---\nlicense: mit\n---\n", "config.json": b"{}"})
    hf_hub_download("org/foreign", "config.json", revision=foreign)
    return first, second


def test_an_empty_cache_has_nothing(hub):
    assert cached.contents() == cached.Contents([], [], [])
    assert cached.remove([]) == 0
    with pytest.raises(UnknownName, match="It holds no release"):
        cached.named([], ["hf:org/tiny"])


@pytest.mark.parametrize("kind", ["circle", "file"])
def test_a_cache_that_is_no_folder_has_nothing(kind, hub, tmp_path, monkeypatch):
    place = tmp_path / "place"
    place.symlink_to("place") if kind == "circle" else place.write_bytes(b"")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(place))
    assert cached.contents() == cached.Contents([], [], [])


def test_entries_are_commits_of_releases_and_are_meant_by_address_branch_or_beginning(commits):
    first, second = commits
    entries = cached.contents().entries
    refs = {entry.address.revision: entry.refs for entry in entries}
    assert refs == {first: (), second: ("main",)}
    assert {entry.address.repo for entry in entries} == {"org/tiny"}
    meant = lambda name: {entry.address.revision for entry in cached.named(entries, [name])}  # noqa: E731
    assert meant("hf:org/tiny") == {first, second}
    assert meant("hf:org/tiny@main") == {second}
    assert meant(f"hf:org/tiny@{first[:9]}") == {first}
    with pytest.raises(UnknownName, match=r"hf:org/tinny is not in the Hub's cache .*Did you mean 'hf:org/tiny'"):
        meant("hf:org/tinny")


def test_damaged_weights_are_set_aside_and_removed_with_their_commit(commits):
    entries = cached.contents().entries
    path = entries[0].folder / WEIGHTS
    assert all(cached.check(entry) == cached.check(entries[0]) for entry in entries)
    content = path.read_bytes()
    path.resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ChecksumMismatch):
        cached.check(entries[0])
    assert not path.is_file()
    assert len(cached.contents().rejected) == 1
    freed = cached.remove(cached.contents().entries, dry_run=True)
    assert len(cached.contents().entries) == 2
    assert cached.remove(cached.contents().entries) == freed > len(content)
    assert cached.contents() == cached.Contents([], [], [])


def test_a_removal_that_breaks_off_is_finished_the_next_time(commits, monkeypatch):
    root = cached.cache_folder()
    foreign = sorted(root.glob("*foreign/**/*"))

    def interrupted(path, path_type):
        shutil.rmtree(path / "snapshots")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("huggingface_hub.utils._cache_manager._try_delete_path", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached.remove(cached.contents().entries)
    assert len([*root.glob("*/blobs/*")]) > len([*root.glob("*foreign/blobs/*")])
    assert cached.contents() == cached.Contents([], [], [])
    assert [*root.glob("*/blobs/*")] == [*root.glob("*foreign/blobs/*")]
    assert sorted(root.glob("*foreign/**/*")) == foreign

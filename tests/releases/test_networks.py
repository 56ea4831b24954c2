"""The feature networks' weights where the package has none: from the Hub, by the pins on their page."""

import shutil

import pytest

from zoo.errors import CardError, ChecksumMismatch, HubUnreachable, Offline, WeightsNotFound
from zoo.releases import cached, networks


@pytest.fixture
def bare(hub, tmp_path, monkeypatch):
    """The networks' folder as a wheel without weights has it, which pins lab/networks on the Hub; the commit."""
    whole, folder = networks.FOLDER, tmp_path / "networks"
    folder.mkdir()
    shutil.copy(whole / "README.md", folder)
    monkeypatch.setattr(networks, "FOLDER", folder)
    page = networks.page()
    sha = hub.repo("lab/networks", {name: (whole / name).read_bytes() for name in page.hashes})
    page.replace(weights={**page.weights, "repo": "lab/networks", "revision": sha}).write()
    return sha


def test_they_are_downloaded_once_and_verified(bare, hub):
    path, sha256 = networks.find("grey28")
    assert sha256 == networks.page().hashes["grey28.safetensors"]
    assert path.is_relative_to(hub.cache)
    asked = len(hub.requests)
    assert networks.find("grey28", offline=True) == (path, sha256)
    assert len(hub.requests) == asked


def test_others_are_refused_and_downloaded_again(bare, hub):
    content = hub.repos["lab/networks"].commits[-1].files["grey28.safetensors"].content
    hub.fault("GET", "store/*", body=content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ChecksumMismatch, match="the next call downloads it again"):
        networks.find("grey28")
    assert networks.find("grey28")[1] == networks.page().hashes["grey28.safetensors"]


def test_offline_the_command_is_named(bare, hub):
    with pytest.raises(Offline, match="Where there is network, run: zoo download --all"):
        networks.find("grey28", offline=True)
    assert hub.requests == []


def test_where_the_hub_is_not_there(bare, hub):
    hub.fault("*", "hub/*", times=99, status=503)
    with pytest.raises(HubUnreachable, match="feature network grey28"):
        networks.find("grey28")


def test_before_they_are_published_nothing_is_asked(bare, hub):
    page = networks.page()
    page.replace(weights={**page.weights, "revision": None}).write()
    with pytest.raises(WeightsNotFound, match="Reinstall zoo"):
        networks.find("grey28")
    assert hub.requests == []


def test_a_page_without_hashes_is_no_page(bare):
    page = networks.page()
    with pytest.raises(CardError, match=r"zoo\.weights lacks 'sha256'"):
        page.replace(weights={"repo": None}).validate()


def test_the_cache_knows_them(bare, hub):
    path, _ = networks.find("colour64")
    (entry,) = cached.contents().entries
    assert (entry.address.repo, entry.address.revision) == ("lab/networks", bare)
    assert cached.check(entry) == networks.page().hashes["colour64.safetensors"]
    path.resolve().write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ChecksumMismatch, match="set aside"):
        cached.check(entry)
    assert cached.remove(cached.contents().entries) > 0
    assert cached.contents().entries == []

"""Addresses on the Hub, read and written, and whether it may be asked."""

import pytest

from zoo.errors import InvalidInput
from zoo.hub.address import Address, is_offline

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("name", "repo", "revision"),
    [
        ("hf:org/repo", "org/repo", None),
        ("org/repo", "org/repo", None),
        ("hf:Some-Org_1/re.po@main", "Some-Org_1/re.po", "main"),
        ("hf:org/repo@refs/pr/1", "org/repo", "refs/pr/1"),
        ("hf:org/repo@v1.0+cpu", "org/repo", "v1.0+cpu"),
        ("hf:org/repo@a@b", "org/repo", "a@b"),
        (f"hf:org/repo@{COMMIT}", "org/repo", COMMIT),
    ],
)
def test_an_address_is_a_repository_and_perhaps_a_revision(name, repo, revision):
    address = Address.parse(name)
    assert address == Address(repo, revision)
    assert str(address) == (name if name.startswith("hf:") else f"hf:{name}")


@pytest.mark.parametrize(
    "name",
    ["hf:", "hf:repo", "hf:org/", "hf:/repo", "hf:a/b/c", "hf:org/repo x", "hf:../up", "hf:örg/repo", "hf:org/repo\n"]
    + [f"hf:org/repo@{revision}" for revision in ("", "/main", "main/", "a//b", "a..b", "../up", "-x", "a b", "a\n")],
)
def test_what_is_no_address(name):
    with pytest.raises(InvalidInput) as caught:
        Address.parse(name)
    assert str(caught.value) == (
        f"{name!r} is no address on the Hub; expected 'hf:org/repo' or 'hf:org/repo@revision'."
    )


@pytest.mark.parametrize(
    ("revision", "pinned"),
    [(COMMIT, True), *((each, False) for each in (None, "main", COMMIT[:39], COMMIT + "0", "g" * 40, COMMIT.upper()))],
)
def test_only_a_whole_commit_hash_always_means_the_same_files(revision, pinned):
    assert Address("org/repo", revision).pinned is pinned


@pytest.mark.parametrize(
    ("asked", "zoo", "hub", "offline"),
    [
        (None, None, None, False),
        (None, "1", None, True),
        (None, None, "1", True),
        (None, None, "TRUE", True),
        (None, None, "0", False),
        (None, "0", "1", True),
        (False, "1", "1", False),
        (True, None, None, True),
    ],
)
def test_whether_the_hub_may_be_asked(monkeypatch, asked, zoo, hub, offline):
    for name, value in (("ZOO_OFFLINE", zoo), ("HF_HUB_OFFLINE", hub)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert is_offline(asked) is offline

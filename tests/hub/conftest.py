"""A release whose weights are on the Hub of the tests, and how loading it fails."""

import traceback

import pytest
from safetensors.torch import load_file

import zoo
from zoo.errors import WeightsError
from zoo.releases.cards import Card

SECRET = "hf_member"


@pytest.fixture(scope="session")
def pin():
    """`pin(folder, revision, repo="org/tiny")`: name repository and commit on the card in `folder`."""

    def pin(folder, revision, repo="org/tiny"):
        card = Card.read(folder)
        card.replace(weights={**card.weights, "repo": repo, "revision": revision}).write()

    return pin


@pytest.fixture
def sha(hub, release):
    """The commit of the release in org/tiny."""
    return hub.repo("org/tiny", release)


@pytest.fixture
def slim(release, sha, pin):
    """The release as an installed package would have it that ships cards without weights."""
    pin(release, sha)
    (release / "model.safetensors").rename(release.parent / "original.safetensors")
    return release


@pytest.fixture
def original(slim):
    """The tensors that were published."""
    return load_file(slim.parent / "original.safetensors")


@pytest.fixture(scope="session")
def refused():
    """`refused(name, cls, *words, **options)`: loading `name` raises `cls` whose message has all `words` and tells no
    token; the message."""

    def refused(name, cls, *words, **options):
        with pytest.raises(WeightsError) as caught:
            zoo.load(name, **options)
        message = str(caught.value)
        assert type(caught.value) is cls, message
        for word in words:
            assert word in message
        assert SECRET not in "".join(traceback.format_exception(caught.value))
        return message

    return refused

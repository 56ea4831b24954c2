"""The files of a release: beside its card, or nowhere, and copies of it that are whole."""

import pytest

from zoo import releases
from zoo.errors import InvalidInput, WeightsNotFound
from zoo.releases import files
from zoo.releases.cards import CARD, GOLDEN, WEIGHTS, Card


def test_weights_beside_the_card_are_the_release_s(release, no_sockets):
    no_sockets()
    found = releases.find(str(release))
    assert files.locate(found).path == release / WEIGHTS
    path, where, sha256 = files.verified_weights(found)
    assert (path, sha256) == (release / WEIGHTS, Card.read(release).weights["sha256"])
    assert where == f"beside the card: {release / WEIGHTS}"


def test_a_release_that_is_nowhere_says_how_to_make_it(release, no_sockets):
    no_sockets()
    (release / WEIGHTS).unlink()
    with pytest.raises(WeightsNotFound, match="zoo train tiny-made-up --data DIR"):
        files.locate(releases.find(str(release)))


def test_what_is_not_there_is_left_out(release, publishable):
    found = releases.find(str(publishable))
    assert files.optional_file(found, GOLDEN) == publishable / GOLDEN
    assert files.collect(found).keys() == {CARD, WEIGHTS, GOLDEN, "samples.png"}
    (release / GOLDEN).unlink()
    assert files.optional_file(found, GOLDEN) is None
    assert files.collect(found).keys() == {CARD, WEIGHTS, "samples.png"}


def test_a_copy_is_made_once_and_mended(release, tmp_path):
    found, copy = releases.find(str(release)), tmp_path / "copy"
    assert files.copy_to(found, copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == {
        path.name: path.read_bytes() for path in release.iterdir()
    }
    assert not files.copy_to(found, copy)
    (copy / WEIGHTS).write_bytes((release / WEIGHTS).read_bytes()[:-1] + b"x")
    assert files.copy_to(found, copy)
    assert (copy / WEIGHTS).read_bytes() == (release / WEIGHTS).read_bytes()


def test_nothing_else_is_overwritten(release, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="exists and is no copy of tiny-made-up"):
        files.copy_to(releases.find(str(release)), other)
    assert [path.name for path in other.iterdir()] == ["notes.txt"]

"""The index of outlines: it saves parsing cards, and is never believed over the file."""

import json
import os
import shutil

import pytest
import yaml

import zoo
from zoo._util.home import state_folder
from zoo.errors import CardError
from zoo.releases import index
from zoo.releases.cards import Card
from zoo.releases.index import Index, Outline


@pytest.fixture(autouse=True)
def empty(own_state):
    """There is no index yet."""
    (state_folder() / "cards.json").unlink(missing_ok=True)


@pytest.fixture
def card(tmp_path, front, monkeypatch):
    """A card, noted at once though it is new."""
    monkeypatch.setattr(index, "SETTLED", 0)
    card = Card(tmp_path / "cards" / "echo-x", front, "# Echo\n")
    card.folder.mkdir(parents=True)
    card.write()
    return card


@pytest.fixture
def parsed(monkeypatch):
    """How many cards were parsed, as the length of a list."""
    calls, load = [], yaml.load
    monkeypatch.setattr(yaml, "load", lambda *words: calls.append(words) or load(*words))
    return calls


def noted():
    """The notes about cards."""
    return json.loads((state_folder() / "cards.json").read_text().splitlines()[1])


def forge(notes):
    """Write these as if they had been noted."""
    cards = json.dumps(notes)
    (state_folder() / "cards.json").write_text(f"{json.dumps(index._header(cards))}\n{cards}\n")


def note(card):
    fresh = Index()
    assert fresh.read(card.folder) == Outline.of(card)
    fresh.save()


def test_a_card_is_parsed_once_and_known_by_the_next_process(card, parsed):
    note(card)
    assert Index().read(card.folder) == Outline.of(card)
    assert len(parsed) == 1


def test_a_changed_card_is_read_again(card):
    note(card)
    path, before = card.folder / "README.md", (card.folder / "README.md").stat()
    changed = path.read_text().replace("architecture: dcgan", "architecture: dcgan-2")
    # Of another size, and another file of the same size.
    for rewrite in (lambda: path.write_text(changed), lambda: card.replace(architecture="vae").write()):
        rewrite()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a copy that keeps times
        expected = Outline.of(Card.read(card.folder))
        assert expected != Outline.of(card)
        assert Index().read(card.folder) == expected


def test_a_card_that_was_removed_or_broken_is_told(card):
    note(card)
    (card.folder / "README.md").write_text("no front matter")
    with pytest.raises(CardError, match="no front matter"):
        Index().read(card.folder)
    shutil.rmtree(card.folder)
    with pytest.raises(CardError, match="cannot be read"):
        Index().read(card.folder)


def test_a_young_card_is_not_noted(card, monkeypatch):
    monkeypatch.setattr(index, "SETTLED", 10**15)
    note(card)
    assert not (state_folder() / "cards.json").exists()


def test_all_that_an_outline_holds_is_given_back(card, front, parsed):
    metrics = [{"type": "a", "name": "An “odd” one", "value": 1}, {"type": "b", "name": "b", "value": 2}]
    metrics.append({"type": "bits-per-dimension", "name": "bits", "value": 2.5, "args": {}})
    front["model-index"] = [{"name": "x", "results": [{"metrics": metrics}]}]
    front["license_name"] = 3  # of which the card says nothing
    weights = {"sha256": "0" * 64, "bytes": 9, "repo": "org/name", "revision": "a" * 40}
    Card(card.folder, {**front, "zoo": {**front["zoo"], "weights": weights}}, "").write()
    first, fresh = Outline.of(Card.read(card.folder)), Index()
    assert first.metrics == [["a", "An “odd” one", 1], ["b", "b", 2], ["bits-per-dimension", "bits", 2.5]]
    assert first.license_name == "3"
    assert (first.repo, first.revision, first.bytes) == ("org/name", "a" * 40, 9)
    fresh.read(card.folder)
    fresh.save()
    parsed.clear()
    assert Index().read(card.folder) == first
    assert not parsed


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"zoo": "0.0.0", "fields": [], "cards": {}}', '{"cards": 3}', "[" * 100_000, b"\xff"],
    ids=range(8),
)
def test_a_damaged_index_or_one_of_another_version_is_made_anew(card, content):
    note(card)
    path = state_folder() / "cards.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    note(card)
    assert list(noted()) == [str(card.folder / "README.md")]


@pytest.mark.parametrize("entry", [None, [], [[0, 0, 0, 0], []], "x", [3], {"a": 1}])
def test_a_damaged_note_counts_for_nothing(card, entry):
    note(card)
    forge(dict.fromkeys(noted(), entry))
    note(card)


def test_a_note_of_the_right_file_with_the_wrong_values_counts_for_nothing(card):
    note(card)
    notes = noted()
    for _, values in notes.values():
        values[0] = 3
    forge(notes)
    note(card)


def test_an_index_with_any_byte_changed_counts_for_nothing(card, parsed):
    note(card)
    path = state_folder() / "cards.json"
    content = path.read_bytes()
    for place in range(0, len(content) - 1, 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        parsed.clear()
        assert Index().read(card.folder) == Outline.of(card)
        assert parsed, place


def test_notes_of_others_are_kept_while_their_cards_are_there(card, front):
    other = Card(card.folder.parent / "other-x", front, "")
    other.folder.mkdir()
    other.write()
    note(other)
    note(card)
    assert len(noted()) == 2
    shutil.rmtree(other.folder)
    card.replace(training={"steps": 99}).write()
    note(Card.read(card.folder))
    assert list(noted()) == [str(card.folder / "README.md")]


def test_nothing_new_is_not_written_and_nothing_left_behind(card):
    note(card)
    before = (state_folder() / "cards.json").stat()
    again = Index()
    again.read(card.folder)
    again.save()
    assert (state_folder() / "cards.json").stat().st_ino == before.st_ino
    assert [path.name for path in state_folder().iterdir()] == ["cards.json"]


def test_where_nothing_can_be_written_all_works(card, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "file"))
    note(card)
    note(card)


def test_an_outline_does_not_stand_for_the_card(card, install_plugin):
    hook = "import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): "
    install_plugin("echo", f"{hook}register({str(card.folder.parent)!r})")
    note(card)
    assert "echo-x" in zoo.list_models()
    release = zoo.info("echo-x").release
    assert release.outline == Outline.of(release.card)
    assert release.card == card

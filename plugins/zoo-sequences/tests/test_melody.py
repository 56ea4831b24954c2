from pathlib import Path

import pytest
import torch
from zoo_sequences.melody import Melody, stacked

from zoo.plugin import Noise, errors

SPACE = Melody((3, 4))
KNOWN = Melody((3, 4), "60/24/0 62/12/6")
TUNE = stacked([[(60, 24, 80, 0), (62, 12, 70, 6)]], 3)


def test_melodies_are_read_from_what_is_written(tmp_path):
    batch = SPACE.example(4, Noise(0, 0, 4))
    assert SPACE.write(batch, tmp_path / "a.mid") == f"{tmp_path / 'a.mid'} (4 tunes)"
    assert SPACE.write(batch[:1], tmp_path / "b.mid").endswith("(1 tune)")
    names, read = SPACE.read([tmp_path / "a.mid", tmp_path / "b.mid"])
    assert torch.equal(read, torch.cat([batch, batch[:1]]))
    assert names == [*(f"{tmp_path / 'a.mid'}:{n}" for n in range(1, 5)), str(tmp_path / "b.mid")]
    assert torch.equal(SPACE.coerce(str(tmp_path / "a.mid")), batch)
    assert torch.equal(SPACE.coerce([Path(tmp_path / "b.mid")]), batch[:1])
    with pytest.raises(errors.InvalidInput, match=r"is no file of tunes; expected a name that ends in .mid, .wav"):
        SPACE.write(batch, tmp_path / "a.abc")


@pytest.mark.parametrize("name", ["a.wav", "a.png"])
def test_melodies_are_heard_and_seen_however_far_they_are_padded(tmp_path, name):
    longer = torch.cat([TUNE, torch.zeros(1, 5, 4, dtype=torch.int64)], 1)
    SPACE.write(TUNE, tmp_path / name)
    Melody((8, 4)).write(longer, tmp_path / f"longer-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"longer-{name}").read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        "nowhere",
        [[60, 24, 80, 0]],
        TUNE.float(),
        TUNE[0],
        TUNE[:, :2],
        TUNE[:0],
        TUNE.flip(1),  # what is nothing comes first
        0 * TUNE,
        TUNE + torch.tensor([100, 0, 0, 0]) * (TUNE > 0),
        TUNE * torch.tensor([1, 1, 0, 1]),  # no velocity
        TUNE * torch.tensor([1, -1, 1, 1]),  # no duration
        TUNE - torch.tensor([0, 0, 0, 1]) * (TUNE[:, :, 1:2] == 24),  # before the beginning
        TUNE - torch.tensor([0, 0, 0, 31]) * (TUNE[:, :, 1:2] == 12),  # before the note before
        TUNE + torch.tensor([0, 0, 0, 1]),  # a rest after the last
    ],
)
def test_what_is_no_melody_is_refused(wrong):
    with pytest.raises((errors.InvalidInput, errors.DataError)):
        SPACE.check(SPACE.coerce(wrong))


def test_notes_may_overlap_down_to_the_start_of_the_one_before():
    chord = stacked([[(60, 24, 80, 0), (64, 24, 80, -24), (67, 24, 80, -24)]], 3)
    assert SPACE.check(chord) is chord


def test_known_notes_are_tokens_and_others_are_refused():
    assert KNOWN.tokens(TUNE).tolist() == [[1, 2, 0]]
    assert KNOWN.melodies(KNOWN.tokens(TUNE))[:, :, [0, 1, 3]].tolist() == TUNE[:, :, [0, 1, 3]].tolist()
    assert KNOWN.size == 3
    other = TUNE + torch.tensor([0, 1, 0, 0]) * (TUNE[:, :, :1] == 62)
    assert KNOWN.tokens(other).tolist() == [[1, -1, 0]]
    with pytest.raises(errors.InvalidInput, match="rows of melodies are notes of 2 known ones"):
        KNOWN.check(other)


def test_the_vocabulary_is_that_of_the_data_unless_there_is_one():
    both = torch.cat([TUNE, stacked([[(62, 12, 80, 6)]], 3)])
    assert SPACE.fitted(both, 5).vocabulary == "62/12/6 60/24/0"
    assert SPACE.fitted(both, 1).vocabulary == "62/12/6"
    assert KNOWN.fitted(both, 1) is KNOWN


def test_tunes_that_are_too_long_or_of_other_notes_are_named(tmp_path):
    (tmp_path / "a.abc").write_text("X:1\nT:Long\nL:1/4\nK:C\nCCCC\n\nX:2\nT:Short\nL:1/4\nK:C\nCE\n")
    with pytest.raises(errors.DataError, match=r"a.abc:Long has 4 notes. This model takes 1 to 3"):
        SPACE.read([tmp_path / "a.abc"])
    with pytest.raises(errors.DataError, match=r"a.abc:Short: note 2, \(64, 24, 80, 0\). It is none of the 2 notes"):
        Melody((4, 4), KNOWN.vocabulary).read([tmp_path / "a.abc"])


@pytest.mark.parametrize("space", [SPACE, KNOWN])
def test_examples_are_melodies_and_their_opposites_differ(space):
    drawn = space.example(50, Noise(0, 0, 50))
    assert space.contains(drawn)
    there = drawn[:, :, 1] > 0
    assert set(there.sum(1).tolist()) == {1, 2, 3}
    other = space.opposite(drawn)
    assert space.contains(other)
    assert bool((other != drawn)[there].any(1).all())
    assert space is KNOWN or bool((other != drawn)[there].all())


def test_a_melody_ends_before_numbers_do():
    space = Melody((2, 4), "60/24/0 61/1/0")
    long = torch.tensor([[[60, 24, 80, 0], [61, 2**26 + 1, 80, 0]]])
    assert not Melody((2, 4)).contains(long)
    assert space.tokens(long).tolist() == [[1, -1]]  # and not another note, whose bits these are
    assert Melody((2, 4)).tokens(long).tolist() == [[-1, -1]]  # of no known notes

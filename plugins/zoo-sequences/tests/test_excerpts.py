import json

import pytest
import torch
from zoo_sequences import excerpts

import zoo
from zoo.plugin import data as loading
from zoo.plugin import errors, images

CHOICES = {"shape": (4, 4), "holdout": 0, "download": False}


def tune(*pitches, step=1):
    """A line of quarters."""
    return json.dumps({"unit": 1, "melody": [[pitch, place * step, 1] for place, pitch in enumerate(pitches)]})


def lines(file, *rows):
    file.write_text("".join(f"{row}\n" for row in rows))
    return file


def pitches(data):
    return data.images[:, :, 0].tolist()


def test_excerpts_follow_each_other_and_the_last_reaches_back(tmp_path):
    file = lines(tmp_path / "a.jsonl", tune(*range(60, 70)), tune(1, 2), tune(*range(10, 18)))
    data = excerpts.melodies(file, "train", **CHOICES)
    assert pitches(data) == [
        [60, 61, 62, 63],
        [64, 65, 66, 67],
        [66, 67, 68, 69],
        [1, 2, 0, 0],
        [10, 11, 12, 13],
        [14, 15, 16, 17],
    ]
    assert data.images[:2, :, 3].tolist() == [[0] * 4] * 2
    assert "3 tunes; 6 excerpts for training, 0 for test." in data.summary
    assert excerpts.count(file) == (3, False)


def test_the_same_tune_in_another_key_is_never_on_both_sides(tmp_path):
    rows = [
        tune(*(key + note for note in base)) for base in ((60, 62, 64), (60, 65, 67), (60, 61, 60)) for key in (0, 2, 5)
    ]
    file = lines(tmp_path / "a.jsonl", *rows)
    train, test = (excerpts.melodies(file, part, **{**CHOICES, "holdout": 3}) for part in ("train", "test"))
    assert (len(train), len(test)) == (6, 3)
    first = lambda data: {tuple(note - row[0] for note in row[:3]) for row in pitches(data)}  # noqa: E731
    assert not first(train) & first(test)
    assert train.division == test.division
    last = excerpts.melodies(file, "test", **{**CHOICES, "holdout": 2, "holdout_seed": None})
    assert [row[0] for row in pitches(last)] == [62, 65]


def test_excerpts_of_test_that_stand_in_training_are_left_out(tmp_path):
    file = lines(tmp_path / "a.jsonl", tune(1, 2, 3, 4), tune(1, 2, 3, 4, 5, 6, 7, 8))
    test = excerpts.melodies(file, "test", **{**CHOICES, "holdout": 1, "holdout_seed": None})
    assert pitches(test) == [[5, 6, 7, 8]]
    assert "1 for test; 1 of test left out, which stand in training" in test.summary


def test_events_are_scaled_by_the_training_split(tmp_path):
    file = lines(tmp_path / "a.jsonl", tune(60, 62), tune(90, 90))
    data = excerpts.melodies(file, "test", **{**CHOICES, "holdout": 1, "holdout_seed": None})
    assert data.config["centre"] == pytest.approx([61, 4.585, 80, 0], abs=1e-3)
    assert data.config["spread"] == pytest.approx([2**0.5, 1, 1, 1], abs=1e-3)  # padding does not count


def test_a_folder_may_hold_any_files_and_bad_ones_are_told_or_skipped(tmp_path):
    (tmp_path / "more").mkdir()
    lines(tmp_path / "more" / "a.jsonl", tune(1, 2))
    (tmp_path / "b.abc").write_text("X:1\nT:B\nK:C\nCD\n")
    (tmp_path / "readme.txt").write_text("no music\n")
    assert len(excerpts.melodies(tmp_path, "train", **CHOICES)) == 2
    (tmp_path / "c.mid").write_bytes(b"nothing")
    (tmp_path / "d.abc").write_text("X:1\nT:D\nK:C\n?\n")
    with pytest.raises(errors.DataError, match=r"c.mid is no MIDI.* d.abc, line 4: '\?'".replace(" d", " .*d")):
        excerpts.melodies(tmp_path, "train", **CHOICES)
    reader = images.Reader(skip_bad=True)
    data = loading.load("melodies", tmp_path, "train", shape=(4, 4), reader=reader)
    assert len(data) == 2
    assert [sentence.rpartition("/")[2].split(" ")[0].strip(",") for sentence in reader.bad] == ["c.mid", "d.abc"]
    assert excerpts.count(tmp_path) == (2, False)


def test_nottingham_is_known_by_its_files(tmp_path):
    (tmp_path / "abc").mkdir()
    (tmp_path / "abc" / "a.abc").write_text("X:1\nT:B\nK:C\nCD\n")
    assert excerpts.count_nottingham(tmp_path) == (1, False)
    lines(tmp_path / "tunes.jsonl", tune(1, 2), tune(3))
    data = excerpts.nottingham(tmp_path, "train", **CHOICES)
    assert (data.name, len(data)) == ("nottingham", 2)  # and not the same once more


def test_models_of_other_spaces_and_folders_without_music_are_refused(tmp_path):
    with pytest.raises(errors.DataError, match=r"has no file of melodies; expected .mid"):
        excerpts.melodies(tmp_path, "train", **CHOICES)
    file = lines(tmp_path / "a.jsonl", tune(1, 2))
    with pytest.raises(errors.DataError, match="the data are melodies"):
        excerpts.melodies(file, "train", **CHOICES, model=zoo.create("rnn-lm"))
    assert torch.equal(excerpts.melodies(file, "train", **CHOICES).images[0, :, 1], torch.tensor([24, 24, 0, 0]))


def test_what_is_not_there_and_tunes_without_a_melody_are_told(tmp_path, made):
    with pytest.raises(errors.DataError, match="nowhere is not there"):
        excerpts.melodies(tmp_path / "nowhere", "train", shape=(2, 4), holdout=0, download=False)
    (tmp_path / "a.jsonl").write_text('{"unit": 1, "melody": [[60, 0, 2], [64, 1, 2]]}')
    with pytest.raises(errors.DataError, match="no excerpt for training whose notes do not overlap"):
        excerpts.melodies(
            tmp_path / "a.jsonl", "train", shape=(2, 4), holdout=0, download=False, model=made("organ", length=2)
        )

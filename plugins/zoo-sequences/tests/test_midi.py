import mido
import pytest
import torch
from zoo_sequences import midi
from zoo_sequences.melody import stacked

from zoo.plugin import errors


def written(path, *tracks, beat=96, kind=1):
    """A file of tracks of (message, ticks after the one before)."""
    file = mido.MidiFile(type=kind, ticks_per_beat=beat)
    for messages in tracks:
        file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return path


def on(pitch, time=0, velocity=80, channel=0):
    return mido.Message("note_on", note=pitch, velocity=velocity, time=time, channel=channel)


def off(pitch, time=0, channel=0):
    return mido.Message("note_off", note=pitch, time=time, channel=channel)


def test_a_melody_is_the_first_track_with_notes(tmp_path):
    chords = [on(48), on(52), off(48, 96), off(52)]
    drums = [on(36, channel=9), off(36, 10, channel=9)]
    tune = [on(60, 48), on(60, 96, velocity=0), on(64, 32, 100), off(64, 64)]
    file = written(tmp_path / "a.mid", [mido.MetaMessage("set_tempo", tempo=400_000)], drums, tune, chords)
    with pytest.warns(errors.LeftOut, match="a.mid: left out 1 more tracks with notes"):
        found = midi.read(file)
    # At 96 ticks a quarter: it begins after half of one, and rests for a third.
    assert found == [(str(file), [(60, 24, 80, 12), (64, 16, 100, 8)])]


def test_channels_of_one_track_are_melodies_too_and_nothing_sounds_for_ever(tmp_path):
    both = [on(72, channel=1), on(60), on(60, 48), off(72, 48, channel=1), mido.MetaMessage("end_of_track", time=96)]
    with pytest.warns(errors.LeftOut, match="1 more tracks"):
        ((_, notes),) = midi.read(written(tmp_path / "a.mid", both, kind=0))
    # What is struck again ends, and the last with its track.
    assert notes == [(60, 12, 80, 0), (60, 36, 80, 0)]


def test_what_lasts_no_time_is_told(tmp_path):
    file = written(tmp_path / "a.mid", [on(60), off(60, 1), on(62), off(62, 96)])
    with pytest.warns(errors.LeftOut, match="left out 1 notes that last no time"):
        ((_, notes),) = midi.read(file)
    assert notes == [(62, 24, 80, 0)]


def test_chords_and_rests_come_back(tmp_path):
    rows = [(60, 24, 80, 5), (64, 12, 1, -24), (67, 7, 127, -12), (67, 3, 60, 0), (50, 1, 9, 100)]
    midi.save(stacked([rows, rows[2:3]], 5).abs() * torch.tensor([1]), tmp_path / "a.mid")
    midi.save(stacked([rows], 5), tmp_path / "b.mid")
    assert midi.read(tmp_path / "b.mid") == [(str(tmp_path / "b.mid"), rows)]
    assert len(midi.read(tmp_path / "a.mid")) == 2


def test_a_note_that_is_struck_again_while_it_sounds_ends_there(tmp_path):
    midi.save(stacked([[(60, 24, 80, 0), (60, 24, 80, -12)]], 2), tmp_path / "a.mid")
    assert midi.read(tmp_path / "a.mid")[0][1] == [(60, 12, 80, 0), (60, 24, 80, 0)]


def test_a_name_after_the_first_note_says_nothing_of_when_it_begins(tmp_path):
    name = mido.MetaMessage("track_name", name="melody 1", time=96)
    file = written(tmp_path / "a.mid", [on(60, 96), name, off(60, 0), on(62), off(62, 96)])
    assert midi.read(file)[0][1] == [(60, 24, 80, 24), (62, 24, 80, 0)]


def test_what_is_damaged_is_named_with_its_track(tmp_path):
    file = written(tmp_path / "a.mid", [on(60), off(60, 96)], [on(62), off(62, 96)])
    whole = file.read_bytes()
    for content, told in (
        (whole[:-9], "a.mid, track 2 is no MIDI that can be read: it ends too early. Export it again"),
        (whole[:30], "a.mid, track 1 is no MIDI that can be read: it ends too early"),
        (whole.replace(b"\x90\x3e\x50", b"\x90\xfe\x50"), "a.mid, track 2 is no MIDI that can be read: "),
        (whole[:18] + b"\0\0\0\x0a\0\xff\x59\x02\x0c\0\0\xff\x2f\0", "a.mid, track 1 is no MIDI that can be read: "),
        (b"hello", "a.mid is no MIDI that can be read"),
        (b"", "a.mid is no MIDI that can be read: it ends too early"),
        (whole[:12] + b"\xe7\x28" + whole[14:], "a.mid counts its time in frames of a film"),
    ):
        file.write_bytes(content)
        with pytest.raises(errors.DataError, match=told):
            midi.read(file)
    with pytest.raises(errors.DataError, match=r"nowhere.mid cannot be read: No such file"):
        midi.read(tmp_path / "nowhere.mid")
    with pytest.raises(errors.DataError, match=r"b.mid has no notes of a melody in 1 tracks"):
        midi.read(written(tmp_path / "b.mid", [on(36, channel=9), off(36, 96, channel=9)]))

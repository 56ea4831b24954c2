import torch
from zoo_sequences import notes

CHORD = torch.tensor([[60, 24, 80, 12], [64, 24, 80, -24], [67, 12, 80, 6], [0, 0, 0, 0]])


def test_notes_begin_after_the_rest_behind_the_note_before():
    assert notes.starts(CHORD).tolist()[:3] == [12, 12, 42]
    assert int(notes.ends(CHORD)) == 54
    assert int(notes.ends(torch.tensor([[60, 96, 80, 0], [64, 24, 80, -96]]))) == 96  # that of the first is the last
    assert notes.played(CHORD).tolist() == [True, True, True, False]
    assert notes.unpadded(CHORD).tolist() == CHORD[:3].tolist()


def test_times_are_rounded_to_ticks_and_what_lasts_none_is_left_out():
    rows, left_out = notes.melody([(64, 1.0, 1 / 3, 90), (60, 0.0, 0.5, 80), (62, 2.0, 0.01, 80)])
    assert rows == [(60, 12, 80, 0), (64, 8, 90, 12)]
    assert left_out == 1


def test_events_are_notes_as_numbers_and_back():
    assert notes.events(CHORD)[2].tolist() == [67.0, torch.tensor(12.0).log2().item(), 80.0, 0.25]
    assert notes.rounded(notes.events(CHORD[None]))[0, :3].tolist() == CHORD[:3].tolist()
    wild = torch.tensor([[[200.0, -9.0, -5.0, -3.0], [-4.0, 99.0, 900.0, -9.0]]])
    assert notes.rounded(wild).tolist() == [[[127, 1, 1, 0], [0, 1024, 127, -1]]]

"""Statistics of melodies against numbers that were counted by hand."""

from types import SimpleNamespace

import pytest
import torch
from zoo_sequences import tonal
from zoo_sequences.melody import stacked
from zoo_sequences.notes import played


def notes(*pitches):
    return torch.tensor([(pitch, 12, 80, 0) for pitch in pitches])


@pytest.mark.parametrize(
    ("pitches", "expected"),
    [
        ([60, 62, 64, 65, 67, 69, 71, 72], 1.0),  # C major
        ([69, 71, 72, 74, 76, 77, 80, 81], 1.0),  # A minor, harmonic
        ([60, 61, 62, 63], 0.75),  # three of these four, in C sharp minor
        (list(range(60, 72)), 7 / 12),
    ],
)
def test_tones_of_the_best_scale_are_counted(pitches, expected):
    assert tonal.scale_consistency(notes(*pitches)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("pitches", "expected"),
    [
        ([1, 2, 3, 1, 2, 3], 1),
        ([1, 2, 3, 4, 1, 2, 3], 1),
        ([1, 2, 3] * 3, 5),  # 123 thrice, which are three pairs, 231 and 312 twice
        ([5] * 6, 1),  # of four runs but the first and the last do not overlap
        ([1, 2, 3, 1, 2], 0),
        ([1, 2], 0),
    ],
)
def test_runs_of_three_tones_are_counted_in_pairs(pitches, expected):
    assert tonal.repetitions(notes(*pitches)) == expected


def test_spans_and_tones_are_counted():
    melody = torch.tensor([(60, 12, 80, 0), (67, 12, 50, 0), (67, 12, 90, 0), (55, 12, 80, 0)])
    assert tonal.tone_span(melody) == 12
    assert tonal.unique_tones(melody) == 3
    assert tonal.intensity_span(melody) == 40


def test_what_begins_at_once_is_polyphony():
    # Three at 0, then one while the last of these sounds, then two.
    chords = [
        (60, 24, 80, 0),
        (64, 24, 80, -24),
        (67, 24, 80, -24),
        (62, 12, 80, -12),
        (60, 12, 80, 0),
        (65, 12, 80, -12),
    ]
    assert tonal.polyphony(torch.tensor(chords)) == pytest.approx(2 / 3)
    assert tonal.polyphony(notes(60, 60)) == 0


def test_fifths_and_steps_are_shares_of_the_intervals():
    melody = notes(60, 67, 60, 62, 63, 63)  # a fifth up, one down, a tone, a semitone, the same
    assert tonal.tonality(melody) == pytest.approx(2 / 5)
    assert tonal.steps(melody) == pytest.approx(2 / 5)
    assert tonal.tonality(notes(60)) == 0
    pitches = stacked([melody.tolist(), melody[:2].tolist()], 9)
    assert tonal.shares(pitches[:, :, 0], played(pitches), (7,)).tolist() == pytest.approx([2 / 5, 1.0])


def test_drawn_melodies_stand_beside_real_ones_however_they_are_padded():
    drawn, real = stacked([notes(60, 67).tolist()] * 2, 6), stacked([notes(60, 62, 64).tolist(), notes(60).tolist()], 3)
    records = []
    subject = SimpleNamespace(
        generated=drawn, held_out=real, record=lambda *given, **args: records.append((*given, args["floor"]))
    )
    tonal.melody_statistics(subject)
    found = {kind: (value, floor) for kind, _, value, floor in records}
    assert found["tonality"] == (1, 0)
    assert found["steps"] == (0, 0.5)
    assert found["tone-span"] == (7, 2)
    assert found["unique-tones"] == (2, 2)
    assert len(found) == 8

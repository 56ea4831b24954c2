import wave

import numpy as np
import pytest
import torch
from zoo_sequences import sound
from zoo_sequences.melody import stacked

from zoo.plugin import errors

A4 = (69, 48, 80, 0)  # a second


def peak(signal):
    """The strongest frequency, in Hz, of a signal."""
    strength = np.abs(np.fft.rfft(signal * np.hanning(len(signal)), 2**17))
    return np.fft.rfftfreq(2**17, 1 / sound.RATE)[strength.argmax()]


def test_frequencies_are_those_of_equal_temperament():
    assert sound.frequency(69) == 440
    assert sound.frequency(57) == 220
    assert sound.frequency(60) == pytest.approx(261.63, abs=0.01)


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440.0), (60, 261.63), (81, 880.0)])
def test_a_note_sounds_at_its_frequency(tmp_path, pitch, hertz):
    sound.save(stacked([[(pitch, *A4[1:])]], 1), tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, sound.RATE)
        signal = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert peak(signal) == pytest.approx(hertz, abs=0.5)
    assert np.abs(signal).max() == pytest.approx(0.9 * 32767, abs=1)


def test_notes_sound_when_they_are_played_as_loud_as_they_are():
    one, both = (sound.heard(stacked([rows], 3)[0]) for rows in ([A4], [A4, (76, 24, 40, 24)]))
    second = sound.RATE  # a second, then half a one of rest
    assert torch.equal(both[:second], one[:second])
    assert not both[second : second + sound.RATE // 2].any()
    assert peak(both[second + sound.RATE // 2 :].numpy()) == pytest.approx(sound.frequency(76), abs=1)
    assert both[second + sound.RATE // 2 :].abs().max() < one.abs().max()
    assert float((sound.heard(torch.tensor([(69, 48, 40, 0)])) * 2 - one).abs().max()) < 1e-6


def test_chords_add_up_and_nothing_sounds_above_what_can_be_heard():
    low, high = (69, 24, 80, 0), (76, 24, 80, 0)
    chord = sound.heard(torch.tensor([low, (76, 24, 80, -24)]))
    assert torch.allclose(chord, sound.heard(torch.tensor([low])) + sound.heard(torch.tensor([high])))
    assert peak(sound.heard(torch.tensor([(120, 48, 80, 0)])).numpy()) == pytest.approx(8372.0, abs=1)
    assert peak(sound.heard(torch.tensor([(127, 48, 80, 0)])).numpy()) == pytest.approx(12543.9, abs=1)


def test_melodies_follow_each_other_after_a_pause(tmp_path):
    sound.save(stacked([[A4], [A4]], 1), tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() == pytest.approx(sound.RATE * (2 * (1 + sound.RELEASE) + sound.PAUSE), abs=3)
    with pytest.raises(errors.InvalidInput, match=r"a.wav would last 200 minutes; 60 is the most"):
        sound.save(stacked([[(69, 48 * 12_000, 80, 0)]], 1), tmp_path / "a.wav")

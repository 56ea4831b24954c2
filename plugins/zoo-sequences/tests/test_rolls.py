import numpy as np
import pytest
from PIL import Image
from zoo_sequences import rolls
from zoo_sequences.melody import stacked

PAIR = stacked([[(60, 24, 127, 0), (72, 24, 127, 24)], [(60, 24, 20, 0)]], 2)


def dark(picture):
    """Where a picture is black."""
    return np.argwhere(np.array(picture.convert("L")) < 128)


def test_time_goes_to_the_right_and_pitch_upwards():
    places = dark(rolls.picture(PAIR[:1]))
    first, second = (places[places[:, 1] < rolls.WIDTH / 2], places[places[:, 1] > rolls.WIDTH / 2])
    assert len(first)
    assert len(second)
    assert second[:, 0].max() < first[:, 0].min()
    # A third of the time each, with a rest between.
    assert first[:, 1].max() - first[:, 1].min() == second[:, 1].max() - second[:, 1].min()
    assert abs(second[:, 1].min() - first[:, 1].min() - rolls.WIDTH * 2 / 3) <= 1


def test_soft_notes_are_lighter_and_all_melodies_have_one_scale():
    whole = np.array(rolls.picture(PAIR, columns=1).convert("L"))
    above, below = np.array_split(whole, 2)
    assert above.min() < below.min() < 255 * 0.8
    assert np.argwhere(above < 150)[:, 1].min() == np.argwhere(below < 170)[:, 1].min()
    assert np.argwhere(below < 170)[:, 1].max() < rolls.WIDTH / 2  # where the other goes on


@pytest.mark.parametrize("pitches", [(0, 127), (1, 127), (0, 126), (60, 60), (40, 80)])
def test_no_picture_is_higher_than_is_said(pitches):
    high = rolls.picture(stacked([[(pitch, 24, 80, 0) for pitch in pitches]], 2)).height
    assert rolls.HEIGHT * 0.75 <= high <= rolls.TALLEST
    assert high == rolls.TALLEST or pitches != (0, 127)


def test_a_picture_is_written(tmp_path):
    rolls.save(PAIR, tmp_path / "a.png", columns=1)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.tobytes() == rolls.picture(PAIR, columns=1).tobytes()

"""Modes covered and samples of high quality, counted by hand."""

import math
from dataclasses import dataclass, replace

import pytest
import torch

from zoo.data import loading as data
from zoo.errors import InvalidInput
from zoo.metrics.evaluate import Subject
from zoo.metrics.modes import count, modes
from zoo.model import Model
from zoo.spaces import Vectors

CENTRES = torch.tensor([[0.0, 0], [10, 0], [0, 10]])


def test_only_what_lies_within_three_deviations_counts():
    samples = torch.tensor([[0, 0.29], [0.31, 0], [10.2, 0.2], [5, 0], [0, 9.6]])
    found = count(samples, CENTRES, 0.1)
    assert (found.modes, found.of, found.high_quality) == (2, 3, pytest.approx(2 / 5))


def test_one_good_sample_covers_a_mode_and_many_cover_it_no_better():
    assert count(torch.cat([CENTRES[:1], CENTRES]), CENTRES, 0.1) == (3, 3, 1.0)
    assert count(CENTRES[[1]].expand(7, 2), CENTRES, 0.1) == (1, 3, 1.0)
    assert count(torch.full((7, 2), 5.0), CENTRES, 0.1) == (0, 3, 0.0)


def test_modes_far_from_the_origin_are_told_apart_to_the_last_digit():
    far = CENTRES + 3e4
    found = count(torch.tensor([[3e4 + 0.02, 3e4]], dtype=torch.float64), far, 0.01)
    assert found == (1, 3, 1.0)
    assert count(torch.tensor([[3e4 + 0.04, 3e4]], dtype=torch.float64), far, 0.01).modes == 0


@pytest.mark.parametrize("shape", [(3,), (4, 3), (0, 2)])
def test_samples_of_another_shape(shape):
    with pytest.raises(InvalidInput, match=r"expected \(n, 2\)"):
        count(torch.zeros(shape), CENTRES, 0.1)


@dataclass(frozen=True)
class Nothing:
    """A config without fields."""


class Points(Model):
    """Draws the Gaussians of the ring from a circle's worth of latents: of the first `reached` modes alone."""

    def __init__(self, centres, deviation, reached):
        super().__init__(Nothing())
        self.space, self.latent_shape = Vectors((2,)), (3,)
        self.centres, self.deviation, self.reached = centres, deviation, reached

    def _decode(self, z, condition):
        # A standard normal's distribution function makes the third latent uniform.
        mode = (torch.special.ndtr(z[:, 2]) * self.reached).long().clamp(max=self.reached - 1)
        return self.centres[mode] + self.deviation * z[:, :2]


@pytest.mark.parametrize(("name", "of"), [("gaussian-ring", 8), ("gaussian-grid", 25)])
def test_records_of_a_model_that_knows_some_modes(name, of):
    train, test = (data.load(name, None, split, shape=(2,)) for split in ("train", "test"))
    subject = Subject(Points(train.modes, train.mode_deviation, 3), None, train, test, 4000)
    covered, quality = modes(subject)
    assert (covered.type, covered.value, covered.args["modes"], covered.args["floor"]) == ("modes-covered", 3, of, of)
    # Within three deviations of the centre lie 1 − exp(−9/2) of a Gaussian in the plane.
    for value in (quality.value, quality.args["floor"]):
        assert value == pytest.approx(1 - math.exp(-4.5), abs=0.008)
    assert quality.args["n_generated"] == 2500


def test_no_records_where_modes_are_unknown():
    test = data.load("pinwheel", None, "test", shape=(2,))
    subject = Subject(Points(CENTRES, 0.1, 3), None, test, test, 10)
    assert modes(subject) == []
    assert modes(replace(subject, test=replace(test, modes=CENTRES, mode_deviation=0.1))) != []

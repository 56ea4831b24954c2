"""Disentanglement of codes that are the factors, mixtures of them, and nothing."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from zoo.data.dataset import TensorDataset
from zoo.metrics.disentanglement import disentanglement, gap, votes
from zoo.metrics.evaluate import Subject
from zoo.model import Model
from zoo.nn.features import FeatureNetwork
from zoo.noise import Noise
from zoo.spaces import Images


@pytest.fixture
def factors() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.stack([torch.randint(count, (4000,), generator=generator) for count in (4, 8, 5)], 1)


def test_codes_that_are_the_factors_have_both_at_1(factors: Tensor) -> None:
    codes = factors[:, [2, 0, 1]].double()
    assert gap(codes, factors) == pytest.approx(1, abs=0.02)
    assert votes(codes, factors, 0) == 1


def test_a_factor_that_two_numbers_tell_has_no_gap(factors: Tensor) -> None:
    codes = factors[:, [0, 0, 1, 2]].double()
    assert gap(codes, factors) == pytest.approx(2 / 3, abs=0.02)


def test_turned_codes_tell_less(factors: Tensor) -> None:
    scaled = (factors.double() - factors.double().mean(0)) / factors.double().std(0)
    turn = torch.eye(3, dtype=torch.float64) - 2 / 3  # orthogonal: twice −2/3 and once 1/3 in each row
    assert gap(scaled @ turn, factors) < 0.3
    assert votes(scaled @ turn, factors, 0) < 0.95


def test_codes_that_know_nothing_vote_by_chance(factors: Tensor) -> None:
    noise = torch.randn(4000, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert gap(noise, factors) < 0.02
    assert votes(noise, factors, 0) == pytest.approx(1 / 3, abs=0.08)
    assert votes(noise[:, :0], factors, 0) == 1 / 3


def test_information_is_in_shares_of_a_factors_entropy() -> None:
    """Of four equally likely values two can be told from the other two: one bit of two."""
    factor = torch.arange(4).repeat(100)
    codes = torch.stack([(factor >= 2).double(), torch.zeros(400, dtype=torch.float64)], 1)
    assert gap(codes, factor[:, None]) == pytest.approx(math.log(2) / math.log(4))


@dataclass(frozen=True)
class Plain:
    """Nothing to choose."""


class Halves(Model):
    """Its code is the grey of the two halves of an image, and a number that never varies."""

    def __init__(self) -> None:
        super().__init__(Plain())
        self.space, self.latent_shape = Images((1, 2, 2)), (3,)
        self.eval()

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return torch.cat([images[:, 0].mean(1), images.new_ones(len(images), 1)], 1)


def test_records_of_data_with_factors_and_of_no_others(judge: FeatureNetwork) -> None:
    factors = torch.randint(5, (600, 2), generator=torch.Generator().manual_seed(0))
    pixels = (50 * factors)[:, None, None, :].expand(-1, 1, 2, 2).to(torch.uint8).contiguous()
    data = TensorDataset("halves", "test", pixels, factors=factors, factor_names=("left", "right"))
    found = disentanglement(Subject(Halves(), judge, data, data, n=500))
    assert [record.type for record in found] == ["mutual-information-gap", "factor-vae-score"]
    assert [record.value for record in found] == pytest.approx([1, 1], abs=0.05)
    assert found[1].args["chance"] == 0.5
    assert found[0].args["factors"] == "left, right"
    plain = TensorDataset("halves", "test", pixels)
    assert disentanglement(Subject(Halves(), judge, plain, plain, n=500)) == []

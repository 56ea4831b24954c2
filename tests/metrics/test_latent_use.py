"""What is used of a code, on encoders whose matrices are known."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from zoo.data.dataset import TensorDataset
from zoo.metrics.evaluate import Subject
from zoo.metrics.latent_use import latent_use
from zoo.model import Model
from zoo.nn.features import FeatureNetwork
from zoo.noise import Noise
from zoo.spaces import Images


@dataclass(frozen=True)
class Plain:
    """Nothing to choose."""


class Linear(Model):
    """An autoencoder whose code is the four pixels times a matrix."""

    def __init__(self, rows: list[list[float]]) -> None:
        super().__init__(Plain())
        self.space, self.latent_shape = Images((1, 2, 2)), (len(rows),)
        self.matrix = torch.nn.Parameter(torch.tensor(rows))
        self.eval()

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return torch.zeros(len(z), 1, 2, 2)

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return images.flatten(1) @ self.matrix.t()


@pytest.fixture
def data() -> TensorDataset:
    """Each of the four pixels is white in one image, and all are in the fifth."""
    images = torch.cat([torch.eye(4), torch.ones(1, 4)]).mul(255).to(torch.uint8).view(5, 1, 2, 2)
    return TensorDataset("pixels", "test", images)


def measured(model: Model, judge: FeatureNetwork, data: TensorDataset) -> dict[str, float]:
    return {record.type: record.value for record in latent_use(Subject(model, judge, data, data, n=5))}


def test_a_number_that_does_not_vary_is_not_used(judge: FeatureNetwork, data: TensorDataset) -> None:
    found = measured(Linear([[3.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0, 0.05, 0]]), judge, data)
    assert found == {"latents-used": 2.0, "jacobian-norm": pytest.approx((9 + 4 + 0.0025) ** 0.5, rel=1e-4)}


def test_many_idle_numbers_make_no_idle_one_used(judge: FeatureNetwork, data: TensorDataset) -> None:
    idle = [[0.02, 0.0, 0.0, 0.0]] * 30
    assert measured(Linear([[1.0, 0, 0, 0], *idle]), judge, data)["latents-used"] == 1


def test_units_are_active_above_a_tenth_of_the_largest(judge: FeatureNetwork, data: TensorDataset) -> None:
    found = measured(Linear([[1.0, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 0.08]]), judge, data)
    assert found["active-units"] == pytest.approx(4 / 15, abs=1e-4)  # two of them, each in two of five images


def test_the_jacobian_of_dense_rows_is_estimated(judge: FeatureNetwork, data: TensorDataset) -> None:
    rows = [[1.0, 2.0, 0.5, -1.0], [0.3, -0.7, 2.0, 1.0]]
    expected = torch.tensor(rows).square().sum().sqrt().item()
    assert measured(Linear(rows), judge, data)["jacobian-norm"] == pytest.approx(expected, rel=0.1)


def test_a_category_is_no_such_code(judge: FeatureNetwork, data: TensorDataset) -> None:
    class Categories(Linear):
        code = (2, 0)

    assert measured(Categories([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]), judge, data) == {}

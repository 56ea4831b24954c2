"""Energy distance against its definition, and as a metric of vectors."""

from dataclasses import dataclass

import pytest
import torch

from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, DataError, InvalidInput
from zoo.metrics.energy import distance, energy
from zoo.metrics.evaluate import Subject, evaluate
from zoo.metrics.likelihood import likelihood
from zoo.model import Model
from zoo.spaces import of_shape


@dataclass(frozen=True)
class Config:
    pass


class Gaussian(Model):
    """Vectors from N(shift, 1) in the first and N(0, 100²) in the second column."""

    log_prob_kind = "exact"

    def __init__(self, shift=0.0):
        super().__init__(Config())
        self.space, self.latent_shape = of_shape((2,)), (2,)
        self.shift = torch.nn.Parameter(torch.tensor([shift, 0.0]))
        self.register_buffer("scale", torch.tensor([1.0, 100]))
        self.eval()

    def _decode(self, z, condition):
        return z * self.scale + self.shift

    def _encode(self, vectors, condition, noise):
        return (vectors - self.shift) / self.scale

    def _log_prob(self, vectors, condition, noise):
        normal = torch.distributions.Normal(self.shift, self.scale)
        return normal.log_prob(vectors).sum(1)


def subject(model, n=200, **fields):
    def split(name, seed):
        points = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed)) * torch.tensor([1.0, 100])
        return TensorDataset("normal", name, points, **(fields if name == "test" else {}))

    return Subject(model, None, split("train", 1), split("test", 2), n)


def test_distance_is_its_definition():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(7, 3, generator=generator), 1 + torch.randn(5, 3, generator=generator)

    def mean(a, b):
        return sum((x - y).norm().item() for x in a for y in b) / (len(a) * len(b))

    expected = 2 * mean(first, second) - mean(first, first) - mean(second, second)
    assert distance(first, second) == pytest.approx(expected, rel=1e-5)
    assert distance(second, first) == pytest.approx(expected, rel=1e-5)


def test_distance_of_equal_samples_is_zero_and_grows_with_what_differs():
    points = torch.randn(1500, 2, generator=torch.Generator().manual_seed(0))  # more than one chunk
    assert distance(points, points.flip(0)) == pytest.approx(0, abs=1e-7)
    near, far = distance(points, points + 0.1), distance(points, points + 0.2)
    assert 0 < near < far


def test_digits_survive_a_large_mean():
    points = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    assert distance(1000 + points, 1000.5 + points) == pytest.approx(distance(points, 0.5 + points), rel=1e-3)


@pytest.mark.parametrize("shapes", [((3, 2), (3, 1)), ((3,), (3,)), ((0, 2), (3, 2))])
def test_only_vectors_are_compared(shapes):
    with pytest.raises(InvalidInput, match="expected"):
        distance(*(torch.zeros(shape) for shape in shapes))


def test_the_metric_counts_each_column_alike_beside_its_floor():
    (good,), (bad,) = energy(subject(Gaussian())), energy(subject(Gaussian(shift=1.0)))
    assert good.value < 3 * good.args["floor"]
    assert bad.value > 10 * bad.args["floor"]  # though the second column is a hundred times as wide
    assert (good.args["n_real"], good.args["n_generated"], good.args["seed"]) == (200, 200, 0)


def test_likelihood_of_vectors_is_nats_and_nothing_called_bits():
    measured = subject(Gaussian(shift=0.5))
    (record,) = likelihood(measured)
    nats = -measured.model.log_prob(measured.test.images)
    assert (record.type, record.name) == ("negative-log-likelihood", "nats per sample")
    assert record.value == pytest.approx(nats.mean().item(), rel=1e-3)
    assert record.args["standard_error"] == pytest.approx(nats.std().item() / 200**0.5, rel=1e-3)
    assert record.args["kind"] == "exact"
    assert "floor" not in record.args
    assert "dequantisation" not in record.args


def test_a_known_density_is_the_floor_of_the_likelihood():
    true = torch.linspace(-9, -7, 200)
    (record,) = likelihood(subject(Gaussian(), log_density=true))
    assert record.args["floor"] == pytest.approx(8, rel=1e-3)


def test_evaluate_chooses_what_applies_to_vectors(card, tmp_path):
    (tmp_path / "t.csv").write_text("\n".join(f"{i % 7},{100 * (i % 5)}" for i in range(60)))
    card = card.replace(
        training={"dataset": "table", "holdout": 20}, data={"name": "t", "license": "none", "shape": [2]}
    )
    records = evaluate(Gaussian(), card, tmp_path / "t.csv")
    assert [record.type for record in records] == [
        "negative-log-likelihood", "energy-distance", "precision", "recall", "density", "coverage",
    ]  # fmt: skip
    with pytest.raises(CapabilityError, match="'frechet' needs images"):
        evaluate(Gaussian(), card, tmp_path / "t.csv", metrics=["frechet"])
    with pytest.raises(InvalidInput, match="'grey28' is for images"):
        evaluate(Gaussian(), card, tmp_path / "t.csv", features="grey28")
    with pytest.raises(DataError, match="Pass --data that file"):
        evaluate(Gaussian(), card, None)


def test_vectors_have_no_features():
    with pytest.raises(CapabilityError, match="vectors have no feature network"):
        _ = subject(Gaussian()).features

"""Likelihood of densities whose code length is known."""

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.conditions import Labels
from zoo.data.dataset import TensorDataset
from zoo.metrics import likelihood
from zoo.metrics.evaluate import Subject
from zoo.model import Model
from zoo.nn.features import FeatureNetwork
from zoo.noise import Noise
from zoo.spaces import BinaryImages, of_shape


@pytest.fixture
def data() -> TensorDataset:
    """Five images, two dark and three bright."""
    greys = torch.tensor([10, 250, 20, 240, 230], dtype=torch.uint8)
    return TensorDataset("grey", "test", greys.view(-1, 1, 1, 1).repeat(1, 1, 28, 28), torch.tensor([0, 1, 0, 1, 1]))


@dataclass(frozen=True)
class Split:
    pass


class Halves(Model):
    """Constant density on each half of [0, 1]: pixels below 1/2 have 3/2, others 1/2. With a class, the one is 2 on the
    half of that class and all but 0 elsewhere."""

    log_prob_kind = "exact"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        super().__init__(Split())
        self.space, self.latent_shape = of_shape((1, 28, 28)), (1, 28, 28)
        if classes:
            self.condition = Labels(classes)
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.eval()

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        bright = images.flatten(1) >= 0.5
        if condition is None:
            density = torch.where(bright, 0.5, 1.5)
        else:
            density = torch.where(bright == condition[:, None].bool(), 2.0, 2.0**-10)
        return self.scale * density.log().sum(1)


def test_uniform_density_costs_exactly_eight_bits(uniform: Any, judge: FeatureNetwork, data: TensorDataset) -> None:
    bits, nats = likelihood.likelihood(Subject(uniform, judge, data, data, n=5))
    assert (bits.type, nats.type) == ("bits-per-dimension", "negative-log-likelihood")
    assert bits.value == 8.0
    assert nats.value == pytest.approx(784 * 8 * math.log(2), rel=1e-3)
    assert bits.args == {
        "split": "test", "n_real": 5, "kind": "lower-bound", "dequantisation": "uniform", "standard_error": 0.0,
        "seed": 0,
    }  # fmt: skip


def test_mean_and_standard_error_are_those_of_the_images(judge: FeatureNetwork, data: TensorDataset) -> None:
    bits, nats = likelihood.likelihood(Subject(Halves(), judge, data, data, n=5))
    dark, bright = 8 - math.log2(1.5), 9.0
    mean = (2 * dark + 3 * bright) / 5
    error = math.sqrt((2 * (dark - mean) ** 2 + 3 * (bright - mean) ** 2) / 4) / math.sqrt(5)
    assert bits.value == pytest.approx(mean, rel=1e-3)
    assert bits.args["standard_error"] == pytest.approx(error, rel=1e-3)
    assert nats.value == pytest.approx(mean * 784 * math.log(2), rel=1e-3)
    assert nats.args["standard_error"] == pytest.approx(error * 784 * math.log(2), rel=1e-3)


def test_a_conditional_density_is_asked_for_the_class_of_each_image(judge: FeatureNetwork, data: TensorDataset) -> None:
    labelled = TensorDataset("grey", "test", data.images, data.labels, ("dark", "bright"))
    bits, _ = likelihood.likelihood(Subject(Halves(("dark", "bright")), judge, labelled, labelled, n=5))
    assert bits.value == 7.0


@pytest.mark.parametrize(("kind", "n"), [("exact", 5), ("lower-bound", 3), ("estimate", 5)])
def test_slow_likelihoods_take_fewer_images(
    uniform: Any, judge: FeatureNetwork, data: TensorDataset, monkeypatch: pytest.MonkeyPatch, kind: str, n: int
) -> None:
    monkeypatch.setattr(likelihood, "SLOW", 3)
    uniform.log_prob_kind = kind
    for record in likelihood.likelihood(Subject(uniform, judge, data, data, n=5)):
        # Of 8-bit levels an exact density gives a bound.
        assert (record.args["n_real"], record.args["kind"]) == (n, "lower-bound" if kind == "exact" else kind)


def test_binary_images_have_nats_and_no_bits_per_dimension(judge: FeatureNetwork) -> None:
    class Coins(Halves):
        def __init__(self) -> None:
            super().__init__()
            self.space = BinaryImages((1, 28, 28))

        def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
            return images.new_full((len(images),), -self.space.dimensions * math.log(2))

    black = TensorDataset("black", "test", torch.zeros(4, 1, 28, 28, dtype=torch.uint8))
    (nats,) = likelihood.likelihood(Subject(Coins(), judge, black, black, n=4))
    assert (nats.type, nats.name) == ("negative-log-likelihood", "nats per image")
    assert nats.value == pytest.approx(784 * math.log(2), rel=1e-3)

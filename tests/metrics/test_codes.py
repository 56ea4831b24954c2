"""Agreement of an unsupervised code with classes: the assignment by hand, and the metric of a model that has one."""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.conditions import Labels
from zoo.metrics.codes import agreement
from zoo.metrics.evaluate import evaluate
from zoo.model import Model
from zoo.nn.features import FeatureNetwork
from zoo.noise import Noise
from zoo.releases.cards import Card
from zoo.releases.record import Record
from zoo.spaces import Images


@pytest.mark.parametrize(
    ("values", "classes", "share"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),  # another order
        ([0, 0, 0, 0], [0, 0, 1, 2], 0.5),  # a code that says nothing is worth the largest class
        ([0, 1, 2, 3], [0, 0, 0, 0], 0.25),  # only one value may be assigned to a class
        ([0, 0, 0, 1, 1], [0, 0, 1, 0, 0], 0.6),  # 0 → 0 and 1 → 1 has 2, 0 → 1 and 1 → 0 has 3
        ([2, 2, 5], [0, 0, 1], 1.0),  # more values than classes
    ],
)
def test_agreement_by_hand(values: list[int], classes: list[int], share: float) -> None:
    assert agreement(torch.tensor(values), torch.tensor(classes)) == pytest.approx(share)


def test_assignment_is_the_best_of_all() -> None:
    generator = torch.Generator().manual_seed(0)
    values, classes = (torch.randint(5, (60,), generator=generator) for _ in range(2))
    best = max(float(torch.tensor(order)[values].eq(classes).double().mean()) for order in permutations(range(5)))
    assert agreement(values, classes) == pytest.approx(best)


@dataclass(frozen=True)
class Config:
    categories: int = 3
    classes: tuple[str, ...] = ()


class Sorter(Model):
    """Infers which half is bright: code 2 for class 0, code 0 for class 1; its latents end in two numbers more."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.space, self.latent_shape, self.code = Images((1, 28, 28)), (5,), (config.categories, 0)
        if config.classes:
            self.condition = Labels(config.classes)

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return torch.zeros(len(z), *self.space.shape)

    def _encode(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        lower = images[:, :, 14:].flatten(1).mean(1) > images[:, :, :14].flatten(1).mean(1)
        code = F.one_hot(torch.where(lower, 0, 2), 3).float()
        return torch.cat([0.4 * code, torch.ones(len(images), 2)], 1)  # the rest is larger, and no part of the code


def measure(card: Card, root: Path, config: Config) -> list[Record]:
    return evaluate(Sorter(config), card, root, metrics=["codes"])


def test_code_that_found_the_classes(card: Card, root: Path, judge: FeatureNetwork) -> None:
    (record,) = measure(card, root, Config())
    assert (record.type, record.value) == ("code-class-agreement", 1.0)
    chance = record.args.pop("chance")
    # 24 images of two classes: the better of two ways to assign shuffled codes, which is right half the time.
    assert 0.5 <= chance < 0.8
    assert record.args == {"split": "test", "n_real": 24, "categories": 3, "classes": 2, "seed": 0}


@pytest.mark.parametrize("config", [Config(categories=0), Config(classes=("0", "1"))])
def test_no_record_without_a_code_or_where_the_classes_were_told(
    card: Card, root: Path, judge: FeatureNetwork, config: Config
) -> None:
    assert measure(card, root, config) == []


def test_no_record_without_classes(card: Card, root: Path, judge: FeatureNetwork, monkeypatch: Any) -> None:
    from zoo.data import loading as data
    from zoo.data.dataset import TensorDataset

    load = data.load

    def unlabelled(*args: Any, **kwargs: Any) -> TensorDataset:
        return TensorDataset("plain", "test", load(*args, **kwargs).images)

    monkeypatch.setattr(data, "load", unlabelled)
    assert measure(card, root, Config()) == []


def test_models_of_another_kind_give_none(painter: Any, card: Card, root: Path, judge: FeatureNetwork) -> None:
    assert evaluate(painter, card, root, metrics=["codes"]) == []

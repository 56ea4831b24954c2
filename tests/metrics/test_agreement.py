"""Class agreement on hand-made subjects: a perfect painter, one that errs now and then, and judges of other classes."""

from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.conditions import Labels
from zoo.data.dataset import TensorDataset
from zoo.metrics.agreement import agreement
from zoo.metrics.evaluate import Subject
from zoo.nn.features import FeatureNetwork

N = 10


def halves(labels: Tensor) -> Tensor:
    """uint8 (n, 1, 28, 28): the upper half white for class 0, the lower for class 1."""
    images = torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8)
    images[labels == 0, :, :14] = 255
    images[labels == 1, :, 14:] = 255
    return images


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(N) % 2


@pytest.fixture
def subject(painter: Any, judge: FeatureNetwork, labels: Tensor) -> Subject:
    data = TensorDataset("halves", "test", halves(labels), labels, ("0", "1"))
    return Subject(painter, judge, data, data, n=N)


def painting(subject: Subject, monkeypatch: pytest.MonkeyPatch, labels: Tensor) -> None:
    """Let the model of `subject` draw images of `labels`, whatever it is asked for."""
    monkeypatch.setattr(subject.model, "generate", lambda n, **_: halves(labels) / 255)


def test_a_perfect_model_agrees(subject: Subject) -> None:
    (record,) = agreement(subject)
    assert (record.type, record.name) == ("class-agreement", "class agreement (judge)")
    assert record.value == 1.0
    assert record.args == {
        "features": "judge",
        "sha256": "f" * 64,
        "resize": "none",
        "n_generated": N,
        "classes": 2,
        "floor": 1.0,
        "seed": 0,
    }


@pytest.mark.parametrize("wrong", [1, 3, N])
def test_each_wrong_image_counts(subject: Subject, labels: Tensor, monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    drawn = labels.clone()
    drawn[:wrong] = 1 - drawn[:wrong]
    painting(subject, monkeypatch, drawn)
    assert agreement(subject)[0].value == pytest.approx((N - wrong) / N)


def test_the_floor_is_the_judges_accuracy_on_real_images(subject: Subject, labels: Tensor) -> None:
    subject.test.images[:2] = halves(1 - labels[:2])  # two held-out images that look like the other class
    (record,) = agreement(subject)
    assert (record.value, record.args["floor"]) == (1.0, 0.8)


def test_class_names_are_compared_without_case_and_in_the_models_order(subject: Subject) -> None:
    subject.features.classes = ("other", "B", "a")
    subject.model.condition = Labels(("A", "b"))
    renamed = TensorDataset("halves", "test", subject.test.images, subject.test.labels, ("a", "B"))
    (record,) = agreement(Subject(subject.model, subject.features, renamed, renamed, n=N))
    assert (record.value, record.args["floor"]) == (1.0, 1.0)


def test_no_record_without_a_condition_or_a_judge_of_these_classes(subject: Subject) -> None:
    subject.features.classes = ("other", "1", "seven")
    assert agreement(subject) == []
    subject.features.classes = ()
    assert agreement(subject) == []


def test_no_record_for_an_unconditional_model(uniform: Any, subject: Subject) -> None:
    assert agreement(Subject(uniform, subject.features, subject.train, subject.test, n=N)) == []


def test_no_record_for_a_model_conditioned_on_texts(speller: Any, subject: Subject) -> None:
    said = TensorDataset("said", "test", subject.test.images, captions=(("red",),) * N)
    model = speller(("red",), shape=(1, 28, 28))
    assert agreement(Subject(model, subject.features, said, said, n=N)) == []

"""Binarised MNIST: black and white, drawn once and for all, with grey values for probabilities."""

import dataclasses

import pytest
import torch
from zoo_rbm.data import binarised_mnist

from zoo.plugin import TensorDataset, data


@pytest.fixture
def mnist(monkeypatch):
    """MNIST replaced by 2,000 images of one grey ramp."""
    ramp = torch.linspace(0, 255, 16).to(torch.uint8).view(1, 1, 4, 4).expand(2000, 1, 4, 4).clone()

    def load(name, root, split, *, shape, download):
        assert (name, shape) == ("mnist", (1, 4, 4))
        return TensorDataset("MNIST", split, ramp, torch.zeros(2000, dtype=torch.long), ("0",))

    monkeypatch.setattr(data, "load", load)
    return ramp


def test_pixels_are_white_as_often_as_they_are_bright(mnist):
    drawn = binarised_mnist("there", "train", shape=(1, 4, 4))
    assert drawn.images.unique().tolist() == [0, 255]
    shares = (drawn.images == 255).float().mean(0)
    assert torch.allclose(shares, mnist[0] / 255, atol=0.05)
    assert (shares[0, 0, 0], shares[0, -1, -1]) == (0, 1)


def test_it_is_the_same_each_time_and_its_splits_differ(mnist):
    train, again, test = (binarised_mnist("there", split, shape=(1, 4, 4)) for split in ("train", "train", "test"))
    assert torch.equal(train.images, again.images)
    assert not torch.equal(train.images, test.images)


def test_labels_and_classes_stay(mnist):
    drawn = binarised_mnist("there", "test", shape=(1, 4, 4))
    assert dataclasses.replace(drawn, images=mnist, labels=None).classes == ("0",)
    assert (drawn.name, drawn.split, len(drawn.labels)) == ("binarised-mnist", "test", 2000)

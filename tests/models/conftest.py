"""Batches for the tests of models."""

import pytest
import torch

from zoo.objective import Batch


@pytest.fixture
def batch_for():
    """`batch_for(model, n)`: random images, or vectors, and labels that go through all classes in turn."""

    def make(model, n=6):
        labels = torch.arange(n) % len(model.condition.classes) if model.condition.name == "label" else None
        return Batch(torch.rand(n, *model.space.shape), labels)

    return make

"""Batches made ahead by other processes are those of the data."""

import warnings

import pytest
import torch

from zoo.data.dataset import TensorDataset
from zoo.errors import DataError
from zoo.training.ahead import Ahead

HOW = {"size": 4, "seed": 3, "flip": True, "rank": 1, "world": 2}


class Failing(TensorDataset):
    def batch(self, step, size, **how):
        if step == 3:
            raise DataError("a file is damaged.")
        return super().batch(step, size, **how)


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (24, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _few_cores():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        yield


def test_batches_are_the_same_from_any_step_on_and_no_generator_is_drawn_from(pixels):
    data, before = TensorDataset("noise", "train", pixels, torch.arange(24)), torch.get_rng_state()
    ahead = Ahead(data, range(2, 9), 2, **HOW)
    for step in range(2, 9):
        made, own = ahead.batch(step, **HOW), data.batch(step, **HOW)
        assert torch.equal(made.images, own.images)
        assert torch.equal(made.labels, own.labels)
    assert torch.equal(torch.get_rng_state(), before)
    assert (len(ahead), ahead.name, ahead.split) == (24, "noise", "train")


def test_an_error_is_that_of_the_data_at_its_step(pixels):
    ahead = Ahead(Failing("noise", "train", pixels), range(2, 5), 1, **HOW)
    ahead.batch(2, **HOW)
    with pytest.raises(DataError, match=r"^a file is damaged\.$"):
        ahead.batch(3, **HOW)

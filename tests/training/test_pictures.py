"""The picture on a card: which rows it has, and that they are what they claim."""

import pytest
import torch

import zoo
from zoo.training.data import Dataset
from zoo.training.pictures import COLUMNS, overview


@pytest.fixture
def digits():
    pixels = torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Dataset("noise", "test", pixels, torch.arange(20) % 2, ("even", "odd"))


def test_rows_of_an_unconditional_model(digits):
    torch.manual_seed(0)
    model = zoo.create("vae", image_size=4, width=2, latent_dim=2)
    picture, columns = overview(model, digits)
    rows = picture.split(columns)
    assert len(rows) == 4 + 1 + 1 + 1
    torch.testing.assert_close(torch.cat(rows[:4]), model.generate(4 * COLUMNS, seed=0))
    pick = torch.linspace(0, 19, COLUMNS).long()
    assert torch.equal(rows[4], digits.floats(pick))
    torch.testing.assert_close(rows[5], model.reconstruct(rows[4]))
    # The walk leads from the first reconstruction to the last.
    torch.testing.assert_close(rows[6][[0, -1]], rows[5][[0, -1]])


def test_a_conditional_model_shows_a_row_for_each_class(digits):
    torch.manual_seed(0)
    model = zoo.create("cgan", image_size=4, width=2, latent_dim=3, classes=("even", "odd"))
    model._encode = lambda images, condition, noise: torch.zeros(len(images), 3)  # inversion is slow
    picture, columns = overview(model, digits)
    rows = picture.split(columns)
    assert len(rows) == 2 + 1 + 1 + 1
    labels = torch.arange(2).repeat_interleave(COLUMNS)
    torch.testing.assert_close(torch.cat(rows[:2]), model.generate(16, condition=labels, seed=0))

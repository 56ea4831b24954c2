"""The field of a discriminator: what it says where, in which colours, and that looking changes nothing."""

import numpy as np
import pytest
import torch
from small_models import small

from zoo.data.dataset import TensorDataset
from zoo.reports import fields

SQUARE = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).repeat(10, 1)


@pytest.fixture
def data():
    return TensorDataset("square", "train", SQUARE)


def objective_of(name, **changes):
    model = small(name, image_shape=(2,))()
    return model.objective_class.create(model, **changes)


class Right(torch.nn.Module):
    """Takes for data what lies right of one half."""

    def forward(self, x):
        return 50 * (x[:, :1] - 0.5)


def pixels(objective, data):
    return np.array(fields.picture(objective, objective.model, data).convert("RGB"))


def test_what_is_taken_for_data_is_blue(data):
    objective = objective_of("gan")
    objective.discriminator = Right()
    shown = pixels(objective, data)
    assert shown.shape == (fields.CELLS * fields.PIXELS,) * 2 + (3,)
    corner = fields.PIXELS  # of the frame, where no data lie
    assert tuple(shown[corner, corner]) > tuple(shown[corner, -corner])
    assert shown[corner, corner, 0] > 150 > shown[corner, corner, 2]  # orange on the left
    assert shown[corner, -corner, 2] > 130 > shown[corner, -corner, 0]  # blue on the right
    where = round((0 + fields.MARGIN) / (1 + 2 * fields.MARGIN) * len(shown))
    assert tuple(shown[-1 - where, where]) in {fields.DATA, fields.SAMPLE}  # the lower left of the square


def test_scores_go_from_the_least_to_the_greatest(data):
    objective = objective_of("wgan-gp")
    objective.discriminator = Right()
    shown = pixels(objective, data)
    assert shown[4, 4, 0] > 150 > shown[4, 4, 2]
    assert shown[4, -4, 2] > 130 > shown[4, -4, 0]


def test_looking_changes_nothing(data):
    objective = objective_of("gan", dropout=0.5)
    objective.train()
    before = torch.get_rng_state()
    assert np.array_equal(pixels(objective, data), pixels(objective, data))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(part.training for part in objective.discriminator.modules())


def test_other_models_have_none(data):
    gan = small("gan")()
    assert fields.picture(gan.objective_class.create(gan), gan, data) is None  # of images
    flow = small("flow-2d")()
    assert fields.picture(flow.objective_class.create(flow), flow, data) is None

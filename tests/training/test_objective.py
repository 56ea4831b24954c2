"""What every objective inherits."""

import copy

import pytest
import torch
from torch import nn

from zoo.training.objective import Batch, Objective


def test_what_a_subclass_must_write_is_refused_by_the_base():
    objective = Objective(nn.Linear(1, 1))
    with pytest.raises(NotImplementedError):
        objective.optimizers()
    with pytest.raises(NotImplementedError):
        objective.steps(Batch(torch.zeros(1, 1, 2, 2)))


def test_the_model_is_part_of_the_objective_so_it_moves_and_is_saved_with_it():
    model = nn.Linear(1, 1)
    objective = Objective(model)
    assert objective.model is model
    assert set(objective.state_dict()) == {"model.weight", "model.bias"}
    copy.deepcopy(objective).double()
    assert model.weight.dtype is torch.float32
    objective.double()
    assert model.weight.dtype is torch.float64

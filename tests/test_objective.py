"""What every objective inherits."""

import copy

import pytest
import torch
from torch import nn

from zoo.objective import Batch, Objective, adam, split_batch


def test_what_a_subclass_must_write_is_refused_by_the_base():
    objective = Objective(nn.Linear(1, 1))
    with pytest.raises(NotImplementedError):
        objective.optimizers()
    with pytest.raises(NotImplementedError):
        objective.updates(Batch(torch.zeros(1, 1, 2, 2)))


def test_the_model_is_part_of_the_objective_so_it_moves_and_is_saved_with_it():
    model = nn.Linear(1, 1)
    objective = Objective(model)
    assert objective.model is model
    assert set(objective.state_dict()) == {"model.weight", "model.bias"}
    copy.deepcopy(objective).double()
    assert model.weight.dtype is torch.float32
    objective.double()
    assert model.weight.dtype is torch.float64


def test_each_network_has_an_adam_of_its_own_rate():
    first, second = nn.Linear(1, 2), nn.Linear(2, 1)
    made = adam({"first": first, "second": second}, {"second": 0.2, "first": 0.1}, (0.5, 0.9))
    assert list(made) == ["first", "second"]
    for name, network, rate in (("first", first, 0.1), ("second", second, 0.2)):
        (group,) = made[name].param_groups
        assert isinstance(made[name], torch.optim.Adam)
        assert (group["lr"], group["betas"], group["params"]) == (rate, (0.5, 0.9), list(network.parameters()))


def test_a_batch_is_split_with_all_that_belongs_to_it():
    rows = torch.arange(5)
    captions = tuple((str(row),) for row in range(5))
    whole = Batch(rows.view(5, 1, 1, 1), rows, 10 * rows.view(5, 1, 1, 1), captions)
    first, second = split_batch(whole, 2)
    for part, some in ((first, [0, 1, 2]), (second, [3, 4])):
        assert part.labels.tolist() == part.images.flatten().tolist() == some
        assert part.sources.flatten().tolist() == [10 * row for row in some]
        assert part.captions == tuple((str(row),) for row in some)

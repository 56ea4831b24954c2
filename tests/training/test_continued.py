"""A training goes on from call to call as one run does, also by way of a pickle."""

import pickle

import pytest
import torch

from zoo import building, registry
from zoo.data.dataset import TensorDataset
from zoo.errors import TrainingError
from zoo.recipe import Recipe
from zoo.training.continued import Continued
from zoo.training.loop import fit

RECIPE = Recipe(batch_size=4, ema=0.9, schedule="cosine", objective={"learning_rate": 0.01})
FLOW = registry.find_architecture("flow-2d")


def make():
    return building.create(FLOW, {"steps": 1, "width": 4})


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    return TensorDataset("rows", "train", torch.randn(16, 2, generator=generator))


def state(model):
    return torch.cat([tensor.double().flatten() for tensor in model.state_dict().values()])


def test_the_first_call_is_an_epoch_of_a_run(rows):
    training = Continued(RECIPE)
    model = training.go_on(make, rows, standardised=False)
    expected = fit(make, rows, RECIPE.override({"steps": 4, "schedule": "constant"}))
    assert training.step == 4
    assert torch.equal(state(model), state(expected))
    assert not model.training


def test_a_pickle_changes_nothing(rows):
    one = Continued(RECIPE)
    model = one.go_on(make, rows, standardised=False)
    other = pickle.loads(pickle.dumps(one))
    again = pickle.loads(pickle.dumps(other))  # before it was used
    expected = state(one.go_on(make, rows, standardised=True))
    assert not torch.equal(expected, state(model))
    for training in (other, again):
        assert torch.equal(state(training.go_on(lambda: model, rows, standardised=True)), expected)
        assert training.step == 8


def test_every_sample_is_seen_in_an_order_of_its_own(rows, monkeypatch):
    seen = []
    original = TensorDataset.floats
    monkeypatch.setattr(TensorDataset, "floats", lambda self, at: seen.append(at.tolist()) or original(self, at))
    training = Continued(RECIPE)
    few = TensorDataset("few", "train", rows.images[:6])
    for _ in range(2):
        training.go_on(make, few, standardised=False)
    assert list(map(len, seen)) == [3, 3, 3, 3]  # and not 4, which would leave two out
    assert sorted(seen[0] + seen[1]) == sorted(seen[2] + seen[3]) == list(range(6))
    assert seen[:2] != seen[2:]
    seen.clear()
    odd = TensorDataset("odd", "train", rows.images[:7])
    Continued(RECIPE.override({"batch_size": 3})).go_on(make, odd, standardised=False)
    assert list(map(len, seen)) == [2, 2, 3]  # and not 2 each, which would leave one out
    assert sorted(row for batch in seen for row in batch) == list(range(7))


def test_what_was_returned_is_not_trained_on(rows):
    training = Continued(RECIPE)
    model = training.go_on(make, rows, standardised=False)
    before = state(model)
    training.go_on(make, rows, standardised=False)
    assert torch.equal(state(model), before)


def test_generators_are_left_alone_and_divergence_is_told(rows):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Continued(RECIPE).go_on(make, rows, standardised=False)
    assert torch.equal(torch.get_rng_state(), before)
    wild = RECIPE.override({"objective.learning_rate": 1e30})
    many = TensorDataset("rows", "train", rows.images.repeat(8, 1))
    with pytest.raises(TrainingError, match=r"at step \d|diverged by step"):
        Continued(wild).go_on(make, many, standardised=False)

"""IAF, where it is not like MAF: test_maf.py has what they share."""

import pytest
import torch

import zoo
from zoo.objective import Batch


@pytest.fixture
def model(perturbed):
    return perturbed(zoo.create("iaf", image_shape=(4,), layers=2, hidden=(8,)), 0.3)


def passes(model, monkeypatch):
    """How often each network of the model is run from now on: a list that grows with every run."""
    runs = []
    for layer in model.bijection.layers[2:-1]:
        whole = layer.turned._affine
        monkeypatch.setattr(layer.turned, "_affine", lambda x, whole=whole, layer=layer: runs.append(layer) or whole(x))
    return runs


def test_samples_take_one_pass_and_training_one_for_each_value(model, monkeypatch):
    runs = passes(model, monkeypatch)
    model.generate(3, seed=0)
    assert len(runs) == 2  # layers
    runs.clear()
    model.log_prob(torch.randn(3, 4))
    assert not runs  # steps instead, which compute every unit once
    ((_, loss),) = model.objective_class.create(model).updates(Batch(torch.randn(3, 4)))
    loss.backward()
    assert len(runs) == 2 * 4


def test_decoding_is_what_the_layers_of_maf_do_to_data(model):
    _, actnorm, one, other, diagonal = model.bijection.layers
    z = torch.randn(3, 4)
    with torch.no_grad():
        x = other.turned(diagonal.inverse(z))[0]
        expected = actnorm.inverse(one.turned(x)[0])
    torch.testing.assert_close(model.decode(z), expected)

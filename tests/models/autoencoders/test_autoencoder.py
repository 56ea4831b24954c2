"""Autoencoder: the sandwiches of the lectures and of the paper."""

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ConfigError
from zoo.objective import Batch


def sizes(network):
    return [(layer.in_features, layer.out_features) for layer in network if isinstance(layer, nn.Linear)]


def test_the_default_is_the_textbooks():
    model = zoo.create("autoencoder")
    assert sizes(model.encoder) == [(784, 100), (100, 30)]
    assert sizes(model.decoder) == [(30, 100), (100, 784)]
    kinds = [type(layer).__name__ for layer in (*model.encoder, *model.decoder) if not isinstance(layer, nn.Linear)]
    assert kinds == ["Flatten", "SELU", "SELU", "SELU", "Sigmoid", "Unflatten"]


def test_the_papers_has_a_linear_code():
    model = zoo.create("autoencoder", hidden=[1000, 500, 250], activation="sigmoid", code="none")
    assert sizes(model.encoder) == [(784, 1000), (1000, 500), (500, 250), (250, 30)]
    assert sizes(model.decoder) == [(30, 250), (250, 500), (500, 1000), (1000, 784)]
    assert isinstance(model.encoder[-1], nn.Identity)
    assert model.encode(torch.rand(4, 1, 28, 28)).min() < 0


def test_overcomplete_and_shallow_ones_are_settings():
    assert sizes(zoo.create("autoencoder", hidden=[], latent_dim=1000).encoder) == [(784, 1000)]


def test_an_unknown_activation_is_refused():
    with pytest.raises(ConfigError, match="selu, relu, sigmoid, tanh, none"):
        zoo.create("autoencoder", activation="gelu")


@pytest.mark.parametrize("tied", [False, True])
def test_layers_may_first_be_trained_alone(tied):
    """Each gives back what the layers before it give, and nothing of those or of the layers after it moves."""
    torch.manual_seed(0)
    model = zoo.create("autoencoder", image_shape=[1, 4, 4], hidden=[8, 6], latent_dim=3, tied=tied, components=0)
    objective, x = model.objective_class.create(model, pretraining=5), torch.rand(4, 1, 4, 4)
    assert objective.phases == (0, 5, 10, 15)
    weights = [layer.weight for layer in model.encoder if isinstance(layer, nn.Linear)]
    back = (
        [weight.t() for weight in weights[::-1]] if tied else [m.weight for m in model.decoder if hasattr(m, "weight")]
    )
    h = x.flatten(1)
    for layer, step in enumerate((0, 9, 14)):
        objective.step = step
        model.zero_grad(set_to_none=True)
        ((network, loss),) = objective.updates(Batch(x))
        loss.backward()
        squash = torch.sigmoid if layer == 0 else torch.selu  # of pixels, and of what layers give
        after = torch.selu(h @ weights[layer].t())  # biases are 0
        made = squash(after @ back[-1 - layer].t())
        assert (network, loss.item()) == ("autoencoder", pytest.approx((made - h).square().mean().item(), rel=1e-5))
        assert [weight.grad is not None for weight in weights] == [place == layer for place in range(3)]
        h = after.detach()
    objective.step = 15
    ((_, loss),) = objective.updates(Batch(x))
    assert loss.item() == pytest.approx((model.decoder(model.encoder(x)) - x).square().mean().item(), rel=1e-5)


def test_all_layers_are_trained_at_once_unless_asked_for():
    model = zoo.create("autoencoder", image_shape=[1, 4, 4], components=0)
    assert model.objective_class.create(model).phases == (0,)

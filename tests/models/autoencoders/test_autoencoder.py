"""Autoencoder: the sandwiches of the lectures and of the paper."""

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ConfigError


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

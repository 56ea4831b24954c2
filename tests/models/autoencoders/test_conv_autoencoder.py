"""Convolutional autoencoder: the textbook's sizes, and any other that its layers can halve."""

import pytest
import torch

import zoo
from zoo.errors import ConfigError


@pytest.mark.parametrize(
    ("shape", "widths", "code"),
    [((1, 28, 28), (16, 32, 64), (64, 3, 3)), ((3, 64, 64), (8, 16), (16, 16, 16)), ((1, 9, 13), (2, 4), (4, 2, 3))],
)
def test_convolutions_give_back_the_shape_they_were_given(shape, widths, code):
    model = zoo.create("conv-autoencoder", image_shape=shape, widths=widths, components=0)
    assert model.latent_shape == code
    assert model.encode(torch.rand(2, *shape)).shape == (2, *code)
    assert model.decoder(torch.randn(2, *code)).shape == (2, *shape)


def test_images_too_small_for_the_layers_are_refused():
    with pytest.raises(ConfigError, match="sides of at least 8, which 3 layers halve"):
        zoo.create("conv-autoencoder", image_shape=(1, 7, 8))


def test_a_dense_layer_narrows_the_code():
    model = zoo.create("conv-autoencoder", latent_dim=16).eval()
    assert model.encode(torch.rand(2, 1, 28, 28)).shape == (2, 16)
    assert model.generate(2, seed=0).shape == (2, 1, 28, 28)


def test_a_mixture_larger_than_the_network_is_refused():
    with pytest.raises(ConfigError, match=r"of 4096 numbers .* components=0"):
        zoo.create("conv-autoencoder", image_shape=(3, 64, 64))

"""Encoders and decoders of autoencoders: dense layers and convolutions, with weights set by hand."""

import math

import pytest
import torch
from torch import nn

from zoo.errors import ConfigError
from zoo.nn import encoders


@pytest.fixture
def dense():
    """Two layers: 2 numbers to 2 with ReLU, and those to 1."""
    encoder = encoders.dense_encoder((2, 2, 1), "relu", "none")
    with torch.no_grad():
        encoder[1].weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 0.0]]))
        encoder[3].weight.copy_(torch.tensor([[1.0, 0.5]]))
        encoder[3].bias.fill_(-1)
    return encoder


def test_a_dense_encoder_by_hand(dense):
    """(3, 1) → (3 − 1, 2 · 3) = (2, 6) → 2 + 6 / 2 − 1; (1, 3) → (−2, 2), of which ReLU leaves (0, 2)."""
    assert dense(torch.tensor([[[[3.0, 1.0]]], [[[1.0, 3.0]]]])).tolist() == [[4.0], [0.0]]


def test_tied_weights_are_transposed_in_reverse_and_have_biases_of_their_own(dense):
    """5 → 5 · (1, 0.5) − (0, 1) = (5, 1.5) → (5 + 2 · 1.5, −5)."""
    decoder = encoders.dense_decoder((1, 2, 2), "relu", "none", (1, 1, 2), tied=dense)
    with torch.no_grad():
        decoder[0].bias.copy_(torch.tensor([0.0, -1.0]))
    assert decoder(torch.tensor([[5.0]])).tolist() == [[[[8.0, -5.0]]]]
    assert [name for name, _ in decoder.named_parameters()] == ["0.bias", "2.bias"]


def test_the_last_layer_alone_has_the_last_activation():
    def kinds(network):
        return [type(module).__name__ for module in network if not isinstance(module, nn.Linear)]

    assert kinds(encoders.dense_encoder((4, 3, 2), "tanh", "sigmoid")) == ["Flatten", "Tanh", "Sigmoid"]
    decoder = encoders.dense_decoder((2, 3, 4), "selu", "sigmoid", (1, 2, 2))
    assert kinds(decoder) == ["SELU", "Sigmoid", "Unflatten"]


@pytest.mark.parametrize(("activation", "range_"), encoders.RANGES.items())
def test_what_activations_make_fills_the_range_that_is_told(activation, range_):
    made = encoders.ACTIVATIONS[activation]()(torch.tensor([-math.inf, math.inf]))
    assert tuple(made.tolist()) == range_


@pytest.mark.parametrize(
    ("shape", "widths", "pooled"),
    [((3, 28, 30), (8, 16), (16, 7, 7)), ((1, 9, 13), (2, 4), (4, 2, 3)), ((3, 5, 5), (), (3, 5, 5))],
)
def test_each_pooling_halves_and_drops_what_is_odd(shape, widths, pooled):
    assert encoders.pooled_shape(shape, widths) == pooled
    assert tuple(encoders.conv_encoder(shape, widths, 0)(torch.zeros(2, *shape)).shape) == (2, *pooled)


def test_a_decoder_goes_back_through_the_very_sides():
    """9 × 13 was pooled to 4 × 6 and 2 × 3."""
    sides, z = [], torch.zeros(1, 4, 2, 3)
    for layer in encoders.conv_decoder((1, 9, 13), (2, 4), 0):
        z = layer(z)
        if isinstance(layer, nn.ConvTranspose2d):
            sides.append(tuple(z.shape[1:]))
    assert sides == [(2, 4, 6), (1, 9, 13)]


def test_a_dense_code_is_led_through_the_pooled_shape():
    decoder = encoders.conv_decoder((1, 8, 8), (2, 4), 3)
    assert (decoder[0].in_features, decoder[0].out_features, decoder[1].unflattened_size) == (3, 16, (4, 2, 2))
    images = decoder(torch.full((2, 3), 100.0))
    assert images.shape == (2, 1, 8, 8)
    assert 0 <= images.min() < images.max() <= 1


@pytest.mark.parametrize(
    ("activation", "spread"),
    [("selu", math.sqrt(1 / 400)), ("relu", math.sqrt(2 / 400)), ("tanh", math.sqrt(2 / 1000))],
)
def test_weights_are_drawn_for_what_comes_after_them(activation, spread):
    """Of 400 inputs and 600 outputs: LeCun's and He's by the inputs, Glorot's by both."""
    layer = nn.Linear(400, 600)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert encoders.initialised(layer, activation) is layer
    assert layer.weight.std().item() == pytest.approx(spread, rel=0.01)
    assert layer.bias.abs().max() == 0
    uniform = layer.weight.abs().max() <= math.sqrt(6 / 1000)
    assert uniform == (activation == "tanh")


def test_of_a_convolution_the_inputs_are_channels_times_pixels():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = encoders.initialised(nn.Conv2d(16, 400, 3), "selu")
    assert layer.weight.std().item() == pytest.approx(1 / 12, rel=0.01)


def test_the_first_layer_is_all_before_the_second(dense):
    assert list(encoders.first_layer(dense)) == list(dense)[:3]
    alone = encoders.dense_encoder((4, 2), "relu", "sigmoid")
    assert list(encoders.first_layer(alone)) == list(alone)
    convolutions = encoders.conv_encoder((1, 8, 8), (2, 4), 3)
    assert [type(module).__name__ for module in encoders.first_layer(convolutions)] == ["Conv2d", "SELU", "MaxPool2d"]


def test_shapes_that_are_none():
    encoders.check_shape("name", (3,))
    encoders.check_shape("name", (1, 2, 3))
    with pytest.raises(ConfigError, match=r"name: image_shape=\(2, 3\); expected \(channels, height, width\) or \(fea"):
        encoders.check_shape("name", (2, 3))


@pytest.mark.parametrize("shape", [(1, 8, 7), (1, 7, 8), (8,)])
def test_sides_that_cannot_be_halved_so_often(shape):
    encoders.check_sides("name", (1, 8, 8), (1, 1, 1))
    with pytest.raises(ConfigError, match=r"sides of at least 8, which 3 layers halve\. Use fewer layers"):
        encoders.check_sides("name", shape, (1, 1, 1))

"""Equalized layers, pixel norm and minibatch deviation against their equations."""

import math

import pytest
import torch
from torch.nn import functional as F

from zoo.nn.equalized import HE, EqualizedConv2d, EqualizedLinear, MinibatchStdDev, minibatch_std_dev, pixel_norm


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_a_dense_layer_has_unit_gain(rate):
    """With gain 1 the outputs of unit normal inputs are unit normal, whatever the number of inputs and the rate."""
    for before in (4, 400):
        layer = EqualizedLinear(before, 2000, gain=1, rate=rate)
        assert layer(torch.randn(200, before)).std().item() == pytest.approx(1, rel=0.05)
        assert layer.weight.std().item() == pytest.approx(1 / rate, rel=0.05)


def test_a_convolution_has_unit_gain():
    for before, kernel in ((2, 1), (64, 3), (8, 4)):
        layer = EqualizedConv2d(before, 500, kernel, padding=0, gain=1)
        assert layer(torch.randn(64, before, 6, 6)).std().item() == pytest.approx(1, rel=0.08)


def test_the_usual_gain_keeps_the_second_moment_through_relus():
    x = torch.randn(500, 300)
    for layer in [EqualizedLinear(300, 300) for _ in range(6)]:
        x = F.relu(layer(x))
    assert x.square().mean().item() == pytest.approx(0.5 * HE**2, rel=0.15)


def test_layers_by_hand():
    x = torch.tensor([[1.0, 2.0, -1.0, 3.0]])
    dense = EqualizedLinear(4, 1, gain=3, rate=0.1, start=0.5)
    with torch.no_grad():
        dense.weight.copy_(torch.tensor([[10.0, 20.0, 30.0, 40.0]]))
    # (10 + 40 − 30 + 120) · 3/√4 · 0.1 + 0.5
    assert dense(x).item() == pytest.approx(140 * 0.15 + 0.5)
    conv = EqualizedConv2d(2, 3, 3, stride=2, gain=1)
    images = torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(conv(images), F.conv2d(images, conv.weight / math.sqrt(18), None, 2, 1))


def test_one_step_of_adam_moves_a_slow_layer_by_less():
    moved = []
    for rate in (1.0, 0.01):
        layer = EqualizedLinear(10, 10, rate=rate)
        x = torch.randn(50, 10)
        before = layer(x).detach()
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        layer(x).sum().backward()
        optimizer.step()
        moved.append((layer(x) - before).abs().mean().item())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=0.2)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5)])
def test_pixel_norm_by_hand(shape):
    x = torch.randn(shape)
    normed = pixel_norm(x)
    torch.testing.assert_close(normed.square().mean(1), torch.ones(shape[:1] + shape[2:]))
    torch.testing.assert_close(F.normalize(normed, dim=1), F.normalize(x, dim=1))
    assert not pixel_norm(torch.zeros(shape)).any()


def test_deviation_by_hand():
    """Two groups, of images 0 and 2 and of 1 and 3, with standard deviations 1 and 3 at every value, and 0."""
    x = torch.zeros(4, 2, 3, 3)
    x[0], x[2] = 1, 3  # the mean 2, both 1 away from it
    x[1], x[3] = -2, 4
    told = minibatch_std_dev(x, group=2)
    assert told.shape == (4, 3, 3, 3)
    assert torch.equal(told[:, :2], x)
    torch.testing.assert_close(told[:, 2], torch.tensor([1.0, 3.0, 1.0, 3.0])[:, None, None].expand(4, 3, 3))
    assert minibatch_std_dev(x[:1])[:, 2].abs().max() < 2e-4  # nothing to compare with
    torch.testing.assert_close(MinibatchStdDev()(x), minibatch_std_dev(x, 4))


def test_a_batch_that_cannot_be_shared_out_is_one_group():
    x = torch.randn(6, 2, 3, 3)
    expected = x.var(0, unbiased=False).sqrt().mean().expand(6, 3, 3)
    torch.testing.assert_close(minibatch_std_dev(x, group=4)[:, 2], expected)

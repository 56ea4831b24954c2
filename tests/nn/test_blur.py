"""Filtered changes of size, against the definition: zeros between pixels and around them, then the filter."""

import pytest
import torch
from torch.nn import functional as F

from zoo.nn.blur import blurred, enlarged, enlarging_conv

KERNEL = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])).double() / 64


def filtered(x, before, after):
    """With `before` zeros above and left of the images and `after` below and right, pixel by pixel."""
    x = F.pad(x, (before, after, before, after))
    height, width = x.shape[2] - 3, x.shape[3] - 3
    return sum(KERNEL[i, j] * x[:, :, i : i + height, j : j + width] for i in range(4) for j in range(4))


def spread(x):
    """A zero after each pixel, along both sides."""
    wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[:, :, ::2, ::2] = x
    return wide


@pytest.fixture
def x():
    return torch.randn(2, 3, 6, 5, dtype=torch.float64)


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_blurred(x, padding):
    torch.testing.assert_close(blurred(x, padding, gain=2.0), 2 * filtered(x, padding, padding))
    flat = blurred(torch.ones(1, 1, 9, 9), 0)
    torch.testing.assert_close(flat, torch.ones(1, 1, 6, 6))  # a plain image stays plain


def test_enlarged(x):
    torch.testing.assert_close(enlarged(x), 4 * filtered(spread(x), 2, 1))
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(enlarged(x)[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1])  # but for the border


def test_enlarging_and_convolving(x):
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    got = enlarging_conv(x, weight)
    assert got.shape == (2, 4, 12, 10)
    # A transposed convolution is one with the weights turned, of the pixels with zeros between them.
    wide = F.conv2d(F.pad(spread(x), (2, 1, 2, 1)), weight.flip(2, 3))
    torch.testing.assert_close(got, 4 * filtered(wide, 1, 1))

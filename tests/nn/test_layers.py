"""Layers: each is the function that torch's own is, forwards and backwards, and keeps the layout it is there for."""

import copy

import pytest
import torch
from torch import nn

from zoo.nn.layers import InstanceNorm2d, NarrowConv2d, bounded, dense


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def gradients(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Of a loss that weighs every output differently, by the input and by each parameter."""
    x = x.clone().requires_grad_()
    y = layer(x)
    (y * torch.arange(y.numel()).view_as(y)).sum().backward()
    return [x.grad, *(parameter.grad for parameter in layer.parameters())]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_instance_norm_is_torchs(n, affine, mode):
    layer, torchs = (kind(4, affine=affine).double() for kind in (InstanceNorm2d, nn.InstanceNorm2d))
    if affine:
        for module in (layer, torchs):
            module.load_state_dict({"weight": torch.arange(4) + 0.5, "bias": torch.arange(4) - 1.0})
    getattr(layer, mode)()
    x = images(n, 4, 5, 6)
    laid = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(laid), torchs(x))
    assert layer(laid).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(x), torchs(x))
    for ours, theirs in zip(gradients(layer, laid), gradients(torchs, x), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_images_are_normed_alone():
    layer, x = InstanceNorm2d(4).double(), images(3, 4, 5, 6).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]))


def test_of_a_single_pixel_there_is_no_norm():
    for layout in (torch.contiguous_format, torch.channels_last):
        with pytest.raises(ValueError, match="more than 1"):
            InstanceNorm2d(4)(torch.ones(1, 4, 1, 1).to(memory_format=layout))


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (8, 9)])
@pytest.mark.parametrize(
    "options",
    [
        {"padding": 2},
        {"padding": 2, "padding_mode": "reflect"},
        {"padding": (2, 1), "bias": False},
        {"padding": "same"},
        {"stride": 2},
        {"dilation": 2, "padding": 4},
        {"groups": 3},
        {},
    ],
)
def test_the_narrow_convolution_is_torchs(options, size):
    layer, torchs = (kind(6, 3, 5, **options).double() for kind in (NarrowConv2d, nn.Conv2d))
    torchs.load_state_dict(copy.deepcopy(layer.state_dict()))
    x = images(2, 6, *size)
    torch.testing.assert_close(layer(x), torchs(x))
    for ours, theirs in zip(gradients(layer, x), gradients(torchs, x), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_narrow_convolution_takes_four_pixels_at_once(monkeypatch):
    strides, conv2d = [], nn.functional.conv2d

    def watched(*arguments, **options):
        strides.append(options["stride"])
        return conv2d(*arguments, **options)

    monkeypatch.setattr(nn.functional, "conv2d", watched)
    assert NarrowConv2d(6, 3, 5, padding=2)(torch.rand(1, 6, 8, 8)).shape == (1, 3, 8, 8)
    assert strides == [2]


def test_bounded_has_the_gradient_of_what_it_bounds():
    x = torch.tensor([-0.5, 0.25, 1.5], requires_grad=True)
    images = bounded(x)
    assert images.tolist() == [0, 0.25, 1]
    (images * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [1, 2, 3]


def test_the_last_dense_layer_is_bare():
    assert isinstance(dense([3, 4, 5])[-1], nn.Linear)
    assert isinstance(dense([3, 4, 5], dropout=0.5)[-1], nn.Linear)
    assert len(dense([3, 5])) == 1

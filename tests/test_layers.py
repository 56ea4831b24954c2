"""Layers: each is the function that torch's own is, forwards and backwards, and keeps the layout it is there for."""

import copy

import pytest
import torch
from torch import nn

from zoo.layers import InstanceNorm2d, NarrowConv2d


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


@pytest.mark.parametrize(
    "padding", [{"padding": 4}, {"padding": 4, "padding_mode": "reflect"}, {"padding": 4, "bias": False}]
)
def test_the_narrow_convolution_is_torchs(padding):
    layer = NarrowConv2d(5, 3, 9, **padding).double()
    torchs = nn.Conv2d(5, 3, 9, **padding).double()
    torchs.load_state_dict(copy.deepcopy(layer.state_dict()))
    x = images(2, 5, 8, 12)
    torch.testing.assert_close(layer(x), torchs(x))
    for ours, theirs in zip(gradients(layer, x), gradients(torchs, x), strict=True):
        torch.testing.assert_close(ours, theirs)

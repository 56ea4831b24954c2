"""Planar flow. What it shares with every flow is proven in test_every_flow.py."""

import math

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.models.flows.planar import Plane


def plane(features=3, size=1.0, seed=0):
    torch.manual_seed(seed)
    layer = Plane(features).double()
    for parameter in layer.parameters():
        parameter.data.add_(size * torch.randn_like(parameter))
    return layer.requires_grad_(False)


def test_a_layer_is_the_formula_of_the_paper():
    layer = plane()
    w, u, b = layer.w, layer.u, layer.b
    along = w @ u
    pushed = u + (-1 + torch.log(1 + along.exp()) - along) * w / w.norm() ** 2  # appendix A.1
    x = torch.randn(4, 3, dtype=torch.float64)
    a = x @ w + b
    z, log_det = layer(x)
    torch.testing.assert_close(z, x + pushed * torch.tanh(a)[:, None])
    slope = 1 - torch.tanh(a) ** 2
    torch.testing.assert_close(log_det, (1 + slope * (pushed @ w)).abs().log())


def test_a_new_layer_is_the_identity():
    layer = Plane(4)
    x = torch.randn(5, 4)
    z, log_det = layer(x)
    torch.testing.assert_close(z, x)
    assert log_det.abs().max() < 1e-6
    torch.testing.assert_close(layer.inverse(x), x)


@pytest.mark.parametrize("along", [-30.0, -5.0, 0.0, 5.0, 30.0])
def test_whatever_u_is_the_layer_can_be_inverted(along):
    layer = plane()
    layer.u.copy_(along * layer.w / layer.w.square().sum())
    assert layer.push()[1].item() == pytest.approx(math.log1p(math.exp(along)) - 1)
    x = 3 * torch.randn(50, 3, dtype=torch.float64)
    z, log_det = layer(x)
    assert log_det.isfinite().all()
    steepness = math.exp(-log_det.min().item())  # how much the inverse magnifies rounding
    assert (layer.inverse(z) - x).abs().max() < 1e-13 * max(steepness, 10)
    assert (layer(layer.inverse(x))[0] - x).abs().max() < 1e-12


def test_latents_far_out_are_inverted_too():
    layer = plane()
    z = torch.tensor([[1e3] * 3, [-1e3] * 3], dtype=torch.float64)
    assert (layer(layer.inverse(z))[0] - z).abs().max() < 1e-9


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1, 4, 4)}, r"\(features,\)"),
        ({"image_shape": (0,)}, r"\(features,\)"),
        ({"layers": 0}, "least 1"),
    ],
)
def test_impossible_sizes_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create("planar", **fields)


def test_the_inverse_has_the_gradient_of_the_inverse_function():
    """Of its argument and of its parameters, by differences."""
    layer = plane(2, 0.5)
    z = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    values = tuple(getattr(layer, name).clone().requires_grad_() for name in ("w", "u", "b"))

    class Inverse(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, z):
            return self.layer.inverse(z)

    def inverse(z, *parameters):
        named = dict(zip(("layer.w", "layer.u", "layer.b"), parameters, strict=True))
        return torch.func.functional_call(Inverse(), named, z)

    assert torch.autograd.gradcheck(inverse, (z, *values))

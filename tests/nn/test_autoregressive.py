"""Masked autoregressive layers: zero patterns of Jacobians, and a sequential direction that is exact."""

import pytest
import torch

from zoo.nn.autoregressive import InverseAutoregressive, MaskedAutoregressive
from zoo.nn.bijections import Chain

# features, hidden widths: fewer units than values, as many, more; one and several layers; a layer of one unit.
SIZES = [(2, (3,)), (3, (8, 8)), (6, (4,)), (7, (3, 9)), (5, (9, 1, 6)), (12, (5, 40))]
SHAPES = [(features, hidden, reverse) for features, hidden in SIZES for reverse in (False, True)]


@pytest.fixture(params=SHAPES, ids=str)
def layer(request, perturbed):
    """A layer with random weights everywhere, in float64 and eval mode."""
    features, hidden, reverse = request.param
    torch.manual_seed(0)
    return perturbed(MaskedAutoregressive(features, hidden, reverse=reverse), 0.3).double()


def draws(layer, n=5, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, len(layer.network.order), generator=generator, dtype=torch.float64)


def jacobian(function, row):
    return torch.autograd.functional.jacobian(lambda x: function(x[None])[0], row)


def test_outputs_depend_on_all_values_before_and_on_no_other(layer):
    order = torch.tensor(layer.network.order)
    size = len(order)
    # Some ReLUs are closed at any one point: what depends on what is seen over several.
    seen = sum(jacobian(layer.network, x).abs() for x in draws(layer, 20))
    for half in seen.split(size):
        by_order = half[order][:, order]
        assert not by_order.triu().any()  # neither its own value nor a later one
        if min(len(m.after) for m in layer.network.hidden) >= size - 1:
            assert (by_order.tril(-1) > 0).sum() == size * (size - 1) / 2


# The bijection -------------------------------------------------------------------------------------------------------


def test_jacobian_is_triangular_in_the_order_of_the_values(layer):
    order = torch.tensor(layer.network.order)
    by_order = jacobian(lambda x: layer(x)[0], draws(layer)[0])[order][:, order]
    assert not by_order.triu(1).any()
    assert by_order.diagonal().min() > 0


def test_both_directions_undo_each_other(layer):
    x, z = draws(layer), draws(layer, seed=2)
    with torch.no_grad():
        assert (layer(x)[0] - x).abs().max() > 0.05
        assert (layer.inverse(layer(x)[0]) - x).abs().max() < 1e-12
        assert (layer(layer.inverse(z))[0] - z).abs().max() < 1e-12
        single = layer.float()
        assert (single.inverse(single(x.float())[0]) - x).abs().max() < 1e-5


def test_log_determinants_are_those_of_autograd(layer, log_det_by_autograd):
    x, z = draws(layer, 2), draws(layer, 2, seed=2)
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    torch.testing.assert_close(layer(x)[1], log_det_by_autograd(lambda rows: layer(rows)[0], x), rtol=0, atol=1e-11)
    by_autograd = log_det_by_autograd(lambda rows: layer.solve(rows)[0], z)
    torch.testing.assert_close(layer.solve(z)[1], by_autograd, rtol=0, atol=1e-11)


def test_the_differentiable_sequential_direction_is_the_same_and_its_gradients_are_those_of_the_inverse(layer):
    z = draws(layer)
    x, log_det = layer.solve(z.requires_grad_())
    with torch.no_grad():
        fast, fast_log_det = layer.solve(z)
    torch.testing.assert_close(x.detach(), fast, rtol=0, atol=1e-12)
    torch.testing.assert_close(log_det.detach(), fast_log_det, rtol=0, atol=1e-12)
    # The inverse function theorem: dx/dz is the inverse matrix of dz/dx.
    there = jacobian(lambda rows: layer(rows)[0], x[0].detach())
    back = jacobian(lambda rows: layer.solve(rows)[0], z[0].detach())
    torch.testing.assert_close(back @ there, torch.eye(len(there), dtype=torch.float64), rtol=0, atol=1e-10)
    (x.square().sum() + log_det.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    assert layer.network.last.weight.grad.abs().sum() > 0


def test_gradients_of_a_parameter_through_the_sequential_direction_are_those_of_differences(perturbed):
    layer = perturbed(MaskedAutoregressive(4, (6, 5)), 0.3).double()
    z = draws(layer)
    bias = layer.network.hidden[0].bias

    def total():
        x, log_det = layer.solve(z)
        return x.pow(3).sum() + log_det.sum()

    total().backward()
    for i in range(len(bias)):
        with torch.no_grad():
            bias[i] += 1e-6
            up = total()
            bias[i] -= 2e-6
            down = total()
            bias[i] += 1e-6
        assert bias.grad[i].item() == pytest.approx(((up - down) / 2e-6).item(), rel=1e-5, abs=1e-7)


def test_a_new_layer_is_the_identity():
    layer = MaskedAutoregressive(6, (9, 4)).eval()
    x = torch.randn(3, 6)
    z, log_det = layer(x)
    assert torch.equal(z, x)
    assert not log_det.any()
    assert torch.equal(layer.inverse(x), x)


def test_log_scales_are_bounded(perturbed):
    layer = perturbed(MaskedAutoregressive(4, (8,), bound=1.5), 1.0).double()
    with torch.no_grad():
        for log_det in (layer(1e3 * draws(layer))[1], layer.solve(1e3 * draws(layer))[1]):
            assert log_det.isfinite().all()
            assert 1.5 < log_det.abs().max() <= 4 * 1.5


def test_the_other_way_round_exchanges_the_directions(layer):
    turned = InverseAutoregressive(len(layer.network.order), (3,))
    turned.turned = layer
    x = draws(layer)
    with torch.no_grad():
        torch.testing.assert_close(turned(x)[0], layer.inverse(x), rtol=0, atol=0)
        torch.testing.assert_close(turned.inverse(x), layer(x)[0], rtol=0, atol=0)
        torch.testing.assert_close(turned(x)[1], -layer(turned(x)[0])[1], rtol=0, atol=1e-12)


def test_a_stack_of_both_orders_lets_every_value_depend_on_every_other(perturbed):
    stack = Chain(*(MaskedAutoregressive(4, (12,), reverse=turn) for turn in (False, True)))
    stack = perturbed(stack, 0.3).double()
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert sum(jacobian(lambda rows: stack(rows)[0], row).abs() for row in x).min() > 0

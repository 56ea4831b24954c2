"""The solver that computes each unit once: exact, no dearer than a pass, and never of old weights."""

import copy

import pytest
import torch

from zoo.nn.autoregressive import MaskedAutoregressive
from zoo.nn.fused_made import BLOCK

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


def passes(layer, z):
    """z to x by one full pass of the network for each value, as it is usually done."""
    x = torch.zeros_like(z)
    for place in layer.network.order:
        shift, raw = layer.network(x).chunk(2, dim=1)
        scale = layer.bound * torch.tanh(raw / layer.bound)
        x[:, place] = z[:, place] * torch.exp(scale[:, place]) + shift[:, place]
    return x


@torch.no_grad()
def test_computing_each_unit_once_gives_what_a_full_pass_for_each_value_gives(layer):
    z = draws(layer)
    x, log_det = layer.solve(z)
    torch.testing.assert_close(x, passes(layer, z), rtol=0, atol=1e-12)
    torch.testing.assert_close(log_det, -layer(x)[1], rtol=0, atol=1e-12)
    single = layer.float()
    torch.testing.assert_close(single.solve(z.float())[0], passes(single, z.float()), rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_all_steps_together_compute_no_more_than_one_pass(layer):
    steps = layer.fusion().steps
    made = [layer.network.last, *layer.network.hidden]
    once = sum((m.in_features + 1) * m.out_features for m in made)  # one more for the bias
    assert sum(step.affine.numel() + sum(w.numel() for w in step.weights) for step in steps) <= once
    assert sum(step.values for step in steps) == len(layer.network.order)
    assert len(steps) <= len(layer.network.order)


@pytest.mark.parametrize("reverse", [False, True])
def test_leaving_out_blocks_of_zeros_changes_nothing(reverse, perturbed):
    layer = perturbed(MaskedAutoregressive(90, (200, 300), reverse=reverse), 0.1).double()
    x = draws(layer, 2 * BLOCK)
    with_gradients = layer(x)
    with torch.no_grad():
        whole, in_blocks = layer(x[: BLOCK - 1]), layer(x)
    for a, b, c in zip(whole, in_blocks, with_gradients, strict=True):
        torch.testing.assert_close(a, b[: BLOCK - 1], rtol=0, atol=1e-12)
        torch.testing.assert_close(c.detach(), b, rtol=0, atol=1e-12)
    weights = sum(m.weight.numel() for m in layer.network.layers())
    blocks = layer.fusion().blocks.named_buffers()
    used = sum(weight.numel() for name, weight in blocks if "weight" in name)
    assert used < 0.85 * weights


def both(layer, x):
    with torch.no_grad():
        return layer(x)[0], layer.inverse(x)


def test_weights_that_are_fused_are_made_anew_when_parameters_change(layer):
    x = draws(layer)
    before = both(layer, x)
    layer.fuse()
    fused = layer.fused
    assert all(torch.equal(a, b) for a, b in zip(both(layer, x), before, strict=True))
    assert layer.fused is fused  # nothing was made again

    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer(x)[0].square().sum().backward()
    optimizer.step()
    after = both(layer, x)
    assert all((a - b).abs().max() > 1e-6 for a, b in zip(after, before, strict=True))
    torch.testing.assert_close(after[1], passes(layer, x), rtol=0, atol=1e-12)

    layer.fuse()
    layer.load_state_dict({name: 0.5 * value for name, value in layer.state_dict().items()})
    torch.testing.assert_close(both(layer, x)[1], passes(layer, x).detach(), rtol=0, atol=1e-12)
    layer.fuse()
    layer.load_state_dict({name: value.clone() * 3 for name, value in layer.state_dict().items()}, assign=True)
    torch.testing.assert_close(both(layer, x)[1], passes(layer, x).detach(), rtol=0, atol=1e-12)
    for module in (*layer.network.hidden, layer.network.last):  # past autograd, as some moving averages are written
        module.weight.data.mul_(0.5)
        module.bias.data.mul_(0.5)
    torch.testing.assert_close(both(layer, x)[1], passes(layer, x).detach(), rtol=0, atol=1e-12)
    layer.fuse()
    assert both(layer.float(), x.float())[1].dtype == torch.float32


def test_copies_do_not_share_what_is_fused(layer):
    x = draws(layer)
    layer.fuse()
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.network.last.bias += 1
    twin.fuse()
    assert torch.equal(both(layer, x)[1], both(copy.deepcopy(layer), x)[1])
    assert (both(twin, x)[1] - both(layer, x)[1]).abs().max() > 0.1


def test_nothing_is_fused_in_training(perturbed):
    layer = perturbed(MaskedAutoregressive(4, (6,)))
    x = torch.randn(3, 4)
    layer.fuse()
    assert layer.fused is not None
    layer.train()
    assert layer.fused is None
    with torch.no_grad():
        layer(x)
        layer.inverse(x)
        layer.fuse()
    assert layer.fused is None


def test_layers_made_in_inference_mode_work(perturbed):
    with torch.inference_mode():
        layer = perturbed(MaskedAutoregressive(4, (6,)), 0.3)
        x = torch.randn(3, 4)
        torch.testing.assert_close(layer.inverse(layer(x)[0]), x)
        layer.network.last.bias.add_(1)
        torch.testing.assert_close(layer.inverse(layer(x)[0]), x)

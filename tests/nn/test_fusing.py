"""Fused linear layers compute what the layers do, and are dropped where weights may change."""

import copy
import io

import pytest
import torch
from torch import nn

from zoo.nn.bijections import Chain, Coupling, Squeeze
from zoo.nn.fusing import Product
from zoo.nn.linear import LU, ActNorm

TOLERANCES = [(torch.float32, 1e-5), (torch.float64, 1e-10)]


def shaken(module, dtype=torch.float32):
    """`module` in eval mode with random weights everywhere."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return module.to(dtype).eval()


def linear(features=6):
    torch.manual_seed(0)
    return Chain(ActNorm(features), LU(features), LU(features, permute=False))


def step():
    network = nn.Conv2d(6, 12, 3, padding=1)
    return Chain(Squeeze((3, 4, 4)), ActNorm(12), LU(12), Coupling(network, (0,), 2))


def batch(shape, dtype=torch.float32):
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def by_layers(chain, x):
    """With gradients of the weights, for which nothing is fused."""
    return *(part.detach() for part in chain(x)), chain.inverse(x).detach()


def fused(chain, x):
    with torch.inference_mode():
        return *chain(x), chain.inverse(x)


def assert_close(chain, x, tolerance=1e-5):
    for mine, expected in zip(fused(chain, x), by_layers(chain, x), strict=True):
        assert mine.dtype == x.dtype
        torch.testing.assert_close(mine, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(6,), (6, 4, 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_a_fused_product_is_its_layers_both_ways(shape, dtype, tolerance):
    assert_close(shaken(linear(), dtype), batch(shape, dtype), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_a_step_of_flow_is_its_layers_both_ways(dtype, tolerance):
    chain, x = shaken(step(), dtype), batch((3, 4, 4), dtype)
    z, log_det = (part.detach() for part in chain(x))
    with torch.inference_mode():
        mine, change = chain(x)
        back = chain.inverse(mine)
    torch.testing.assert_close(mine, z, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(change, log_det, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(back, x, rtol=tolerance, atol=tolerance)


def test_only_runs_with_an_lu_are_fused():
    chain = Chain(ActNorm(4), Squeeze((4, 2, 2)), LU(16), ActNorm(16)).eval()
    with torch.inference_mode():
        steps = chain._steps(batch((4, 2, 2)))
    assert [type(each) for each in steps] == [ActNorm, Squeeze, Product]
    assert torch.equal(steps[2].weight, Product(chain.layers[2:]).weight)


def replace(chain):
    chain.layers[1] = shaken(LU(6))


def write_data(chain):
    chain.layers[1].lu.data[0, 1] += 1  # which leaves no trace in the version of the parameter


def replace_data(chain):
    chain.layers[0].shift.data = torch.ones(6)


def load(chain):
    chain.load_state_dict(shaken(linear()).state_dict())


def load_and_assign(chain):
    chain.load_state_dict(shaken(linear()).state_dict(), assign=True)


def step_of(kind, **options):
    def change(chain):
        optimizer = kind(chain.parameters(), lr=0.1, **options)
        z, log_det = chain(batch((6,)))
        (z.square().sum() - log_det.sum()).backward()
        optimizer.step()

    return change


def average(chain):
    with torch.no_grad():
        mine, others = list(chain.parameters()), list(shaken(linear()).parameters())
        torch._foreach_lerp_(mine, others, 0.5)


def in_inference_mode(chain):
    with torch.inference_mode():
        chain.layers[0].log_scale.add_(1)


def flip_a_sign(chain):
    chain.layers[1].sign[0] *= -1


def permute(chain):
    chain.layers[1].permutation.copy_(chain.layers[1].permutation.roll(1))


CHANGES = {
    "another layer": replace,
    "a write to .data": write_data,
    "another .data": replace_data,
    "load_state_dict": load,
    "load_state_dict(assign=True)": load_and_assign,
    "SGD": step_of(torch.optim.SGD),
    "Adam": step_of(torch.optim.Adam, foreach=True),
    "fused Adam": step_of(torch.optim.Adam, fused=True),
    "moving average": average,
    "in place under inference mode": in_inference_mode,
    "buffer of signs": flip_a_sign,
    "permutation": permute,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_tensor_is_noticed(change):
    chain, x = linear().eval(), batch((6,))
    before = fused(chain, x)
    change(chain)
    assert (fused(chain, x)[0] - before[0]).abs().max() > 1e-3
    assert_close(chain, x)


@pytest.mark.parametrize("change", ["load_state_dict", "load_state_dict(assign=True)", "SGD", "Adam", "fused Adam"])
def test_what_was_fused_is_dropped_when_weights_are_loaded_or_trained(change):
    chain, x = linear().eval(), batch((6,))
    chain.fuse()
    before = fused(chain, x)
    CHANGES[change](chain)
    assert chain.fused is None
    assert (fused(chain, x)[0] - before[0]).abs().max() > 1e-3
    assert_close(chain, x)


def test_another_type_is_noticed_and_the_way_back():
    chain, x = shaken(linear()), batch((6,))
    chain.fuse()
    before = fused(chain, x)[0]
    assert chain.double().fused is not None
    assert_close(chain, x.double(), 1e-10)
    chain.fuse()
    assert torch.equal(fused(chain.float(), x)[0], before)


def test_what_is_fused_is_in_eval_mode_as_its_layers_are():
    """Or a model would be one of which a part is in training, of which every call makes a copy."""
    chain = shaken(linear()).eval()
    chain.fuse()
    assert chain.fused is not None
    assert not any(module.training for module in chain.modules())
    assert not any(module.training for module in chain.double().modules())


def test_after_fuse_nothing_is_made_again_and_no_value_is_another(monkeypatch):
    chain, x = shaken(linear()), batch((6,))
    first = fused(chain, x)
    chain.fuse()
    monkeypatch.setattr(LU, "weight", None)
    assert all(map(torch.equal, fused(chain, x), first))


@pytest.mark.parametrize("inference", [False, True])
def test_gradients_to_the_input_come_through_what_was_fused(inference):
    chain, x = shaken(linear(), torch.float64), batch((6,), torch.float64).requires_grad_()
    (expected,) = torch.autograd.grad(chain(x)[0].square().sum(), x)
    with torch.inference_mode(inference):
        chain.requires_grad_(False).fuse()
    (mine,) = torch.autograd.grad(chain(x)[0].square().sum(), x)
    torch.testing.assert_close(mine, expected, rtol=0, atol=1e-10)


def test_with_gradients_in_training_or_under_autocast_nothing_is_fused(monkeypatch):
    chain, x = shaken(linear()), batch((6,))
    chain.fuse()
    monkeypatch.setattr(Product, "forward", None)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert chain(x)[0].isfinite().all()
    assert chain.fused is not None
    chain(x)[0].sum().backward()
    assert chain.layers[1].lu.grad.abs().max() > 0
    chain.fuse()
    with torch.inference_mode():
        chain.layers[0].train()
        chain(x)
    assert chain.layers[0].initialised
    chain.train().fuse()
    assert chain.fused is None


def test_a_model_that_is_fused_can_be_copied_pickled_and_trained():
    chain, x = shaken(linear()), batch((6,))
    chain.fuse()
    before = fused(chain, x)[0]
    twin = copy.deepcopy(chain)
    twin.layers[0].shift.data += 1
    twin.fuse()
    assert (fused(twin, x)[0] - before).abs().max() > 0.1
    assert_close(twin, x)
    assert torch.equal(fused(chain, x)[0], before)  # the copy has its own
    file = io.BytesIO()
    torch.save(chain, file)
    file.seek(0)
    assert torch.equal(fused(torch.load(file, weights_only=False), x)[0], before)
    assert set(chain.state_dict()) == set(linear().state_dict())
    chain(x)[0].sum().backward()


def test_a_chain_made_under_inference_mode_fuses_too():
    with torch.inference_mode():
        chain = shaken(linear())
        chain.fuse()
    assert_close(chain, batch((6,)))
    with torch.inference_mode():
        chain.layers[0].shift.add_(1)
        chain.fuse()
    assert_close(chain, batch((6,)))

"""Folded linear layers compute what the layers do, and notice every way in which a tensor can change."""

import copy
import io

import pytest
import torch
from torch import nn

from zoo.nn.bijections import LU, ActNorm, Chain, Coupling, Squeeze
from zoo.nn.folding import Folded

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
    with torch.no_grad():
        return *chain(x), chain.inverse(x)


def folded(chain, x):
    with torch.inference_mode():
        return *chain(x), chain.inverse(x)


def assert_close(chain, x, tolerance=1e-5):
    for mine, expected in zip(folded(chain, x), by_layers(chain, x), strict=True):
        assert mine.dtype == x.dtype
        torch.testing.assert_close(mine, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(6,), (6, 4, 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_a_folded_product_is_its_layers_both_ways(shape, dtype, tolerance):
    assert_close(shaken(linear(), dtype), batch(shape, dtype), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_a_step_of_flow_is_its_layers_both_ways(dtype, tolerance):
    chain, x = shaken(step(), dtype), batch((3, 4, 4), dtype)
    with torch.no_grad():
        z, log_det = chain(x)
    with torch.inference_mode():
        mine, change = chain(x)
        back = chain.inverse(mine)
    torch.testing.assert_close(mine, z, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(change, log_det, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(back, x, rtol=tolerance, atol=tolerance)


def test_only_runs_with_an_lu_are_folded():
    chain = Chain(ActNorm(4), Squeeze((4, 2, 2)), LU(16), ActNorm(16)).eval()
    with torch.inference_mode():
        steps = chain._steps(batch((4, 2, 2)))
    assert [type(each) for each in steps] == [ActNorm, Squeeze, Folded]
    assert list(steps[2].layers) == list(chain.layers[2:])


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
    before = folded(chain, x)
    change(chain)
    assert (folded(chain, x)[0] - before[0]).abs().max() > 1e-3
    assert_close(chain, x)


def test_another_type_is_noticed_and_the_way_back():
    chain, x = shaken(linear()), batch((6,))
    before = folded(chain, x)[0]
    assert_close(chain.double(), x.double(), 1e-10)
    assert torch.equal(folded(chain.float(), x)[0], before)


def test_unchanged_tensors_are_folded_once(monkeypatch):
    chain, x = shaken(linear()), batch((6,))
    first = folded(chain, x)
    monkeypatch.setattr(LU, "weight", None)
    assert all(map(torch.equal, folded(chain, x), first))


def test_with_gradients_in_training_or_under_autocast_nothing_is_folded(monkeypatch):
    chain, x = shaken(linear()), batch((6,))
    monkeypatch.setattr(Folded, "forward", None)
    chain(x)[0].sum().backward()
    assert chain.layers[1].lu.grad.abs().max() > 0
    with torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(chain(x)[0], by_layers(chain, x)[0])
        chain.layers[0].train()
        chain(x)
    assert chain.layers[0].initialised


def test_a_model_that_has_folded_can_be_copied_pickled_and_trained():
    chain, x = shaken(linear()), batch((6,))
    before = folded(chain, x)[0]
    twin = copy.deepcopy(chain)
    twin.layers[0].shift.data += 1
    assert (folded(twin, x)[0] - before).abs().max() > 0.1
    assert_close(twin, x)
    assert torch.equal(folded(chain, x)[0], before)  # the copy has its own
    file = io.BytesIO()
    torch.save(chain, file)
    file.seek(0)
    assert torch.equal(folded(torch.load(file, weights_only=False), x)[0], before)
    chain(x)[0].sum().backward()
    assert set(chain.state_dict()) == set(linear().state_dict())


def test_a_chain_made_under_inference_mode_folds_too():
    with torch.inference_mode():
        chain = shaken(linear())
    assert_close(chain, batch((6,)))
    with torch.inference_mode():
        chain.layers[0].shift.add_(1)
    assert_close(chain, batch((6,)))

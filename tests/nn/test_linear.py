"""ActNorm and LU, each by its formula; their inverses and Jacobians are among those of test_bijections.py."""

import math

import pytest
import torch

from zoo.nn.linear import LU, ActNorm


def first_batch(*shape, dtype=torch.float32):
    """A batch whose channels have means and scales of their own."""
    generator = torch.Generator().manual_seed(5)
    column = (-1,) + (1,) * (len(shape) - 2)
    noise = torch.randn(shape, generator=generator, dtype=dtype)
    return noise * torch.logspace(-2, 3, shape[1], dtype=dtype).view(column) + torch.arange(shape[1]).view(column)


@pytest.mark.parametrize("shape", [(64, 4), (8, 4, 3, 5)])
def test_actnorm_takes_mean_and_variance_from_the_first_batch_in_training_only(shape):
    layer = ActNorm(4).train()
    x = first_batch(*shape)
    z, log_det = layer(x)
    values = z.detach().double().transpose(0, 1).flatten(1)
    assert values.mean(1).abs().max() < 1e-4
    assert (values.var(1, correction=0) - 1).abs().max() < 1e-4
    torch.testing.assert_close(log_det, (math.prod(shape[2:]) * layer.log_scale.sum()).expand(len(x)))
    assert layer.initialised
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    layer(3 * x + 7)
    layer.eval()(5 * x)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())
    log_det.sum().backward()  # the initialisation left nothing in the graph that would stop it
    assert layer.log_scale.grad.abs().sum() > 0


def test_actnorm_is_never_initialised_in_eval_mode():
    layer = ActNorm(4).eval()
    x = first_batch(8, 4)
    z, log_det = layer(x)
    assert torch.equal(z, x)
    assert torch.equal(layer.inverse(x), x)
    assert not log_det.any()
    assert not layer.initialised
    layer.train()(x)
    assert layer.initialised


def test_actnorm_stays_initialised_through_its_state_dict():
    layer = ActNorm(4).train()
    x = first_batch(8, 4)
    expected = layer(x)[0]
    again = ActNorm(4).train()
    again.load_state_dict(layer.state_dict())
    again(3 * x + 7)
    assert torch.equal(again(x)[0], expected)
    fresh = ActNorm(4)
    fresh.load_state_dict(ActNorm(4).state_dict())
    assert not fresh.initialised


@pytest.mark.parametrize("x", [torch.full((4, 2, 3, 3), 0.3), torch.tensor([[1e4, -3.0]])])
def test_actnorm_of_constant_channels_stays_finite(x):
    layer = ActNorm(2).train()
    z, log_det = layer(x)
    assert z.abs().max() < 1
    assert log_det.isfinite().all()
    assert (layer.inverse(z) - x).abs().max() < 1e-3
    assert layer.log_scale.abs().max() < 7


def test_processes_start_actnorm_alike_from_all_of_the_first_batch(monkeypatch):
    x = first_batch(12, 3, 2, 2)
    alone = ActNorm(3).train()
    alone(x)
    shares = [x[0::2], x[1::2]]
    sums = []

    def all_reduce(moments):
        """As if the other process had sent its moments: those of its own share."""
        sums.append(moments.clone())
        other = shares[0] if torch.equal(moments, _moments(shares[1])) else shares[1]
        moments += _moments(other)

    def _moments(share):
        values = share.double().transpose(0, 1).flatten(1)
        return torch.stack((values.mean(1), values.square().mean(1)))

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    layers = [ActNorm(3).train(), ActNorm(3).train()]
    for layer, share in zip(layers, shares, strict=True):
        layer(share)
        layer(share)
    assert len(sums) == 2  # one message from each process, not one for each batch
    assert not torch.equal(*sums)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(layers[0].state_dict()[name], layers[1].state_dict()[name])
        torch.testing.assert_close(layers[0].state_dict()[name], tensor)


@pytest.mark.parametrize("features", [1, 2, 7])
def test_lu_starts_as_the_random_rotation_it_was_given(features):
    torch.manual_seed(3)
    layer = LU(features).double()
    torch.manual_seed(3)
    rotation = torch.linalg.qr(torch.randn(features, features))[0].double()
    torch.testing.assert_close(layer.weight(), rotation, rtol=0, atol=1e-5)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(features).double(), rtol=0, atol=1e-5)
    assert layer(torch.zeros(1, features).double())[1].abs().item() < 1e-5


def test_some_rotation_needs_its_rows_permuted_by_more_than_swaps():
    """Otherwise a permutation taken for its inverse would go unseen."""
    torch.manual_seed(3)
    order = LU(7).permutation
    assert not torch.equal(order[order], torch.arange(7))


def test_lu_is_p_l_u(perturbed):
    torch.manual_seed(3)
    layer = perturbed(LU(7), 0.3).double()
    lower, upper = layer.lu.tril(-1) + torch.eye(7), layer.lu.triu(1)
    s = layer.sign * layer.log_diagonal.exp()
    assert {-1, 1} == set(layer.sign.tolist())
    p = torch.zeros(7, 7, dtype=torch.float64)
    p[torch.arange(7), layer.permutation] = 1
    assert torch.equal(p.sum(0), torch.ones(7).double())
    torch.testing.assert_close(layer.weight(), p @ lower @ (upper + torch.diag(s)))
    x = torch.randn(4, 7, dtype=torch.float64)
    z, log_det = layer(x)
    torch.testing.assert_close(z, x @ layer.weight().T)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(layer.weight()).logabsdet.expand(4))


def test_lu_of_images_is_the_same_matrix_at_each_pixel(perturbed):
    layer = perturbed(LU(3)).double()
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    z, log_det = layer(x)
    torch.testing.assert_close(z, torch.einsum("ij,njhw->nihw", layer.weight(), x))
    torch.testing.assert_close(log_det, 20 * layer(x[:, :, 0, 0])[1])


def test_lu_without_permutation_starts_as_the_identity_and_permutes_nothing():
    layer = LU(5, permute=False)
    assert torch.equal(layer.weight(), torch.eye(5))
    assert torch.equal(layer.permutation, torch.arange(5))


def test_gradients_reach_all_of_lu_but_its_unused_diagonal(perturbed):
    layer = perturbed(LU(5)).double()
    z, log_det = layer(torch.randn(3, 5, dtype=torch.float64))
    (z.pow(3).sum() + log_det.sum()).backward()
    assert (layer.log_diagonal.grad != 0).all()
    assert torch.equal(layer.lu.grad != 0, ~torch.eye(5).bool())
    before = layer.weight()
    layer.lu.data.fill_diagonal_(9)
    assert torch.equal(layer.weight(), before)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3, 3)])
def test_lu_computes_in_the_precision_of_the_data_under_autocast(shape, perturbed):
    layer = perturbed(LU(6))
    x = torch.randn(shape)
    expected = layer(x), layer.inverse(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.weight().dtype == torch.float32
        got = layer(x), layer.inverse(x)
    assert got[0][0].dtype == got[0][1].dtype == got[1].dtype == torch.float32
    torch.testing.assert_close(got, expected, rtol=0, atol=0)

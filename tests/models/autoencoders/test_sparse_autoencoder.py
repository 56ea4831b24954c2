"""Sparse autoencoder: the penalty by hand, its gradient, and the k largest."""

import math

import pytest
import torch

import zoo
from zoo.errors import ConfigError
from zoo.models.autoencoders.sparse_autoencoder import TopK, kl_sparsity
from zoo.objective import Batch

SIZES = {"image_shape": (1, 4, 4), "latent_dim": 8}


def kl(rho, active):
    return rho * math.log(rho / active) + (1 - rho) * math.log((1 - rho) / (1 - active))


def test_kl_by_hand():
    """Units with mean activations of 0.2 and 0.5, and a target of 0.1."""
    code = torch.tensor([[0.1, 0.9], [0.3, 0.1]], dtype=torch.float64)
    assert kl_sparsity(code, 0.1).item() == pytest.approx((kl(0.1, 0.2) + kl(0.1, 0.5)) / 2)


def test_kl_is_0_at_the_target():
    assert kl_sparsity(torch.full((5, 3), 0.05, dtype=torch.float64), 0.05).item() == pytest.approx(0, abs=1e-12)


def test_the_gradient_of_kl():
    """∂KL/∂ρ̂ = −ρ/ρ̂ + (1 − ρ)/(1 − ρ̂), a share 1/n of it for each sample and 1/d for each unit."""
    code = torch.rand(6, 4, dtype=torch.float64, requires_grad=True)
    (got,) = torch.autograd.grad(kl_sparsity(code, 0.05), code)
    active = code.detach().mean(0)
    expected = (-0.05 / active + 0.95 / (1 - active)) / (6 * 4)
    assert torch.allclose(got, expected.expand(6, 4))
    assert torch.autograd.gradcheck(lambda c: kl_sparsity(c, 0.05), code)


def test_silent_units_give_a_finite_penalty():
    code = torch.zeros(3, 2, requires_grad=True)
    kl_sparsity(code, 0.05).backward()
    assert code.grad.isfinite().all()


@pytest.mark.parametrize("sparsity", ["kl", "l1"])
def test_the_objective_adds_the_penalty(sparsity):
    torch.manual_seed(0)
    model = zoo.create("sparse-autoencoder", **SIZES)
    x = torch.rand(5, 1, 4, 4)
    code = model.encoder(x)
    error = (model.decoder(code) - x).square().mean()
    penalty = kl_sparsity(code, 0.2) if sparsity == "kl" else code.mean()
    objective = model.objective_class.create(model, sparsity=sparsity, target=0.2, weight=3.0)
    ((_, loss),) = objective.updates(Batch(x))
    assert loss.item() == pytest.approx((error + 3 * penalty).item(), rel=1e-5)


def test_training_makes_the_code_sparse():
    torch.manual_seed(0)
    model = zoo.create("sparse-autoencoder", **SIZES)
    objective = model.objective_class.create(model, weight=1.0, target=0.05, learning_rate=0.02)
    optimizer = objective.optimizers()["autoencoder"]
    x = torch.rand(64, 1, 4, 4)
    for _ in range(300):
        ((_, loss),) = objective.updates(Batch(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.encoder(x).mean(0).tolist() == pytest.approx([0.05] * 8, abs=0.02)


def test_the_k_largest_are_kept_and_rectified():
    x = torch.tensor([[3.0, -1.0, 2.0, 1.0], [-3.0, -1.0, -2.0, 5.0]])
    assert TopK(2)(x).tolist() == [[3, 0, 2, 0], [0, 0, 0, 5]]
    assert TopK(4)(x).tolist() == x.relu().tolist()


def test_more_than_there_are_cannot_be_kept():
    with pytest.raises(ConfigError, match="top_k=9 of 8 units"):
        zoo.create("sparse-autoencoder", **SIZES, top_k=9)


def test_draws_are_such_as_codes_are():
    torch.manual_seed(0)
    model = zoo.create("sparse-autoencoder", **SIZES, top_k=3).eval()
    z = model.latents(50, seed=0)
    assert ((z > 0).sum(1) <= 3).all()
    assert z.min() == 0
    z = zoo.create("sparse-autoencoder", **SIZES).eval().latents(50, seed=0)
    assert (z.min(), z.max()) == (0, 1)


def test_no_more_than_k_are_active():
    model = zoo.create("sparse-autoencoder", **SIZES, top_k=3).eval()
    assert ((model.encode(torch.rand(10, 1, 4, 4)) > 0).sum(1) <= 3).all()
    x = torch.rand(4, 1, 4, 4)
    ((_, loss),) = model.objective_class.create(model, weight=100.0).updates(Batch(x))
    assert loss.item() == pytest.approx((model.decoder(model.encoder(x)) - x).square().mean().item())

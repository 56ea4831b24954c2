"""Contractive autoencoder: its penalty against the Jacobian that autograd gives."""

import pytest
import torch

import zoo
from zoo.models.autoencoders.contractive_autoencoder import jacobian_of_sigmoids
from zoo.objective import Batch


def exact(model, x):
    """‖∂h/∂x‖²_F of each sample, by autograd."""
    found = [torch.autograd.functional.jacobian(lambda v: model.encoder(v)[0], one[None]) for one in x]
    return torch.stack([jacobian.square().sum() for jacobian in found])


def create(**config):
    torch.manual_seed(0)
    return zoo.create("contractive-autoencoder", image_shape=(1, 4, 4), latent_dim=5, **config).double()


def test_the_closed_form_by_hand():
    """h = ½ and 0.8 of weights (1, 2) and (3, 0): (¼)²·5 + 0.16²·9."""
    code = torch.tensor([[0.5, 0.8]], dtype=torch.float64)
    weight = torch.tensor([[1.0, 2.0], [3.0, 0.0]], dtype=torch.float64)
    assert jacobian_of_sigmoids(code, weight).item() == pytest.approx(5 / 16 + 0.16**2 * 9)


def test_the_closed_form_is_the_jacobian():
    model, x = create(), torch.rand(3, 1, 4, 4, dtype=torch.float64)
    assert torch.allclose(model.jacobian(x, model.encoder(x)), exact(model, x))


def test_deeper_encoders_are_estimated_without_bias():
    model, x = create(hidden=(6,), tied=False), torch.rand(2, 1, 4, 4, dtype=torch.float64)
    many = x.repeat(3000, 1, 1, 1)
    draws = model.jacobian(many, model.encoder(many)).detach().view(3000, 2)
    assert torch.allclose(draws.mean(0), exact(model, x), rtol=0.05)
    assert draws.std(0).min() > 0


@pytest.mark.parametrize("config", [{}, {"hidden": (6,), "tied": False}])
def test_the_penalty_has_a_gradient_in_the_weights(config):
    model, x = create(**config), torch.rand(4, 1, 4, 4, dtype=torch.float64)
    model.jacobian(x, model.encoder(x)).sum().backward()
    assert model.encoder[1].weight.grad.abs().sum() > 0


def test_the_objective_divides_the_penalty_by_the_pixels():
    model, x = create(), torch.rand(4, 1, 4, 4, dtype=torch.float64)
    objective = model.objective_class.create(model, weight=2.0, loss="mse")
    ((_, loss),) = objective.updates(Batch(x))
    error = (model.decoder(model.encoder(x)) - x).square().mean()
    assert loss.item() == pytest.approx((error + 2 * exact(model, x).mean() / 16).item())
    assert objective.observed["jacobian"].item() == pytest.approx(exact(model, x).mean().item(), rel=1e-6)


def test_more_weight_contracts_more():
    x, found = torch.rand(32, 1, 4, 4, dtype=torch.float64), []
    for weight in (0.0, 1.0):
        model = create()
        objective = model.objective_class.create(model, weight=weight, learning_rate=0.04)
        optimizer = objective.optimizers()["autoencoder"]
        for _ in range(50):
            ((_, loss),) = objective.updates(Batch(x))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(exact(model, x[:4]).mean())
    assert found[1] < 0.5 * found[0]

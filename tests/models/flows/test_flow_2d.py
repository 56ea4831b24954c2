"""`flow-2d`: the contract suite and the proofs of its layers are elsewhere; here is what is its own."""

import pytest
import torch

import zoo
from zoo.models.flows.flow_2d import Config, Flow2D
from zoo.objective import Batch


def build(features=2, *, size=0.15, **config):
    """A small flow in float64 with random weights everywhere, also in the last layers that start at zero."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Flow2D(Config((features,), **{"steps": 3, "width": 8, **config})).double().eval()
        for parameter in model.parameters():
            parameter.data.add_(size * torch.randn_like(parameter))
    return model


def test_a_density_in_the_plane_integrates_to_one():
    model = build()
    axis = torch.linspace(-30, 30, 501, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        mass = model.log_density(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=1e-3)
    assert not torch.allclose(model.log_density(grid[:9]), model.log_prior(grid[:9]))


@pytest.mark.parametrize("features", [2, 3, 7])
def test_every_feature_moves_and_comes_back(features):
    model = build(features)
    x = torch.randn(50, features, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        z, log_det = model.flow(x)
        assert ((z - x).abs().amax(0) > 0.01).all()
        assert log_det.std() > 0.01
        assert (model.inverse(z) - x).abs().max() < 1e-9


def test_the_mass_of_a_box_is_the_share_of_samples_in_it():
    model = build(size=0.3)
    samples = model.generate(20_000, seed=0, batch_size=20_000)
    low, high = samples.quantile(0.25, dim=0), samples.quantile(0.8, dim=0)
    share = ((samples > low) & (samples < high)).all(1).double().mean().item()
    t = (torch.arange(100, dtype=torch.float64) + 0.5) / 100
    points = torch.cartesian_prod(*(low[i] + (high[i] - low[i]) * t for i in range(2)))
    mass = (model.log_prob(points, batch_size=10_000).exp().mean() * (high - low).prod()).item()
    assert mass == pytest.approx(share, abs=0.015)  # four standard errors


def test_the_first_batch_sets_the_scale_of_the_columns():
    model = Flow2D(Config((2,), steps=2, width=8)).train()
    x = torch.randn(500, 2) * torch.tensor([1e-3, 1e4]) + torch.tensor([5, -3e5])
    next(model.objective_class.create(model).updates(Batch(x)))
    z = model.eval().encode(x)
    assert z.square().mean().item() == pytest.approx(1, rel=0.05)
    assert torch.allclose(model.decode(z), x, rtol=1e-4)


def test_the_networks_weights_decay_and_nothing_else():
    model = Flow2D(Config((2,), steps=2, width=8))
    (optimizer,) = model.objective_class.create(model, learning_rate=0.1, weight_decay=0.5).optimizers().values()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        factor = 1 - 0.1 * 0.5 if "network" in name else 1
        torch.testing.assert_close(parameter, factor * before[name], msg=name)
    (plain,) = model.objective_class.create(model).optimizers().values()
    assert {group["weight_decay"] for group in plain.param_groups} == {0}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape": (1,)}, r"expected \(features,\), at least two"),
        ({"image_shape": (1, 2, 2)}, r"expected \(features,\), at least two"),
        ({"steps": 0}, "steps=0; expected a whole number of at least 1"),
        ({"width": 0}, "width=0; expected a whole number of at least 1"),
        ({"bound": float("inf")}, "bound=inf; expected a finite number above 0"),
    ],
)
def test_bad_configs(fields, message):
    with pytest.raises(zoo.errors.ConfigError, match=message):
        zoo.create("flow-2d", **fields)

"""The restricted Boltzmann machine against sums over all states, and annealed importance sampling against both."""

import math

import pytest
import torch
from torch import nn
from zoo_rbm.rbm import RBM, Config, Objective, _sigmoidal

from zoo.plugin import Batch, errors


def machine(*, size=2, hidden=3, scale=1.0, seed=0):
    """A machine with weights and biases drawn from N(0, scale²)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = RBM(Config(image_size=size, hidden=hidden))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0, scale)
            model.mean.uniform_(0.2, 0.8)
    return model.eval()


def states(n):
    """All 2ⁿ binary vectors, (2ⁿ, n)."""
    return torch.cartesian_prod(*n * [torch.tensor([0.0, 1.0])]).reshape(-1, n)


def pictures(model):
    return states(model.space.dimensions).unflatten(1, model.space.shape)


def energies(model):
    """E(v, h) for every v (rows) and h (columns), by its definition."""
    v, h = states(model.space.dimensions), states(model.config.hidden)
    with torch.no_grad():
        return -(v @ model.visible_bias)[:, None] - (h @ model.hidden_bias)[None] - v @ model.weight @ h.T


def test_the_free_energy_sums_the_hidden_units_out():
    model = machine()
    with torch.no_grad():
        got = model.free_energy(states(4))
    assert torch.allclose(got, -torch.logsumexp(-energies(model), 1), atol=1e-5)


def test_conditionals_are_those_of_the_joint_distribution():
    model = machine()
    joint = (-energies(model)).softmax(0)  # p(v | h) in each column
    with torch.no_grad():
        given_h = model.visible_probabilities(states(3))
        given_v = model.hidden_probabilities(states(4))
    assert torch.allclose(joint.T @ states(4), given_h, atol=1e-5)
    assert torch.allclose((-energies(model)).softmax(1) @ states(3), given_v, atol=1e-5)


def test_with_few_hidden_units_probabilities_are_exact_and_sum_to_1():
    model = machine()
    log_z, error = model.log_partition()
    assert error == 0
    assert log_z == pytest.approx(torch.logsumexp(-energies(model).flatten(), 0).item(), abs=1e-4)
    assert model.log_prob(pictures(model)).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_enumeration_goes_over_its_chunks(monkeypatch):
    model = machine(hidden=6)
    whole = model.log_partition()
    monkeypatch.setattr("zoo_rbm.rbm.ROWS", 7)
    assert machine(hidden=6).log_partition()[0] == pytest.approx(whole[0], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_annealing_agrees_with_enumeration(seed, monkeypatch):
    model = machine(size=4, hidden=12, scale=0.7, seed=seed)
    exact, none = model.log_partition()
    monkeypatch.setattr("zoo_rbm.rbm.ENUMERABLE", 0)
    model = machine(size=4, hidden=12, scale=0.7, seed=seed)
    estimate, error = model.log_partition(samples=200, steps=400)
    assert none == 0
    assert 0 < error < 0.2
    assert abs(estimate - exact) < 4 * error


def test_temperatures_rise_from_0_to_1_evenly_about_the_middle():
    betas = torch.tensor(_sigmoidal(10))
    assert betas[[0, 5, 10]].tolist() == pytest.approx([0, 0.5, 1])
    steps = betas.diff()
    assert torch.allclose(steps, steps.flip(0))
    assert (steps[:5].diff() > 0).all()
    assert betas[1].item() == pytest.approx((1 / (1 + math.exp(3.2)) - 1 / (1 + math.exp(4))) / math.tanh(2))


def test_annealing_is_exact_for_a_machine_without_weights(monkeypatch):
    # Every importance weight is then the same, whatever the base.
    monkeypatch.setattr("zoo_rbm.rbm.ENUMERABLE", 0)
    model = machine()
    with torch.no_grad():
        model.weight.zero_()
        model.visible_bias.copy_(model.base())
    estimate, error = model.log_partition(samples=5, steps=10)
    expected = nn.functional.softplus(model.visible_bias).sum() + nn.functional.softplus(model.hidden_bias).sum()
    assert estimate == pytest.approx(expected.item(), abs=1e-4)
    assert error == pytest.approx(0.0, abs=1e-5)


def test_the_estimate_follows_from_the_seed_and_is_kept_until_a_weight_changes(monkeypatch):
    monkeypatch.setattr("zoo_rbm.rbm.ENUMERABLE", 0)
    model = machine()
    first = model.log_partition(samples=10, steps=10)
    with monkeypatch.context() as patch:
        patch.setattr(model, "_anneal", None)  # not called again
        assert model.log_partition(samples=10, steps=10) == first
    assert model.log_partition(samples=10, steps=10, seed=1) != first
    assert model.log_partition(samples=10, steps=10) == first
    model.weight.data[0, 0] += 1
    assert model.log_partition(samples=10, steps=10) != first


def test_log_prob_is_of_all_images_with_one_estimate(monkeypatch):
    monkeypatch.setattr("zoo_rbm.rbm.ENUMERABLE", 0)
    model = machine()
    images = pictures(model)
    whole = model.log_prob(images, samples=10, steps=10, seed=3)
    parts = model.log_prob(images, samples=10, steps=10, seed=3, batch_size=5)
    assert torch.allclose(whole, parts, atol=1e-5)
    log_z, _ = model.log_partition(samples=10, steps=10, seed=3)
    with torch.no_grad():
        assert torch.allclose(whole, -model.free_energy(images.flatten(1)) - log_z, atol=1e-5)


def test_gibbs_sampling_draws_from_the_model():
    model = machine(scale=0.7)
    drawn = model.generate(4000, seed=0, steps=30, batch_size=4000).flatten(1)
    numbers = (drawn @ torch.tensor([8.0, 4.0, 2.0, 1.0])).long()
    shares = torch.bincount(numbers, minlength=16) / 4000
    expected = model.log_prob(pictures(model)).exp()
    # Four standard errors of a share.
    assert ((shares - expected).abs() < 4 * (expected / 4000).sqrt() + 1e-3).all()


def test_at_temperature_0_units_take_their_likelier_state():
    model = machine()
    drawn = model.generate(8, seed=0, steps=20, temperature=0)
    again = model.visible_probabilities((model.hidden_probabilities(drawn.flatten(1)) > 0.5).float()) > 0.5
    assert torch.equal(drawn.flatten(1), again.float())


def test_encode_reads_grey_and_log_prob_refuses_it():
    model = machine()
    grey = torch.full((1, 1, 2, 2), 0.3)
    assert torch.allclose(model.encode(grey), model.hidden_probabilities(grey.flatten(1)))
    with pytest.raises(errors.InvalidInput, match="Binarise first"):
        model.log_prob(grey)


def test_decode_gives_the_probabilities_of_the_pixels():
    model = machine()
    h = states(3)
    assert torch.allclose(model.decode(h).flatten(1), model.visible_probabilities(h))


def test_the_gradient_of_the_loss_is_that_of_contrastive_divergence(monkeypatch):
    # ⟨v h⟩ of the samples less that of the data, v and h: Hinton 2002. Samples are fixed by hand.
    model = machine()
    objective = Objective.create(model, persistent=False, gibbs_steps=1)
    objective.seen += 1  # not the first batch, which sets biases
    data, samples = states(4)[[3, 9, 12]], states(4)[[0, 5, 15]]
    monkeypatch.setattr(Objective, "_look", lambda self, v: None)
    monkeypatch.setattr(model, "visible_probabilities", lambda h: samples)
    ((name, loss),) = objective.updates(Batch(data.unflatten(1, model.space.shape)))
    loss.backward()
    with torch.no_grad():
        seen, dreamt = model.hidden_probabilities(data), model.hidden_probabilities(samples)
    assert name == "rbm"
    assert torch.allclose(model.weight.grad, (samples.T @ dreamt - data.T @ seen) / 3, atol=1e-6)
    assert torch.allclose(model.visible_bias.grad, samples.mean(0) - data.mean(0), atol=1e-6)
    assert torch.allclose(model.hidden_bias.grad, dreamt.mean(0) - seen.mean(0), atol=1e-6)


@pytest.mark.parametrize("persistent", [True, False])
def test_chains_go_on_only_when_they_are_persistent(persistent):
    model = machine(size=4)
    objective = Objective.create(model, persistent=persistent, gibbs_steps=1, chains=7)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        batch = Batch(torch.rand(5, 1, 4, 4).bernoulli())
        next(iter(objective.updates(batch)))
        before = objective.chains.clone()
        next(iter(objective.updates(batch)))
    assert objective.chains.shape == (7, 16)
    assert torch.equal(objective.chains, before) != persistent


def test_the_first_batch_sets_biases_and_every_batch_the_mean():
    model = RBM(Config(image_size=2, hidden=3))
    objective = Objective.create(model)
    dark, bright = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    next(iter(objective.updates(Batch(dark))))
    assert torch.allclose(model.visible_bias, torch.tensor(0.005).logit())
    next(iter(objective.updates(Batch(bright))))
    assert torch.allclose(model.mean, torch.tensor(0.5))
    assert torch.allclose(model.visible_bias, torch.tensor(0.005).logit())


@pytest.mark.parametrize("persistent", [True, False])
def test_training_finds_a_simple_distribution(persistent):
    # Two images, all black and all white, half and half: ln ½ is the best there is.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RBM(Config(image_size=2, hidden=4))
        objective = Objective.create(model, learning_rate=0.1, gibbs_steps=5, persistent=persistent)
        optimizer = objective.optimizers()["rbm"]
        images = torch.tensor([0.0, 1.0]).repeat(50).view(100, 1, 1, 1).expand(100, 1, 2, 2)
        for _ in range(1500):
            ((_, loss),) = objective.updates(Batch(images))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert model.eval().log_prob(images[:2]).mean().item() > -1.4  # it began at ln 1/16 = −2.8


@pytest.mark.parametrize("options", [{"samples": 1}, {"steps": 0}, {"seed": -1}])
def test_options_of_the_estimate_out_of_range(options):
    with pytest.raises(errors.InvalidInput, match=next(iter(options))):
        machine().log_partition(**options)


def test_a_machine_needs_units():
    with pytest.raises(errors.ConfigError, match="hidden"):
        Config(hidden=0)

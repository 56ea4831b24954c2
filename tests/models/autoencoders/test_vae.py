"""VAE: its bound against closed forms, its objective against the equation."""

import math
from types import SimpleNamespace

import pytest
import torch

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import InvalidInput, MissingExtra
from zoo.objective import Batch


@pytest.fixture
def model():
    torch.manual_seed(0)
    return zoo.create("vae", image_size=4, width=2, latent_dim=2).double()


def silence(model, *, mean=0.0, log_variance=0.0):
    """Make q(z|x) a constant Gaussian and the decoder constant: then everything has a closed form."""
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
        model.encoder[-1].bias.copy_(torch.tensor([mean] * 2 + [log_variance] * 2))
        for layer in (model.decoder[0], model.decoder[-2]):
            layer.weight.zero_()
            layer.bias.zero_()


def gaussian(x, mean, sigma):
    return -0.5 * ((x - mean) / sigma) ** 2 - math.log(sigma) - 0.5 * math.log(2 * math.pi)


def test_log_prob_is_exact_when_the_posterior_is_the_prior(model):
    """With q = p(z) and a decoder that ignores z, every importance weight is p(x|z) = N(x; ½, s²)."""
    silence(model)
    x = torch.rand(3, 1, 4, 4, dtype=torch.float64)
    sigma = model.log_sigma.exp().item()
    expected = [sum(gaussian(v, 0.5, sigma) for v in image.flatten().tolist()) for image in x]
    assert model.log_prob(x, samples=1).tolist() == pytest.approx(expected)


def test_importance_weights_correct_a_posterior_that_is_off(model):
    """A wrong q costs the single-sample bound its KL; with many samples the bound comes back to ln p(x)."""
    silence(model, mean=0.5, log_variance=math.log(0.8))
    x = torch.rand(2, 1, 4, 4, dtype=torch.float64)
    sigma = model.log_sigma.exp().item()
    exact = torch.tensor([sum(gaussian(v, 0.5, sigma) for v in image.flatten().tolist()) for image in x])
    many = model.log_prob(x, samples=4000)
    assert many.tolist() == pytest.approx(exact.tolist(), abs=0.12)
    few = model.log_prob(x.repeat(300, 1, 1, 1), samples=1).view(300, 2).mean(0)
    kl = 2 * 0.5 * (0.8 + 0.25 - 1 - math.log(0.8))
    assert few.tolist() == pytest.approx((exact - kl).tolist(), abs=0.15)


def test_more_samples_tighten_the_bound_on_average(model):
    x = torch.rand(16, 1, 4, 4, dtype=torch.float64)
    bounds = [model.log_prob(x.repeat(40, 1, 1, 1), samples=k).mean() for k in (1, 4, 64)]
    assert bounds[0] < bounds[1] < bounds[2]


def test_objective_is_the_negative_bound_per_dimension(model):
    silence(model, mean=0.5, log_variance=math.log(0.8))
    images = torch.randint(0, 256, (4, 1, 4, 4)) / 255
    torch.manual_seed(3)
    ((name, loss),) = model.objective_class.create(model, beta=2.0).updates(Batch(images.double()))
    torch.manual_seed(3)
    y = (255 * images.double() + torch.rand(4, 1, 4, 4, dtype=torch.float64)) / 256
    sigma = model.log_sigma.exp().item()
    likelihood = sum(gaussian(v, 0.5, sigma) for v in y.flatten().tolist()) / 4
    kl = 2 * 0.5 * (0.8 + 0.25 - 1 - math.log(0.8))
    assert name == "vae"
    assert loss.item() == pytest.approx(-(likelihood - 2.0 * kl) / 16)


def test_encode_is_the_posterior_mean(model):
    silence(model, mean=0.25, log_variance=3.0)
    assert model.encode(torch.rand(2, 1, 4, 4)).tolist() == [[0.25, 0.25]] * 2


def test_every_parameter_gets_a_gradient(model):
    ((_, loss),) = model.objective_class.create(model).updates(Batch(torch.rand(4, 1, 4, 4, dtype=torch.float64)))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("samples", [0, 1.5, True])
def test_number_of_importance_samples(model, samples):
    with pytest.raises(InvalidInput, match="importance samples"):
        model.log_prob(torch.rand(1, 1, 4, 4), samples=samples)


def test_of_black_and_white_pixels_the_bound_is_of_their_cross_entropy():
    model = zoo.create("vae", image_size=4, width=2, latent_dim=2, likelihood="bernoulli").double()
    silence(model)
    with torch.no_grad():
        model.decoder[-2].bias.fill_(math.log(3))  # a pixel is white with probability 3/4
    x = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    x.view(-1)[:5] = 1
    assert model.log_prob(x, samples=1).item() == pytest.approx(5 * math.log(3 / 4) + 11 * math.log(1 / 4), rel=1e-4)
    assert model.generate(1, seed=0).flatten().tolist() == pytest.approx([0.75] * 16)


def test_grey_images_are_black_and_white_by_chance_in_training():
    model = zoo.create("vae", image_size=4, width=2, latent_dim=2, likelihood="bernoulli").double()
    silence(model)
    with torch.no_grad():
        model.decoder[-2].bias.fill_(math.log(3))
    torch.manual_seed(3)
    ((_, loss),) = model.objective_class.create(model).updates(Batch(torch.full((4, 1, 4, 4), 0.3).double()))
    torch.manual_seed(3)
    white = (torch.rand(4, 1, 4, 4, dtype=torch.float64) < 0.3).double().mean().item()
    expected = -(white * math.log(3 / 4) + (1 - white) * math.log(1 / 4))
    assert 0.1 < white < 0.6
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_hidden_layers_take_the_place_of_convolutions():
    model = zoo.create("vae", image_size=4, latent_dim=3, hidden=[7, 5], likelihood="bernoulli")
    shapes = [tuple(parameter.shape) for parameter in model.parameters() if parameter.ndim == 2]
    assert shapes == [(7, 16), (5, 7), (6, 5), (5, 3), (7, 5), (16, 7)]
    assert model.generate(2, seed=0).shape == (2, 1, 4, 4)


def mixed(model, *, of=2):
    """One with a mixture of Gaussians, with the weights of `model`."""
    made = zoo.create("vae", image_size=4, width=2, latent_dim=2, components=of).double()
    made.load_state_dict({**made.state_dict(), **model.state_dict()})
    return made


def test_a_mixture_of_draws_of_the_posterior_takes_the_place_of_the_prior(model):
    """With q(z|x) = N(0.5, 0.8 I) for every image that is the one Gaussian of the mixture, not a point at its mean."""
    silence(model, mean=0.5, log_variance=math.log(0.8))
    made = mixed(model, of=1).eval()
    made.conclude(TensorDataset("grey", "train", torch.randint(0, 256, (4000, 1, 4, 4)).byte()))
    assert made.mixture.means.flatten().tolist() == pytest.approx([0.5] * 2, abs=0.05)
    covariance = made.mixture.factors[0] @ made.mixture.factors[0].T
    assert covariance.flatten().tolist() == pytest.approx([0.8, 0, 0, 0.8], abs=0.06)
    assert (made.spherical, model.spherical) == (False, True)
    z = made.latents(4000, seed=0)
    assert z.mean().item() == pytest.approx(0.5, abs=0.05)
    assert z.var().item() == pytest.approx(0.8, abs=0.06)


def test_the_bound_is_of_the_mixture_that_is_drawn_from(model):
    """With q the mixture every importance weight is p(x|z), as it is with N(0, I) where q is that."""
    silence(model, mean=0.5, log_variance=math.log(0.8))
    made = mixed(model)
    made.mixture.means.fill_(0.5)
    made.mixture.factors.mul_(math.sqrt(0.8))
    x = torch.rand(3, 1, 4, 4, dtype=torch.float64)
    sigma = model.log_sigma.exp().item()
    expected = [sum(gaussian(v, 0.5, sigma) for v in image.flatten().tolist()) for image in x]
    assert made.log_prob(x, samples=1).tolist() == pytest.approx(expected, rel=1e-6)


def test_what_the_mixture_needs_is_looked_for_before_training(monkeypatch, model):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.mixture", None)
    made = mixed(model)
    with pytest.raises(MissingExtra, match=r"generative-zoo\[train\]"):
        made.objective_class.create(made)


def test_samples_that_are_not_at_hand_are_looked_at_in_parts(model, monkeypatch):
    made, seen = mixed(model, of=1).eval(), []
    monkeypatch.setattr("zoo.models._autoencoder.AT_ONCE", 3)
    made.encoder.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    made.conclude(SimpleNamespace(images=None, first_batch=lambda n: torch.rand(8, 1, 4, 4)))
    assert seen == [3, 3, 2]

"""Losses against numbers worked out with `math`."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from zoo.losses import discriminator_loss, gaussian_kl, gaussian_log_density, generator_loss

LOGITS = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=5)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def test_undecided_discriminator_pays_twice_ln_two():
    zero = torch.zeros(3)
    assert discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(zero).item() == pytest.approx(math.log(2))


@settings(max_examples=50, deadline=None)
@given(LOGITS, LOGITS, st.sampled_from([0.0, 0.1, 0.5]))
def test_gan_losses_are_the_papers_formulas(real, fake, smoothing):
    on_real = mean(-(1 - smoothing) * math.log(sigmoid(x)) - smoothing * math.log(sigmoid(-x)) for x in real)
    on_fake = mean(-math.log(sigmoid(-x)) for x in fake)
    loss = discriminator_loss(torch.tensor(real), torch.tensor(fake), smoothing=smoothing)
    assert loss.item() == pytest.approx(on_real + on_fake, rel=1e-4, abs=1e-6)
    assert generator_loss(torch.tensor(fake)).item() == pytest.approx(
        mean(-math.log(sigmoid(x)) for x in fake), rel=1e-4, abs=1e-6
    )


def test_smoothing_is_the_cross_entropy_with_a_softer_target_and_only_for_real_images():
    logits = torch.tensor([-2.0, 0.5, 3.0])
    target = torch.full((3,), 0.9)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    alone = discriminator_loss(logits, torch.full((1,), -40.0), smoothing=0.1)
    torch.testing.assert_close(alone, expected)
    probability = 0.9
    best = math.log(probability / (1 - probability))
    x = torch.tensor([best], requires_grad=True)
    discriminator_loss(x, torch.full((1,), -40.0), smoothing=0.1).backward()
    assert x.grad.item() == pytest.approx(0, abs=1e-6)


def test_gan_losses_survive_large_logits():
    big = torch.tensor([1000.0, -1000.0])
    assert discriminator_loss(big, big).item() == pytest.approx(1000)
    assert generator_loss(big).item() == pytest.approx(500)


def test_gradient_of_the_generator_does_not_vanish_when_it_loses():
    x = torch.tensor([-20.0], requires_grad=True)
    generator_loss(x).backward()
    assert x.grad.item() == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize("shape", [(4,), (4, 1, 1, 1), (4, 1, 3, 3)])
def test_logits_of_any_shape_give_a_scalar(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert discriminator_loss(x, x).shape == generator_loss(x).shape == ()


def test_half_precision_logits_give_single_and_double_gives_double():
    x = torch.tensor([0.3])
    assert discriminator_loss(x.bfloat16(), x.bfloat16()).dtype is torch.float32
    assert generator_loss(x.half()).dtype is torch.float32
    assert generator_loss(x.double()).dtype is torch.float64
    assert gaussian_kl(x[None].bfloat16(), x[None].bfloat16()).dtype is torch.float32
    assert gaussian_log_density(x[None].half(), x[None].half(), x[None].half()).dtype is torch.float32


def test_gaussian_kl_by_hand():
    """Mean (1, 2), variances (1, e): ½(1 + 0) + ½(4 + e − 1 − 1)."""
    kl = gaussian_kl(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 1.0]]))
    assert kl.tolist() == pytest.approx([0.5 + 0.5 * (4 + math.e - 2)])
    assert gaussian_kl(torch.zeros(3, 5), torch.zeros(3, 5)).tolist() == [0, 0, 0]


def test_gaussian_kl_is_that_of_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    m, v = torch.randn(6, 4, generator=generator), torch.randn(6, 4, generator=generator)
    expected = kl_divergence(Normal(m, (v / 2).exp()), Normal(torch.zeros(()), torch.ones(()))).sum(1)
    torch.testing.assert_close(gaussian_kl(m, v), expected)


def test_gaussian_log_density_by_hand():
    """ln N(3; 1, 2²) = −½ − ln 2 − ½ ln 2π, twice for two values."""
    one = -0.5 - math.log(2) - 0.5 * math.log(2 * math.pi)
    x, m, s = torch.full((1, 2), 3.0), torch.ones(1, 2), torch.full((1, 2), math.log(2))
    assert gaussian_log_density(x, m, s).tolist() == pytest.approx([2 * one])


def test_gaussian_log_density_sums_all_but_the_batch_and_broadcasts():
    x = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    m, s = torch.tensor(0.2), torch.tensor(-0.5)
    expected = Independent(Normal(m.expand_as(x), s.exp().expand_as(x)), 3).log_prob(x)
    torch.testing.assert_close(gaussian_log_density(x, m, s), expected)


def test_the_bernoulli_view_of_the_generator_loss():
    x = torch.tensor([-1.0, 0.0, 2.0])
    torch.testing.assert_close(generator_loss(x), -Bernoulli(logits=x).log_prob(torch.ones(3)).mean())

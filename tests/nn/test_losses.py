"""Losses against numbers worked out with `math`."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from zoo.nn.losses import (
    discriminator_loss,
    energy_discriminator_loss,
    gaussian_kl,
    gaussian_log_density,
    generator_loss,
    gradient_penalty,
    hinge_discriminator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    minimax_generator_loss,
    orthogonal_penalty,
    pulling_away,
    r1_penalty,
    score_generator_loss,
    wasserstein_discriminator_loss,
)

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


def test_two_sided_smoothing_is_the_cross_entropy_with_targets_for_both():
    real, fake = torch.tensor([-2.0, 0.5, 3.0]), torch.tensor([1.0, -0.5])
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = entropy(real, torch.full((3,), 0.8)) + entropy(fake, torch.full((2,), 0.3))
    torch.testing.assert_close(discriminator_loss(real, fake, smoothing=0.2, fake_smoothing=0.3), expected)


@pytest.mark.parametrize("loss", [discriminator_loss, least_squares_discriminator_loss])
def test_each_image_may_have_a_target_of_its_own(loss):
    real, fake = torch.tensor([0.3, -1.0]), torch.tensor([0.7, 2.0])
    softer, harder = torch.tensor([0.1, 0.4]), torch.tensor([0.0, 0.2])
    alone = [
        loss(real[i : i + 1], fake[i : i + 1], smoothing=softer[i].item(), fake_smoothing=harder[i].item())
        for i in range(2)
    ]
    torch.testing.assert_close(loss(real, fake, smoothing=softer, fake_smoothing=harder), sum(alone) / 2)


def test_minimax_loss_and_its_vanishing_gradient():
    x = torch.tensor([-20.0, 1.0], requires_grad=True)
    loss = minimax_generator_loss(x)
    assert loss.item() == pytest.approx((math.log(1 - sigmoid(-20)) + math.log(1 - sigmoid(1))) / 2, rel=1e-5)
    loss.backward()
    # −D(G(z)) for each of two: nothing where the discriminator is sure, where `generator_loss` has slope −1.
    assert x.grad.tolist() == pytest.approx([0, -sigmoid(1) / 2], abs=1e-6)


def test_least_squares_losses_by_hand():
    real, fake = torch.tensor([1.5, 0.0]), torch.tensor([[0.5], [-1.0]])
    assert least_squares_discriminator_loss(real, fake).item() == pytest.approx((0.25 + 1) / 4 + (0.25 + 1) / 4)
    softened = least_squares_discriminator_loss(real, fake, smoothing=0.1, fake_smoothing=0.2).item()
    assert softened == pytest.approx((0.36 + 0.81) / 4 + (0.09 + 1.44) / 4)
    assert least_squares_generator_loss(fake).item() == pytest.approx((0.25 + 4) / 4)


def test_hinge_losses_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 0.5])
    assert hinge_discriminator_loss(real, fake).item() == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1 + 1.5) / 3)
    assert score_generator_loss(fake).item() == pytest.approx(2.5 / 3)


def test_wasserstein_loss_by_hand():
    assert wasserstein_discriminator_loss(torch.tensor([1.0, 3.0]), torch.tensor([-2.0])).item() == -4


def random_batch(n=5, shape=(2, 3, 3), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=generator, dtype=torch.float64)


def test_gradient_penalty_of_a_linear_critic_is_that_of_its_weights():
    real, fake = random_batch(), random_batch(seed=1)
    weight = random_batch(1)[0]
    mix = torch.rand(5, dtype=torch.float64)
    for length in (1.0, 3.0, 0.25, 0.0):
        scaled = length * weight / weight.norm()
        penalty = gradient_penalty(lambda x, scaled=scaled: (x * scaled).sum((1, 2, 3)) + 7, real, fake, mix)
        assert penalty.item() == pytest.approx((length - 1) ** 2, abs=1e-12)


def test_gradient_penalty_is_zero_for_a_critic_of_unit_gradient_that_is_not_linear():
    """The distance from a point: its gradient has norm 1 everywhere else."""
    real, fake = random_batch(), random_batch(seed=1) + 9
    penalty = gradient_penalty(lambda x: x.flatten(1).norm(dim=1), real, fake, torch.full((5,), 0.3))
    assert penalty.item() == pytest.approx(0, abs=1e-12)


def test_gradient_penalty_looks_between_real_and_generated_where_mix_says():
    """Of ½‖x‖² the gradient is x itself."""
    real, fake, mix = random_batch(), random_batch(seed=1), torch.tensor([0.0, 0.25, 0.5, 0.9, 1.0])
    points = torch.stack([m * r + (1 - m) * f for m, r, f in zip(mix, real, fake, strict=True)])
    expected = (points.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(gradient_penalty(lambda x: 0.5 * x.square().sum((1, 2, 3)), real, fake, mix), expected)


def test_r1_penalty_by_hand():
    """Of Σ a·x² the gradient is 2ax."""
    real = random_batch()
    a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty(lambda x: (a * x.square()).sum((1, 2, 3)), real)
    squares = real.square().flatten(1).sum(1).mean()
    torch.testing.assert_close(penalty, 0.5 * 4 * a.detach() ** 2 * squares)
    # Trained through: d/da of ½·4a²·E‖x‖².
    penalty.backward()
    torch.testing.assert_close(a.grad, 4 * 0.7 * squares)


def test_penalties_reach_the_parameters_and_not_the_images():
    critic = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    real, fake = (random_batch(shape=(3,), seed=seed).requires_grad_(True) for seed in (0, 1))
    loss = gradient_penalty(critic, real, fake, torch.full((5,), 0.5)) + r1_penalty(critic, real)
    loss.backward()
    assert all(critic[i].weight.grad.abs().sum() > 0 for i in (0, 2))
    assert real.grad is None
    assert fake.grad is None


def test_energy_loss_by_hand():
    real, fake = torch.tensor([0.1, 0.3]), torch.tensor([0.2, 0.9])
    assert energy_discriminator_loss(real, fake, 0.5).item() == pytest.approx(0.2 + (0.3 + 0) / 2)
    x = fake.clone().requires_grad_(True)
    energy_discriminator_loss(real, x, 0.5).backward()
    assert x.grad.tolist() == pytest.approx([-0.5, 0])  # nothing is asked of what lies beyond the margin


def test_pulling_away_by_hand():
    assert pulling_away(torch.eye(3)).item() == pytest.approx(0, abs=1e-7)
    assert pulling_away(torch.tensor([[1.0, 2.0], [-2.0, -4.0], [0.5, 1.0]])).item() == pytest.approx(1)
    # Cosines 0, 1/√2 and 1/√2; of six ordered pairs the squares sum to 2·(0 + ½ + ½).
    assert pulling_away(torch.tensor([[3.0, 0.0], [0.0, 0.1], [2.0, 2.0]])).item() == pytest.approx(2 / 6)


def test_orthogonal_penalty_by_hand():
    assert orthogonal_penalty(torch.tensor([[3.0, 0.0], [0.0, 0.5]])).item() == 0  # of any length
    weight = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])
    assert orthogonal_penalty(weight).item() == pytest.approx(2 * (1**2 + 2**2 + (-1) ** 2))
    filters = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(orthogonal_penalty(filters), orthogonal_penalty(filters.flatten(1)))


@pytest.mark.parametrize("loss", [pulling_away, orthogonal_penalty])
def test_inner_products_are_as_fine_under_autocast(loss):
    rows = torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = loss(rows)
    assert torch.equal(under, loss(rows))


@pytest.mark.parametrize(
    "loss",
    [
        minimax_generator_loss,
        least_squares_generator_loss,
        score_generator_loss,
        lambda x: least_squares_discriminator_loss(x, x),
        lambda x: hinge_discriminator_loss(x, x),
        lambda x: wasserstein_discriminator_loss(x, x),
        lambda x: energy_discriminator_loss(x, x, 0.1),
        lambda x: pulling_away(x),
        lambda x: orthogonal_penalty(x),
        lambda x: r1_penalty(lambda y: y.square(), x),
        lambda x: gradient_penalty(lambda y: y.square(), x, x, torch.ones(2)),
    ],
)
def test_every_loss_is_a_scalar_of_at_least_single_precision(loss):
    x = torch.tensor([[0.3, -1.0], [0.5, 2.0]])
    for given_, expected in ((torch.bfloat16, torch.float32), (torch.float32,) * 2, (torch.float64,) * 2):
        result = loss(x.to(given_))
        assert result.dtype is expected
        assert result.shape == ()

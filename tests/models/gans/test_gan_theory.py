"""What the papers prove of adversarial training, on distributions small enough to solve: the best discriminator, and
the distance between the distributions that its loss then is."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance
from torch import nn

import zoo
from zoo.models._gan import AdversarialObjective, AdversarialOptions
from zoo.nn import losses

# Two distributions over a few points, as how often each is drawn; all are drawn at times.
COUNTS = st.integers(2, 6).flatmap(lambda n: st.tuples(*[st.lists(st.integers(1, 9), min_size=n, max_size=n)] * 2))
P, Q = [7, 1, 4, 2, 5], [1, 6, 4, 3, 1]


@dataclass(frozen=True)
class Options:
    adversarial: AdversarialOptions


def drawn(values, counts):
    """A batch in which value i is there counts[i] times."""
    return values.repeat_interleave(torch.tensor(counts))


def shares(counts):
    return torch.tensor(counts, dtype=torch.float64) / sum(counts)


def best(loss, points):
    """The free outputs (points,) of a discriminator that minimise a convex `loss`."""
    outputs = torch.zeros(points, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [outputs], max_iter=200, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        value = loss(outputs)
        value.backward()
        return value

    optimizer.step(closure)
    return outputs.detach()


def game(p, q, loss=losses.discriminator_loss, **options):
    return lambda outputs: loss(drawn(outputs, p), drawn(outputs, q), **options)


@pytest.mark.parametrize("loss", [losses.discriminator_loss, losses.least_squares_discriminator_loss])
def test_the_optimal_discriminator_is_p_over_p_plus_q(loss):
    """Goodfellow et al. 2014, proposition 1; so it is by least squares with targets 0 and 1."""
    p, q = shares(P), shares(Q)
    outputs = best(game(P, Q, loss), 5)
    found = outputs.sigmoid() if loss is losses.discriminator_loss else outputs
    torch.testing.assert_close(found, p / (p + q), atol=1e-6, rtol=0)


def test_smoothing_draws_the_optimal_discriminator_towards_its_targets():
    """((1 − s)·p + f·q)/(p + q): with f above 0 it depends on q in the numerator (Goodfellow 2016, section 4.2)."""
    p, q = shares(P), shares(Q)
    one_sided = best(game(P, Q, smoothing=0.1), 5).sigmoid()
    torch.testing.assert_close(one_sided, 0.9 * p / (p + q), atol=1e-6, rtol=0)
    two_sided = best(game(P, Q, smoothing=0.1, fake_smoothing=0.2), 5).sigmoid()
    torch.testing.assert_close(two_sided, (0.9 * p + 0.2 * q) / (p + q), atol=1e-6, rtol=0)


@settings(max_examples=40, deadline=None)
@given(COUNTS)
def test_the_value_at_the_optimum_is_twice_the_jensen_shannon_divergence_less_two_ln_two(counts):
    """Goodfellow et al. 2014, theorem 1."""
    p, q = map(shares, counts)
    value = -game(*counts)((p / q).log())
    divergence = jensenshannon(p.numpy(), q.numpy()) ** 2
    assert value.item() == pytest.approx(2 * divergence - 2 * math.log(2), abs=1e-7)
    assert value.item() >= -2 * math.log(2) - 1e-9


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(0, 10**6))
def test_no_discriminator_has_a_higher_value(counts, seed):
    p, q = map(shares, counts)
    optimum = (p / q).log()
    other = optimum + torch.randn(len(p), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert game(*counts)(other) > game(*counts)(optimum)


def test_at_equilibrium_the_discriminator_says_a_half_and_the_value_is_minus_two_ln_two():
    outputs = best(game(P, P), 5)
    torch.testing.assert_close(outputs.sigmoid(), torch.full((5,), 0.5, dtype=torch.float64))
    assert game(P, P)(outputs).item() == pytest.approx(2 * math.log(2))
    assert losses.minimax_generator_loss(outputs).item() == pytest.approx(-math.log(2))


def test_the_generator_that_minimises_the_value_draws_the_data():
    """Free logits of q, against the best discriminator at every step: q comes to p (theorem 1)."""
    p = shares(P)
    free = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([free], lr=0.1)
    for _ in range(200):
        q = free.softmax(0)
        optimum = (p / q.detach()).log()
        optimizer.zero_grad()
        # E over q of log(1 − D): `minimax_generator_loss` of each point, weighed by how often it is drawn.
        sum(share * losses.minimax_generator_loss(output) for share, output in zip(q, optimum, strict=True)).backward()
        optimizer.step()
    torch.testing.assert_close(free.softmax(0).detach(), p, atol=5e-3, rtol=0)


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(0, 10**6))
def test_least_squares_at_the_optimum(counts, seed):
    """½ Σ pq/(p + q), and more for any other."""
    p, q = map(shares, counts)
    optimum = p / (p + q)
    lowest = game(*counts, losses.least_squares_discriminator_loss)(optimum).item()
    assert lowest == pytest.approx(0.5 * (p * q / (p + q)).sum().item())
    other = optimum + torch.randn(len(p), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert game(*counts, losses.least_squares_discriminator_loss)(other) > lowest


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(0, 10**6))
def test_hinge_at_the_optimum_is_the_overlap(counts, seed):
    """sign(p − q) is the best; the loss is then 2 Σ min(p, q) (Lim & Ye 2017, section 3.1)."""
    p, q = map(shares, counts)
    lowest = game(*counts, losses.hinge_discriminator_loss)((p - q).sign()).item()
    assert lowest == pytest.approx(2 * torch.minimum(p, q).sum().item())
    other = 3 * torch.randn(len(p), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert game(*counts, losses.hinge_discriminator_loss)(other) >= lowest - 1e-9


def two_samples():
    """On a line, and such that mass moves both ways: the best critic has to turn."""
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(200, generator=generator)
    fake = 0.5 * torch.randn(200, generator=generator) + torch.where(torch.arange(200) < 120, 2.0, -3.0)
    return real, fake


def test_the_best_lipschitz_critic_pays_minus_the_wasserstein_distance():
    """Its slope is 1 where more of the generated mass lies to the left, −1 elsewhere (Kantorovich & Rubinstein)."""
    real, fake = (x.double() for x in two_samples())
    points = torch.cat([real, fake]).sort().values
    left = [(x[:, None] <= points[:-1]).double().mean(0) for x in (real, fake)]
    slopes = (left[1] - left[0]).sign()
    critic = dict(zip(points.tolist(), [0, *(slopes * points.diff()).cumsum(0).tolist()], strict=True))
    outputs = [torch.tensor([critic[value] for value in x.tolist()]) for x in (real, fake)]
    distance = wasserstein_distance(real, fake)
    assert losses.wasserstein_discriminator_loss(*outputs).item() == pytest.approx(-distance, rel=1e-5)


def test_a_critic_trained_with_the_gradient_penalty_estimates_the_wasserstein_distance():
    real, fake = (x[:, None] for x in two_samples())
    distance = wasserstein_distance(real[:, 0], fake[:, 0])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)
        before = losses.wasserstein_discriminator_loss(critic(real), critic(fake)).item()
        for step in range(400):
            optimizer.zero_grad()
            loss = losses.wasserstein_discriminator_loss(critic(real), critic(fake))
            # The penalty is two-sided: a slope of the wrong sign would have to pass 0, so at first it is light. At last
            # it is so heavy that slopes exceed 1 by no more than about distance / 2λ, less than two hundredths.
            weight = 1 if step < 150 else 50
            (loss + weight * losses.gradient_penalty(critic, real, fake, torch.rand(200))).backward()
            optimizer.step()
    assert abs(-before - distance) > 0.5 * distance
    assert -loss.item() == pytest.approx(distance, rel=0.05)


def test_a_clipped_linear_critic_estimates_the_distance_of_a_shift_times_its_bound():
    """Over weights in ± c a linear critic has slopes up to c, which is all that a shift needs."""
    real, _ = two_samples()
    fake = real - 1.5
    model = zoo.create("gan", image_shape=(1,), latent_dim=1, hidden=(1,))
    options = Options(AdversarialOptions(loss="wasserstein", weight_clip=0.2))
    critic = AdversarialObjective(model, nn.Linear(1, 1), options)
    optimizer = torch.optim.RMSprop(critic.discriminator.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        losses.wasserstein_discriminator_loss(
            critic.score(real[:, None], None), critic.score(fake[:, None], None)
        ).backward()
        optimizer.step()
        critic.clip_weights()
    with torch.no_grad():
        gap = critic.score(real[:, None], None).mean() - critic.score(fake[:, None], None).mean()
    assert gap.item() == pytest.approx(0.2 * wasserstein_distance(real, fake), rel=1e-4)


# InfoGAN's bound. A channel says how often each of a few images is made of each of a few categories.
CHANNELS = st.tuples(st.integers(2, 4), st.integers(2, 5)).flatmap(
    lambda sizes: st.lists(
        st.lists(st.integers(1, 9), min_size=sizes[1], max_size=sizes[1]), min_size=sizes[0], max_size=sizes[0]
    )
)


def information(joint):
    """Of a table of probabilities (codes, images), in nats."""
    alone = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return (joint * (joint / alone).log()).sum().item()


def infogan(categories, continuous=0):
    model = zoo.create(
        "infogan", image_size=8, categories=categories, continuous=continuous, noise_dim=1, width=1, reader_width=1
    )
    return model.objective_class.create(model)


def bound(joint, posterior):
    """The objective's own, of logits (images, codes) of Q, over every pair (code, image) as often as it occurs."""
    objective = infogan(len(joint))
    value = 0.0
    for code in range(joint.shape[0]):
        latent = torch.eye(len(joint))[code : code + 1]
        for image in range(joint.shape[1]):
            value += joint[code, image] * objective.bound(latent, posterior[image : image + 1], torch.zeros(1, 0))
    return value.item()


def channel(counts):
    """Categories come equally often, as InfoGAN draws them."""
    table = torch.tensor(counts, dtype=torch.float64)
    return table / table.sum(1, keepdim=True) / len(table)


@settings(max_examples=15, deadline=None)
@given(CHANNELS, st.integers(0, 10**6))
def test_infogan_s_bound_is_below_the_mutual_information_for_any_posterior(counts, seed):
    joint = channel(counts)
    guess = torch.randn(joint.T.shape, generator=torch.Generator().manual_seed(seed))
    assert bound(joint, guess) <= information(joint) + 1e-5


@settings(max_examples=15, deadline=None)
@given(CHANNELS)
def test_infogan_s_bound_is_the_mutual_information_at_the_true_posterior(counts):
    joint = channel(counts)
    true = (joint / joint.sum(0)).log().T
    assert bound(joint, true) == pytest.approx(information(joint), abs=1e-5)


def test_infogan_s_bound_on_channels_that_tell_all_and_nothing():
    objective, codes = infogan(4), torch.eye(4)
    nothing = torch.zeros(4, 0)
    assert objective.bound(codes, 50 * codes, nothing).item() == pytest.approx(math.log(4))
    assert objective.bound(codes, torch.zeros(4, 4), nothing).item() == pytest.approx(0, abs=1e-6)
    assert objective.bound(codes, -50 * codes, nothing).item() < -10  # being wrong costs, without limit


def test_infogan_s_bound_for_a_number_seen_through_bins():
    """A number on [−1, 1] of which the image shows one of m bins: ln m nats. The best Gaussian, of the mean and the
    variance of a bin, misses ½ ln(2πe/12) of it."""
    objective, bins = infogan(2, continuous=1), 8
    numbers = (torch.arange(80_000, dtype=torch.float64) + 0.5) / 40_000 - 1
    centres = ((numbers + 1) * bins / 2).floor().add(0.5) * 2 / bins - 1
    latents = torch.stack([torch.ones_like(numbers), torch.zeros_like(numbers), numbers], 1)
    unknown = torch.zeros(len(numbers), 2)  # of the category nothing is shown
    found = {}
    for deviation in (1 / bins / 3**0.5, 0.5 / bins, 2 / bins):
        nn.init.constant_(objective.model.reader.log_deviation, math.log(deviation))
        found[deviation] = objective.bound(latents, unknown, centres[:, None]).item()
    best_deviation = max(found, key=found.get)
    assert best_deviation == 1 / bins / 3**0.5
    assert found[best_deviation] == pytest.approx(math.log(bins) - 0.5 * math.log(2 * math.pi * math.e / 12), abs=1e-4)
    assert found[best_deviation] < math.log(bins)

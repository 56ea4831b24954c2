"""GaussianMixture: its density integrates to 1, its draws follow it, and a fit finds what codes were drawn from."""

import math

import pytest
import torch

from zoo.errors import MissingExtra
from zoo.nn.mixture import GaussianMixture, packed, unpacked
from zoo.noise import Noise


@pytest.fixture
def mixture():
    """¼ N((−5, 0), I) and ¾ N((1, 1), [[1, ½], [½, 1]])."""
    found = GaussianMixture(2, 2).double()
    found.weights.copy_(torch.tensor([0.25, 0.75]))
    found.means.copy_(torch.tensor([[-5.0, 0.0], [1.0, 1.0]]))
    found.factors[1] = torch.linalg.cholesky(torch.tensor([[1.0, 0.5], [0.5, 1.0]], dtype=torch.float64))
    return found


def test_log_prob_by_hand(mixture):
    """At (1, 1): exp(−½ (36 + 1)) of the first, 1 of the second, whose determinant is ¾."""
    first = 0.25 * math.exp(-18.5) / (2 * math.pi)
    second = 0.75 / (2 * math.pi * math.sqrt(0.75))
    z = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    assert mixture.log_prob(z).exp().item() == pytest.approx(first + second)


def test_log_prob_integrates_to_1(mixture):
    line = torch.linspace(-12, 12, 260, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    cell = (line[1] - line[0]).item() ** 2
    assert mixture.log_prob(points).exp().sum().item() * cell == pytest.approx(1, abs=1e-6)


def test_untouched_it_is_standard_normal():
    z = torch.randn(5, 3)
    expected = -0.5 * z.square().sum(1) - 1.5 * math.log(2 * math.pi)
    assert torch.allclose(GaussianMixture(4, 3).log_prob(z), expected, atol=1e-5)
    assert torch.allclose(GaussianMixture(4, 3).draw(Noise(0, 0, 4000)).std(0), torch.ones(3), atol=0.05)


def test_draws_have_the_moments(mixture):
    z = mixture.draw(Noise(0, 0, 8000, dtype=torch.float64))
    assert z.mean(0).tolist() == pytest.approx([-0.5, 0.75], abs=0.1)
    within = torch.tensor([[1.0, 0.375], [0.375, 1.0]])  # the mean covariance
    between = torch.tensor([[36.0, 6.0], [6.0, 1.0]]) * 0.1875  # of the means, ¼·¾ (6, 1)ᵀ(6, 1)
    assert torch.allclose(torch.cov(z.T).float(), within + between, rtol=0.05, atol=0.1)


def test_at_temperature_0_there_are_only_means(mixture):
    z = mixture.draw(Noise(0, 0, 200, dtype=torch.float64), 0.0)
    share = (z == mixture.means[1]).all(1).double().mean().item()
    assert bool(((z == mixture.means[0]).all(1) | (z == mixture.means[1]).all(1)).all())
    assert share == pytest.approx(0.75, abs=0.1)


def test_a_draw_does_not_depend_on_how_many_there_are(mixture):
    whole = mixture.draw(Noise(3, 0, 6, dtype=torch.float64))
    assert torch.equal(mixture.draw(Noise(3, 4, 2, dtype=torch.float64)), whole[4:])


def test_a_fit_finds_the_mixture(mixture):
    codes = mixture.draw(Noise(1, 0, 6000, dtype=torch.float64))
    found = GaussianMixture(2, 2)
    found.fit(codes.float())
    order = found.weights.argsort()
    assert found.weights[order].tolist() == pytest.approx([0.25, 0.75], abs=0.03)
    assert torch.allclose(found.means[order].double(), mixture.means, atol=0.12)
    covariance = found.factors[order[1]] @ found.factors[order[1]].T
    assert torch.allclose(covariance, torch.tensor([[1.0, 0.5], [0.5, 1.0]]), atol=0.1)
    gap = mixture.log_prob(codes).mean() - found.double().log_prob(codes).mean()
    assert abs(gap.item()) < 0.01


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_unit_of_codes_does_not_matter(mixture, scale):
    codes = mixture.draw(Noise(1, 0, 2000, dtype=torch.float64))
    found, scaled = GaussianMixture(2, 2).double(), GaussianMixture(2, 2).double()
    found.fit(codes)
    scaled.fit(codes * scale)
    assert torch.allclose(scaled.means / scale, found.means, atol=1e-3)


def test_few_codes_and_dead_units_can_be_fitted():
    codes = torch.randn(3, 4)
    codes[:, 2] = 0.5
    found = GaussianMixture(5, 4)
    found.fit(codes)
    drawn = found.draw(Noise(0, 0, 50))
    assert found.weights.sum().item() == pytest.approx(1)
    assert drawn.isfinite().all()
    assert torch.allclose(drawn[:, 2], torch.full((50,), 0.5), atol=0.05)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("place", [0.0, 3.5, 1e6])
def test_codes_that_are_all_alike_are_drawn_as_they_are(count, place):
    found = GaussianMixture(2, 3)
    found.fit(torch.full((count, 3), place))
    assert torch.allclose(found.draw(Noise(0, 0, 20)), torch.full((20, 3), place), rtol=1e-4, atol=1e-6)
    assert found.log_prob(torch.full((2, 3), place)).isfinite().all()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_the_type_does_not_choose_another_gaussian(kind):
    found = GaussianMixture(64, 1)  # whose weights and means no type rounds
    found.means.copy_(torch.arange(64.0)[:, None])
    usual = found.draw(Noise(0, 0, 200), 0.0)
    assert torch.equal(found.to(kind).draw(Noise(0, 0, 200, dtype=kind), 0.0).float(), usual)


def test_without_scikit_learn_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.mixture", None)
    with pytest.raises(MissingExtra, match=r"generative-zoo\[train\]"):
        GaussianMixture(1, 2).fit(torch.randn(4, 2))


def test_factors_are_kept_without_the_zeros_above_the_diagonal():
    mixture = GaussianMixture(1, 3)
    mixture.factors[0] = torch.tensor([[1.0, 0.0, 0.0], [2.0, 3.0, 0.0], [4.0, 5.0, 6.0]])
    state = mixture.state_dict()
    assert state["factors"].tolist() == [[1, 2, 3, 4, 5, 6]]
    for assign in (False, True):
        other = GaussianMixture(1, 3)
        other.load_state_dict(state, assign=assign)
        assert torch.equal(other.factors, mixture.factors)
        assert torch.equal(other.draw(Noise(0, 0, 3)), mixture.draw(Noise(0, 0, 3)))
    assert state["factors"].shape == (1, 6), "the caller's is left as it is"


def test_whole_factors_as_a_checkpoint_from_before_has_them_are_read():
    mixture = GaussianMixture(1, 3)
    mixture.load_state_dict({**mixture.state_dict(), "factors": 2 * torch.eye(3)[None]})
    assert torch.equal(mixture.factors, 2 * torch.eye(3)[None])


@pytest.mark.parametrize("shape", [(1, 5), (6,), (2, 6)])
def test_factors_of_another_size_are_refused(shape):
    other = GaussianMixture(1, 3)
    with pytest.raises(RuntimeError, match="size mismatch for factors"):
        other.load_state_dict({**other.state_dict(), "factors": torch.zeros(shape)})


def test_packing_goes_back():
    lower = torch.randn(2, 4, 4).tril()
    assert packed(lower).shape == (2, 10)
    assert torch.equal(unpacked(packed(lower), 4), lower)

import numpy as np
import pytest
import scipy.linalg
import torch

from zoo.errors import InvalidInput
from zoo.metrics.frechet import between_gaussians, between_samples


def sample(n: int, d: int, seed: int, *, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=generator, dtype=torch.float64) / d**0.5
    return torch.randn(n, d, generator=generator, dtype=torch.float64) @ mixing + shift


def by_sqrtm(first: torch.Tensor, second: torch.Tensor) -> float:
    a, b = first.numpy(), second.numpy()
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1 + s2) - 2 * np.trace(root).real)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 12), (500, 900, 64), (500, 100, 64)])
def test_agrees_with_matrix_square_root(n: int, m: int, d: int) -> None:
    first, second = sample(n, d, 0), sample(m, d, 1, shift=0.3)
    distance = between_samples(first, second)
    assert distance.route == "cholesky"
    assert distance.value == pytest.approx(by_sqrtm(first, second), rel=1e-8)


def test_closed_form_of_diagonal_gaussians() -> None:
    # Commuting covariances: d² = ‖μ₁ − μ₂‖² + Σ (σ₁ − σ₂)².
    mean1, mean2 = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 2.0, 2.0])
    sigma1, sigma2 = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 1.0])
    distance = between_gaussians(mean1, sigma1.square().diag(), mean2, sigma2.square().diag())
    assert distance.value == pytest.approx((1 + 0 + 4) + (1 + 0 + 4), rel=1e-12)


def test_singular_first_covariance_takes_eigenvectors() -> None:
    sigma1, sigma2 = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 5.0])
    distance = between_gaussians(torch.zeros(2), sigma1.square().diag(), torch.zeros(2), sigma2.square().diag())
    assert distance.route == "eigh"
    assert distance.value == pytest.approx(1 + 9, rel=1e-12)


def test_dead_feature_does_not_break_samples() -> None:
    first, second = sample(100, 5, 0), sample(100, 5, 1)
    first[:, 2] = second[:, 2] = 0
    kept = [0, 1, 3, 4]
    distance = between_samples(first, second)
    assert distance.route == "eigh"
    assert distance.value == pytest.approx(between_samples(first[:, kept], second[:, kept]).value, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(20, 30), (20, 400), (400, 20)])
def test_routes_agree_when_images_are_fewer_than_features(n: int, m: int) -> None:
    first, second = sample(n, 60, 2), sample(m, 60, 3, shift=0.1)
    gram = between_samples(first, second)
    assert gram.route == "gram"
    moments = [x for s in (first, second) for x in (s.mean(0), torch.cov(s.T))]
    # The other routes square the singular values, so zeros come out as 1e-8.
    assert gram.value == pytest.approx(between_gaussians(*moments).value, abs=1e-5)


@pytest.mark.parametrize(("n", "d"), [(300, 20), (15, 20)])
def test_is_a_distance(n: int, d: int) -> None:
    first, second = sample(n, d, 4), sample(n, d, 5)
    assert between_samples(first, first).value == pytest.approx(0, abs=1e-10)
    there, back = between_samples(first, second), between_samples(second, first)
    assert there.value > 0.1
    assert there.value == pytest.approx(back.value, rel=1e-10)


def test_is_invariant_under_rotation_and_translation() -> None:
    first, second = sample(300, 10, 6), sample(300, 10, 7)
    rotation = torch.linalg.qr(sample(10, 10, 8)).Q
    moved = between_samples(first @ rotation + 3, second @ rotation + 3)
    assert moved.value == pytest.approx(between_samples(first, second).value, rel=1e-9)


def test_float32_features_are_summed_in_float64() -> None:
    # A common offset of 1000 costs float32 sums three digits; variances here are about 1.
    first, second = (sample(2000, 8, seed).float() + 1000 for seed in (0, 1))
    expected = between_samples(first.double(), second.double()).value
    assert between_samples(first, second).value == expected


def test_refuses_what_cannot_be_fitted() -> None:
    with pytest.raises(InvalidInput, match="n of at least 2"):
        between_samples(torch.zeros(1, 3), torch.zeros(5, 3))
    with pytest.raises(InvalidInput, match="3 and 4 dimensions"):
        between_samples(torch.zeros(5, 3), torch.zeros(5, 4))
    with pytest.raises(InvalidInput, match="NaN"):
        between_samples(torch.full((5, 3), torch.nan), torch.zeros(5, 3))

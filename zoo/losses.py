"""Losses as pure functions: tensors in, scalar out. Logits are pre-sigmoid scores; means are over the batch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(
    real: Tensor, fake: Tensor, *, smoothing: float | Tensor = 0.0, fake_smoothing: float | Tensor = 0.0
) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))) from logits of any shape (Goodfellow et al. 2014, eq. 1, negated).

    Label smoothing: real images have the target 1 − smoothing (one-sided: Salimans et al. 2016, section 3.4), generated
    ones fake_smoothing instead of 0. Either may be a tensor that broadcasts: a target for each image.
    """
    real, fake = _wide(real), _wide(fake)
    # −t·log σ(x) − (1−t)·log(1 − σ(x)) = softplus(−x) + (1−t)·x, with t = 1 − smoothing; and softplus(x) − t·x.
    on_real = F.softplus(-real) + smoothing * real
    on_fake = F.softplus(fake) - fake_smoothing * fake
    return on_real.mean() + on_fake.mean()


def generator_loss(fake: Tensor) -> Tensor:
    """The non-saturating −E log D(G(z)) from logits of any shape (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-_wide(fake)).mean()


def minimax_generator_loss(fake: Tensor) -> Tensor:
    """E log(1 − D(G(z))) from logits of any shape (Goodfellow et al. 2014, eq. 1): its gradient vanishes where the
    discriminator is sure."""
    return -F.softplus(_wide(fake)).mean()


def least_squares_discriminator_loss(
    real: Tensor, fake: Tensor, *, smoothing: float | Tensor = 0.0, fake_smoothing: float | Tensor = 0.0
) -> Tensor:
    """½ E (D(x) − 1)² + ½ E D(G(z))² (Mao et al. 2017, arXiv:1611.04076, eq. 9), with targets 1 − smoothing and
    fake_smoothing as in `discriminator_loss`."""
    on_real = (_wide(real) - 1 + smoothing).square()
    return 0.5 * on_real.mean() + 0.5 * (_wide(fake) - fake_smoothing).square().mean()


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """½ E (D(G(z)) − 1)² (Mao et al. 2017, eq. 9)."""
    return 0.5 * (_wide(fake) - 1).square().mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) (Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 16)."""
    return F.relu(1 - _wide(real)).mean() + F.relu(1 + _wide(fake)).mean()


def wasserstein_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) − E D(x): over 1-Lipschitz critics its infimum is minus the Wasserstein-1 distance (Arjovsky et al.
    2017, arXiv:1701.07875, eq. 2)."""
    return _wide(fake).mean() - _wide(real).mean()


def score_generator_loss(fake: Tensor) -> Tensor:
    """−E D(G(z)), the generator's loss of the hinge and Wasserstein games (Miyato et al. 2018, eq. 17)."""
    return -_wide(fake).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """E (‖∇D(x̂)‖₂ − 1)² at x̂ = mix·real + (1 − mix)·fake (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3).

    real, fake: (n, …). mix: (n,) in [0, 1]. Zero exactly for a critic whose gradient has norm 1 there. Differentiable
    in the critic's parameters.
    """
    weight = mix.view(-1, *[1] * (real.ndim - 1))
    points = (weight * real + (1 - weight) * fake).detach().requires_grad_(True)
    norms: Tensor = _gradient(critic, points).norm(dim=1)
    return (norms - 1).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """½ E ‖∇D(x)‖² on real images (n, …) (Mescheder et al. 2018, arXiv:1801.04406, eq. 9, without its factor γ)."""
    return 0.5 * _gradient(discriminator, real.detach().requires_grad_(True)).square().sum(1).mean()


def _gradient(network: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """∇ of the sum of `network`'s outputs at points (n, …): (n, d), itself differentiable."""
    # The gradient of the sum holds each image's own where its outputs do not depend on the others: without batch norm.
    (gradient,) = torch.autograd.grad(network(points).sum(), points, create_graph=True)
    return _wide(gradient).flatten(1)


def energy_discriminator_loss(real: Tensor, fake: Tensor, margin: float) -> Tensor:
    """E D(x) + E max(0, m − D(G(z))) of energies D ≥ 0 (Zhao et al. 2016, arXiv:1609.03126, eq. 1)."""
    return _wide(real).mean() + F.relu(margin - _wide(fake)).mean()


def pulling_away(codes: Tensor) -> Tensor:
    """1/(n(n−1)) Σ_{i≠j} cos²(sᵢ, sⱼ) of codes s (n, d), n ≥ 2: 0 when all are orthogonal, 1 when all are parallel
    (Zhao et al. 2016, section 2.4)."""
    n = len(codes)
    return _correlation(F.normalize(_wide(codes.flatten(1)), dim=1)) / (n * (n - 1))


def orthogonal_penalty(weight: Tensor) -> Tensor:
    """‖WᵀW ⊙ (1 − I)‖²_F for the rows of W (d, …) flattened: filters are pushed apart, not towards a norm (Brock et al.
    2018, arXiv:1809.11096, eq. 3)."""
    return _correlation(_wide(weight.flatten(1)))


def _correlation(rows: Tensor) -> Tensor:
    """Σ_{i≠j} (rᵢ·rⱼ)² of rows r (n, d)."""
    # Autocast would multiply in bfloat16, float32 or not.
    with torch.autocast(rows.device.type, enabled=False):
        gram = rows @ rows.T
    return (gram - torch.diag(gram.diagonal())).square().sum()


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) ‖ N(0, I)) in nats for each row of (n, d): shape (n,).

    Kingma & Welling 2014, appendix B: −½ Σ (1 + log σ² − μ² − σ²).
    """
    mean, log_variance = _wide(mean), _wide(log_variance)
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1)


def gaussian_log_density(x: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """ln N(x; mean, diag σ²) in nats, summed over all but the first dimension: shape (n,). Arguments broadcast."""
    x, mean, log_sigma = _wide(x), _wide(mean), _wide(log_sigma)
    per_value = -0.5 * ((x - mean) * torch.exp(-log_sigma)).square() - log_sigma - 0.5 * math.log(2 * math.pi)
    return per_value.flatten(1).sum(1)


def _wide(x: Tensor) -> Tensor:
    """At least float32: under autocast network outputs arrive in bfloat16, too coarse for a loss."""
    return x.to(torch.promote_types(x.dtype, torch.float32))

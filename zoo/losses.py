"""Losses as pure functions: tensors in, scalar out. Logits are pre-sigmoid scores; means are over the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))) from logits of any shape (Goodfellow et al. 2014, eq. 1, negated).

    smoothing: one-sided label smoothing, the target of real images is 1 − smoothing (Salimans et al. 2016, section 3.4).
    """
    real, fake = real.float(), fake.float()  # under autocast logits arrive in bfloat16, too coarse for a loss
    # −t·log σ(x) − (1−t)·log(1 − σ(x)) = softplus(−x) + (1−t)·x, with t = 1 − smoothing.
    on_real = F.softplus(-real) + smoothing * real
    return on_real.mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """The non-saturating −E log D(G(z)) from logits of any shape (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake.float()).mean()


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) ‖ N(0, I)) in nats for each row of (n, d): shape (n,).

    Kingma & Welling 2014, appendix B: −½ Σ (1 + log σ² − μ² − σ²).
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1)


def gaussian_log_density(x: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """ln N(x; mean, diag σ²) in nats, summed over all but the first dimension: shape (n,). Arguments broadcast."""
    log_two_pi = torch.log(torch.tensor(2 * torch.pi, dtype=x.dtype, device=x.device))
    per_value = -0.5 * ((x - mean) * torch.exp(-log_sigma)).square() - log_sigma - 0.5 * log_two_pi
    return per_value.flatten(1).sum(1)

"""Losses as pure functions: tensors in, scalar out. Logits are pre-sigmoid scores; means are over the batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))) from logits of any shape (Goodfellow et al. 2014, eq. 1, negated).

    smoothing: one-sided label smoothing; real images have the target 1 − smoothing (Salimans et al. 2016, section 3.4).
    """
    real, fake = _wide(real), _wide(fake)
    # −t·log σ(x) − (1−t)·log(1 − σ(x)) = softplus(−x) + (1−t)·x, with t = 1 − smoothing.
    on_real = F.softplus(-real) + smoothing * real
    return on_real.mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """The non-saturating −E log D(G(z)) from logits of any shape (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-_wide(fake)).mean()


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

"""Vectors in units of their columns' own, so that no unit of measurement counts more than another."""

from __future__ import annotations

import torch
from torch import Tensor


def standardised(samples: Tensor, reference: Tensor) -> Tensor:
    """Vectors (n, d) in float64, each column less its mean in `reference` (m, d) and divided by its standard deviation
    there, or by nothing where it has none."""
    known = reference.double()
    location = known.mean(0)
    # By shares of the largest, whose squares do not vanish however small they are.
    away = known - location
    most = _or_one(away.abs().amax(0))
    scale = _or_one((away / most).square().sum(0).div(max(len(known) - 1, 1)).sqrt() * most)
    return (samples.double() - location) / scale


def _or_one(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, 1.0)

"""What an encoder makes of its code: how many of its numbers it uses, how many at a time, and how steep it is."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.dataset import floats
from zoo.metrics.evaluate import Subject
from zoo.noise import Noise
from zoo.releases.record import Record

IDLE = 0.01  # of the largest variance of a code's numbers: one that varies less is not used
ACTIVE = 0.1  # of the largest value of a code that is never negative: a unit above it is active
IMAGES, SIGNS = 100, 32  # of the estimate of the Jacobian


def latent_use(subject: Subject) -> list[Record]:
    """Of codes of held-out images: how many of their numbers vary, after Burda et al. 2016 (arXiv:1509.00519), whose
    threshold is 0.01 where the largest variance is near 1; of codes that are never negative, the share of units that
    are active for an image; and the root of the mean of ‖∂code/∂x‖²_F, pixels in [0, 1] (Rifai et al. 2011), by random
    signs. No record for flows, for an inverted generator, and for codes that are in part a category.
    """
    model = subject.model
    if model.log_prob_kind == "exact" or model.encodes_by != "network" or model.code[0]:
        return []
    images = floats(subject.held_out)
    codes = model.encode(images, condition=subject.condition, seed=subject.seed).flatten(1).double().cpu()
    n, size = codes.shape
    records = [
        subject.record("latents-used", "latents used", float(used(codes).sum()), split="test", n_real=n, code=size)
    ]
    if bool((codes >= 0).all()) and bool((largest := codes.max()) > 0):
        share = float((codes > ACTIVE * largest).double().mean())
        records.append(subject.record("active-units", "share of active units", share, split="test", n_real=n))
    few = images[:IMAGES]
    squared = jacobian(subject, few)
    name = "norm of the Jacobian of codes"
    norm = subject.record("jacobian-norm", name, squared**0.5, split="test", n_real=len(few), signs=SIGNS)
    return [*records, norm]


def used(codes: Tensor) -> Tensor:
    """Which numbers of codes (n, d) vary, bool (d,)."""
    variance = codes.var(0, correction=0)
    return variance > IDLE * variance.max()


def jacobian(subject: Subject, images: Tensor) -> float:
    """The mean of ‖∂code/∂x‖²_F over images, estimated by ‖vᵀ∂code/∂x‖² of random signs v (Hutchinson 1990)."""
    model, n = subject.model, len(images)
    x = images.to(model.device, model.dtype).requires_grad_()
    condition = None if subject.condition is None else subject.condition[:n]
    codes = model.encode(x, condition=condition, seed=subject.seed)
    coins = Noise(subject.seed, 0, n, stream="jacobian").uniform(SIGNS, *codes.shape[1:]) < 0.5
    total = 0.0
    for v in (1.0 - 2.0 * coins).to(codes).unbind(1):
        (gradient,) = torch.autograd.grad(codes, x, v, retain_graph=True)
        total += float(gradient.double().square().sum())
    return total / (n * SIGNS)

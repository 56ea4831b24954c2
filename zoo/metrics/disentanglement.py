"""Disentanglement: of data drawn by known factors, is each factor found in a number of the code of its own?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.data.dataset import floats
from zoo.metrics.evaluate import Subject
from zoo.metrics.latent_use import used
from zoo.releases.record import Record

BINS = 20  # of each number of the code, for its information
VOTES, LOOKED_AT = 800, 64  # of FactorVAE's metric: votes to learn from, as many to judge, and samples in each


def disentanglement(subject: Subject) -> list[Record]:
    """The mutual information gap (Chen, Li, Grosse, Duvenaud 2018, arXiv:1802.04942, equation 6) and FactorVAE's metric
    (Kim & Mnih 2018, arXiv:1802.05983, section 4) of the codes of held-out images, as `encode` gives them.

    Both are at most 1. As in Locatello et al. 2019 (arXiv:1811.12359) information is that of codes in 20 bins; numbers
    of the code that do not vary take no part. No record for data whose factors are not known, and for an
    inverted generator.
    """
    factors, model = subject.test.factors, subject.model
    if factors is None or model.condition.name is not None or model.encodes_by != "network":
        return []
    factors = factors[subject.held_out_rows]
    codes = model.encode(floats(subject.held_out), seed=subject.seed).flatten(1).double().cpu()
    codes = codes[:, used(codes)]
    about: dict[str, Any] = {"split": "test", "n_real": subject.n, "factors": ", ".join(subject.test.factor_names)}
    return [
        subject.record("mutual-information-gap", "mutual information gap", gap(codes, factors), bins=BINS, **about),
        subject.record(
            "factor-vae-score",
            "FactorVAE metric",
            votes(codes, factors, subject.seed),
            votes=VOTES,
            samples=LOOKED_AT,
            chance=1 / factors.shape[1],
            **about,
        ),
    ]


def gap(codes: Tensor, factors: Tensor) -> float:
    """The mean over factors (n, k) of by how much more the number of codes (n, d) that tells most of a factor tells of
    it than the next, in shares of its entropy. 0 without any codes."""
    low, high = codes.amin(0), codes.amax(0)
    bins = ((codes - low) / (high - low).clamp_min(torch.finfo(codes.dtype).tiny) * BINS).long().clamp(0, BINS - 1)
    gaps = []
    for factor in factors.unbind(1):
        shared = [_information(column, factor) for column in bins.unbind(1)]
        most = [*sorted(shared, reverse=True), 0.0, 0.0]
        gaps.append((most[0] - most[1]) / max(_information(factor, factor), 1e-12))
    return sum(gaps) / len(gaps)


def votes(codes: Tensor, factors: Tensor, seed: int) -> float:
    """How often the number of the code that varies least, beside how it varies on the whole, among samples that have
    one value of a factor in common tells which factor that is; each number stands for the factor that it most often
    voted for."""
    if not codes.shape[1]:
        return 1 / factors.shape[1]
    generator = torch.Generator("cpu").manual_seed(seed)
    scaled = codes / codes.std(0, correction=0)
    cast = torch.zeros(2, codes.shape[1], factors.shape[1], dtype=torch.int64, device="cpu")
    for part in range(2):
        for _ in range(VOTES):
            factor = int(torch.randint(factors.shape[1], (), generator=generator, device="cpu"))
            column = factors[:, factor]
            shared = column[torch.randint(len(column), (), generator=generator, device="cpu")]
            rows = torch.nonzero(column == shared)[:, 0]
            chosen = rows[torch.randint(len(rows), (LOOKED_AT,), generator=generator, device="cpu")]
            cast[part, int(scaled[chosen].var(0).argmin()), factor] += 1
    stands_for = cast[0].argmax(1, keepdim=True)
    return float(cast[1].gather(1, stands_for).sum()) / VOTES


def _information(a: Tensor, b: Tensor) -> float:
    """The mutual information of two columns of whole numbers from 0, (n,) each, in nats."""
    counts = torch.zeros(int(a.max()) + 1, int(b.max()) + 1, dtype=torch.float64, device="cpu")
    counts.index_put_((a, b), torch.ones(len(a), dtype=torch.float64, device="cpu"), accumulate=True)
    joint = counts / len(a)
    apart = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return float((joint * (joint / apart).log()).nansum())

"""Where codes of held-out samples lie on a room's plane of latents, and how much of what the model draws lies between
them, in holes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.metrics.evaluate import draw, splits
from zoo.model import Model
from zoo.releases import Release
from zoo.reports.gallery.latents import Bank

COUNT = 1000  # held-out samples, and latents that the model draws
SHOWN = 300  # of the latter on the plane
NEAR = 0.95  # share of codes whose nearest neighbour is no hole away
DRAWN, UNLABELLED = -2, -1  # in place of a class


@dataclass(frozen=True)
class Codes:
    """rows (n, 3): places on the plane, in units of its sliders, and a class, UNLABELLED, or DRAWN for what the model
    draws; and what else there is to know."""

    rows: Tensor
    about: dict[str, Any]


def wanted(model: Model, bank: Bank) -> bool:
    """Whether codes of `model` can be shown on a plane."""
    encodes = "encode" in model.capabilities() and model.encodes_by != "optimisation"
    return encodes and model.condition.name is None and len(bank.about.get("sliders", ())) > 1


def found(release: Release, model: Model, bank: Bank, root: str | Path) -> Codes:
    """Codes of held-out samples of the data of `release`, which lie in `root`. Raises as loading the data does."""
    _, data = splits(release.card, root)
    rows = draw(len(data), COUNT, seed=0)
    codes = model.encode(data.floats(rows), seed=0).float().flatten(1)
    drawn = model.latents(COUNT, seed=0).float().flatten(1)
    labels = torch.full((len(codes),), float(UNLABELLED)) if data.labels is None else data.labels[rows].float()
    units = torch.tensor([slider["unit"] for slider in bank.about["sliders"][:2]])

    def places(z: Tensor) -> Tensor:
        return (z - bank.tensors["mean"]) @ bank.tensors["directions"][:2].T / units

    shown = [
        torch.cat([places(codes), labels[:, None]], 1),
        torch.cat([places(drawn[:SHOWN]), torch.full((SHOWN, 1), float(DRAWN))], 1),
    ]
    about = {
        "n": len(codes),
        "numbers": codes.shape[1],
        "data": data.name,
        "classes": list(data.classes) if (labels >= 0).any() else [],
        "holes": round(holes(codes, drawn), 3),
    }
    return Codes(torch.cat(shown), about)


def holes(codes: Tensor, drawn: Tensor) -> float:
    """The share of `drawn` (n, d) that is farther from every one of `codes` (m, d) than `NEAR` of these are from the
    nearest other: about 1 − NEAR where both are distributed alike."""
    apart = torch.cdist(codes, codes).fill_diagonal_(torch.inf).min(1).values
    return float((torch.cdist(drawn, codes).min(1).values > apart.quantile(NEAR)).float().mean())

"""The picture on a release's card: what the model makes, what it makes of real images, and what lies in between."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo import latent
from zoo.model import Model
from zoo.training.data import Dataset

COLUMNS = 8


def overview(model: Model, data: Dataset, *, seed: int = 0) -> tuple[Tensor, int]:
    """Images for a grid and its number of columns, a row after another:

    - samples: four rows, or one for each class of a conditional model;
    - for models that encode: a row of real images from `data` and a row of their reconstructions;
    - for models that decode: a row that walks from the first sample's latent to the next one's.
    """
    if model.classes:
        labels = torch.arange(len(model.classes)).repeat_interleave(COLUMNS)
        rows = [model.generate(len(labels), condition=labels, seed=seed)]
    else:
        rows = [model.generate(4 * COLUMNS, seed=seed)]
    can = model.capabilities()
    if {"encode", "decode"} <= can:
        pick = torch.linspace(0, len(data) - 1, COLUMNS).long()
        real = data.floats(pick)
        condition = data.labels[pick] if model.classes and data.labels is not None else None
        rows += [real, model.reconstruct(real, condition=condition).cpu()]
    if "decode" in can:
        a, b = latent.Noise(seed, 0, 2).normal(*model.latent_shape)
        walk = latent.path(a, b, COLUMNS)
        rows.append(model.decode(walk, condition=0 if model.classes else None))
    return torch.cat([row.cpu() for row in rows]), COLUMNS

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
    - for models that encode and decode: real images from `data`; their reconstructions; and the walk through latent
      space from the first reconstruction to the last, of a conditional model all in the first one's class.
    """
    if model.classes:
        labels = torch.arange(len(model.classes)).repeat_interleave(COLUMNS)
        rows = [model.generate(len(labels), condition=labels, seed=seed)]
    else:
        rows = [model.generate(4 * COLUMNS, seed=seed)]
    if {"encode", "decode"} <= model.capabilities():
        pick = torch.linspace(0, len(data) - 1, COLUMNS).long()
        real = data.floats(pick)
        known = data.indices(model.classes)
        condition = None if known is None else known[pick]
        codes = model.encode(real, condition=condition)
        walk = latent.path(codes[0], codes[-1], COLUMNS)
        rows += [real, model.decode(codes, condition=condition)]
        rows.append(model.decode(walk, condition=None if condition is None else condition[:1]))
    return torch.cat([row.cpu() for row in rows]), COLUMNS

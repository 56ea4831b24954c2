"""The picture on a release's card: what the model makes, what it makes of real images, and what lies in between; or, of
vectors, the plots of `zoo.training.plots`."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from zoo import images, latent
from zoo.model import Model
from zoo.testing.inference import searches
from zoo.training import plots
from zoo.training.data import Dataset

COLUMNS = 8
COOL = 0.7  # temperature: Kingma & Dhariwal 2018, section 6, find the samples of a flow best around it
STRENGTH = 2.0  # of an attribute at the end of its row; 1 is the way between the means without and with it
EXAMPLES = 2000  # training images of each kind, at most, from which the direction of an attribute is taken


def portrait(model: Model, data: Dataset, train: Dataset) -> Image.Image:
    """The picture on the card of `model`: `overview` of images, with real ones from `data`; or the plots of vectors."""
    if model.vectors:
        return plots.sheet(model, data)
    batch, columns = overview(model, data, train)
    return images.grid(batch, columns=columns)


def snapshot(model: Model, data: Dataset) -> Image.Image:
    """The picture of a model in training: 64 images, or the plots of vectors beside those of `data`."""
    return plots.sheet(model, data) if model.vectors else images.grid(model.generate(64, seed=0), columns=COLUMNS)


def overview(model: Model, data: Dataset, train: Dataset, *, seed: int = 0) -> tuple[Tensor, int]:
    """Images for a grid and its number of columns, a row after another:

    - samples: a row for each class of a conditional model; else four, and of these the first two at temperature 0.7
      where the density is exact;
    - for models that encode and decode: real images from `data`; their reconstructions; and the walk through latent
      space from the first reconstruction to the last, of a conditional model all in the first one's class;
    - if the data set has attributes, and the model an encoder and no classes: a row for each of them, in which a real
      image without it is moved in the direction that `zoo.latent.direction` finds in `train`, by strengths 0 to 2.
    """
    if model.classes:
        labels = torch.arange(len(model.classes)).repeat_interleave(COLUMNS)
        rows = [model.generate(len(labels), condition=labels, seed=seed)]
    else:
        rows = [model.generate(4 * COLUMNS, seed=seed)]
        if model.log_prob_kind == "exact":
            rows[0][: 2 * COLUMNS] = model.generate(2 * COLUMNS, seed=seed, temperature=COOL)
    if {"encode", "decode"} <= model.capabilities():
        pick = torch.linspace(0, len(data) - 1, COLUMNS).long()
        real = data.floats(pick)
        known = data.indices(model.classes)
        condition = None if known is None else known[pick]
        codes = model.encode(real, condition=condition)
        walk = latent.path(codes[0], codes[-1], COLUMNS)
        rows += [real, model.decode(codes, condition=condition)]
        rows.append(model.decode(walk, condition=None if condition is None else condition[:1]))
        if not model.classes and not searches(model):
            rows += _attributes(model, data, train)
    return torch.cat([row.cpu() for row in rows]), COLUMNS


def _attributes(model: Model, data: Dataset, train: Dataset) -> list[Tensor]:
    """A row for each attribute that some training images have and some have not, on an image that has as few of all
    attributes as there are."""
    if data.attributes is None or train.attributes is None:
        return []
    plainest = data.attributes.sum(1).argsort(stable=True)
    rows = []
    for k, has in enumerate(train.attributes.T):
        lacking = plainest[~data.attributes[plainest, k]]
        if len(lacking) and 0 < has.sum() < len(has):
            with_, without = (train.floats(torch.nonzero(kind)[:EXAMPLES, 0]) for kind in (has, ~has))
            step = STRENGTH * latent.direction(model, with_, without)
            z = model.encode(data.floats(lacking[:1]))[0]
            rows.append(model.decode(latent.path(z, z + step, COLUMNS, spherical=False)))
    return rows

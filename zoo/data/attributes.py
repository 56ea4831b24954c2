"""Directions in latent space that give an image an attribute, from a data set that says which images have it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo import latent
from zoo._util import matching
from zoo.data.dataset import Dataset
from zoo.errors import CardError, DataError, InvalidInput
from zoo.model import Model
from zoo.releases.cards import CARD, Card
from zoo.spaces import Images

EXAMPLES = 500  # images with each attribute, and as many without, that directions are taken from
SAMPLES, CHUNK = 4096, 512  # latents drawn and judged where there is no encoder, and how many at once
RIDGE = 0.1  # of the judge, in units of the features' variance


def directions(
    model: Model, data: Dataset, names: Sequence[str] = (), *, examples: int = EXAMPLES, seed: int = 0
) -> dict[str, Tensor]:
    """The direction of each attribute in `names` (default: all) in the latent space of `model`, each of latent_shape.

    By `zoo.latent.directions`, of latents that are known to have the attributes or not. With an encoder these are the
    codes of up to `examples` images with and as many without each. Models that would have to search for latents get
    samples of their own instead, whose attributes a judge tells: a linear map, fitted to the images, from the features
    of the shipped network to the attributes, by which as large a share of samples as of images is said to have each.
    (The latents of a hundred inverted images lie so far apart that their mean is little but noise: of 64 + 64 faces,
    the difference is 1.7 long and its standard error 1.65. Radford et al. 2015 averaged latents of samples, too, which
    they judged by eye.) `seed` is that of the samples.

    Raises DataError when the data has no attributes or all or none of its images have one of `names`, UnknownName for a
    name it does not know, InvalidInput for a model of vectors or a conditional one, and CapabilityError for one without
    latents.
    """
    chosen = _positions(data, names)
    if not isinstance(model.space, Images) or model.condition.name is not None:
        raise InvalidInput(
            "directions of attributes are those of unconditional models of images; this one is of "
            f"{model.space.name}, {model.condition}."
        )
    model.require("decode")
    assert data.attributes is not None
    columns = [data.attributes[:, k] for k in chosen]
    firsts = [torch.nonzero(kind)[:examples, 0].tolist() for column in columns for kind in (column, ~column)]
    rows = torch.tensor(sorted(set(itertools.chain(*firsts))), device="cpu")
    has = data.attributes[rows]
    if model.encodes_by == "network" and "encode" in model.capabilities():
        z = model.encode(data.floats(rows)).cpu()
    else:
        z, has = _judged(model, data, rows, seed)
    varied = has.any(0) & ~has.all(0)  # an attribute that all have, or none, takes no part
    for k in chosen:
        if not varied[k]:
            raise DataError(
                f"{'all' if has[:, k].all() else 'none'} of {len(has)} examples have {data.attribute_names[k]!r}; "
                "a direction leads from some that have not to some that have. Pass more images, or leave it out."
            )
    kept = torch.nonzero(varied)[:, 0].tolist()
    found = dict(zip(kept, latent.directions(z, has[:, varied]), strict=True))
    return {data.attribute_names[k]: found[k] for k in chosen}


def directions_of(card: Card, model: Model) -> dict[str, Tensor]:
    """The directions on the card of `model`, each of latent_shape. Raises CardError for those of another length."""
    found = {name: torch.tensor(numbers, device="cpu") for name, numbers in card.directions.items()}
    for name, way in found.items():
        if way.numel() != math.prod(model.latent_shape):
            raise CardError(
                f"{card.folder / CARD}: the direction {name!r} has {way.numel()} numbers; the latents of {model.name} "
                f"have {math.prod(model.latent_shape)}. Find them again: zoo arithmetic --data DIR --write"
            )
    return {name: way.view(model.latent_shape) for name, way in found.items()}


def _positions(data: Dataset, names: Sequence[str]) -> list[int]:
    """Where the attributes `names` stand among those of the data, or all that there are."""
    if data.attributes is None:
        raise DataError(
            f"{data.name} says nothing about attributes. Pass a data set that does, such as celeba-attributes: a "
            "folder of pictures with attributes.csv."
        )
    known = data.attribute_names
    return [matching.find(name, known, f"{data.name} has no attribute") for name in names] or list(range(len(known)))


def _judged(model: Model, data: Dataset, rows: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Latents (SAMPLES, *latent_shape) from the prior, and for each whether its image has each attribute."""
    from zoo.nn import features

    assert data.attributes is not None
    network = features.load(features.default(model.space.shape[0]))
    seen = network.features(data.floats(rows)).double()
    mean, spread = seen.mean(0), seen.std(0)
    spread = torch.where(spread > 0, spread, 1.0)  # of a feature that is the same everywhere
    seen, truth = (seen - mean) / spread, data.attributes[rows].double()
    ridge = RIDGE * len(seen) * torch.eye(seen.shape[1], dtype=seen.dtype, device=seen.device)
    judge = torch.linalg.solve(seen.T @ seen + ridge, seen.T @ (truth - truth.mean(0)))
    drawn, scores = [], []
    for first in range(0, SAMPLES, CHUNK):
        z = model._draw(model.noise_class(seed, first, min(CHUNK, SAMPLES - first), stream="attributes"))
        scores.append((network.features(model.decode(z).cpu()).double() - mean) / spread @ judge)
        drawn.append(z.cpu())
    ranked = torch.cat(scores)
    share = data.attributes.double().mean(0)
    edges = torch.stack([column.quantile(1 - part) for column, part in zip(ranked.T, share, strict=True)])
    return torch.cat(drawn), ranked > edges

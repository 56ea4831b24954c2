"""Memorisation: are generated images closer to training images than unseen real ones are?"""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.dataset import Rows, floats
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record

MOST = 1000  # images whose neighbours are sought
CHUNK = 1000  # training images compared at once


def neighbours(subject: Subject) -> list[Record]:
    """Median distance of generated images to their nearest training image, over the same of held-out images; if the
    recipe mirrors images, to the nearest as it is or mirrored, for both.

    About 1 is what a perfect model would have, the floor; far below 1 means copies. Twice: over pixels, against the
    whole training split, where mere blur also brings an image closer; and over features, against the reference.
    """
    n = min(MOST, subject.n)
    samples = subject.generated, subject.held_out
    records = []
    for space in ("pixels", "features"):
        if space == "pixels":
            queries, known = [_ways(part[:n], subject.flip) for part in samples], subject.train.stored
        else:
            queries = [[subject.generated_features[:n]], [subject.held_out_features[:n]]]
            for ways, part in zip(queries, samples if subject.flip else (), strict=False):
                ways.append(subject.measure(_mirrored(part[:n])))
            known = subject.reference_features
        generated, held_out = (
            torch.stack([nearest(way, known) for way in ways]).amin(0).median().item() for ways in queries
        )
        where = "pixels" if space == "pixels" else subject.features.name
        records.append(
            subject.record(
                f"nearest-neighbour-ratio-{space}",
                f"nearest neighbour ratio ({where})",
                generated / max(held_out, 1e-12),
                features=space == "features",
                split="train",
                n_real=len(known),
                n_generated=n,
                median_generated=generated,
                median_held_out=held_out,
                **({"mirrored": True} if subject.flip else {}),
                floor=1.0,
            )
        )
    return records


def nearest(queries: Tensor, known: Rows) -> Tensor:
    """Euclidean distance (n,) of each query (n, …) to the nearest of `known` (m, …); uint8 images count as [0, 1]."""
    queries = _vectors(queries)
    best = torch.full((len(queries),), torch.inf, dtype=torch.float32, device="cpu")
    for start in range(0, len(known), CHUNK):
        best = torch.minimum(best, torch.cdist(queries, _vectors(known[start : start + CHUNK])).amin(1))
    return best


def _ways(images: Tensor, flip: bool) -> list[Tensor]:
    """Images as they are and, if training mirrored them, mirrored."""
    return [images, _mirrored(images)] if flip else [images]


def _mirrored(images: Tensor) -> Tensor:
    return images.flip(3)


def _vectors(x: Tensor) -> Tensor:
    return floats(x).flatten(1)

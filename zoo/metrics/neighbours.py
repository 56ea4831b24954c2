"""Memorisation: are generated images closer to training images than unseen real ones are?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.data.dataset import Rows, floats
from zoo.errors import CapabilityError, InvalidInput
from zoo.metrics.evaluate import Subject
from zoo.releases.record import Record
from zoo.spaces import Images

MOST = 1000  # images whose neighbours are sought
CHUNK = 1000  # training images compared at once
BY = ("features", "pixels")


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


@dataclass(frozen=True, eq=False)
class Pairs:
    """Generated images that lie nearest to the training split, the nearest first, and what they are nearest to.

    samples, neighbours: uint8 (k, channels, height, width); of what training mirrored, `neighbours` are mirrored where
    that is nearer, as `mirrored` (k,) says. numbers (k,): which samples of the seed these are. rows (k,): which
    training images. distances (k,): between their pixels in [0, 1], or their features; held_out (k,): the smallest
    ones of as many held-out images. by: "pixels", or the feature network's name. n: images generated.
    """

    samples: Tensor
    neighbours: Tensor
    numbers: Tensor
    rows: Tensor
    mirrored: Tensor
    distances: Tensor
    held_out: Tensor
    by: str
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the images."""
        columns = (self.numbers, self.rows, self.mirrored, self.distances, self.held_out)
        names = ("sample", "training_image", "mirrored", "distance", "held_out")
        rows = zip(*(column.tolist() for column in columns), strict=True)
        pairs = [dict(zip(names, row, strict=True)) for row in rows]
        return {"by": self.by, "n": self.n, "pairs": pairs}


def check(subject: Subject, by: str, count: int) -> None:
    """Raise CapabilityError for a model that generates no images, and InvalidInput for an unknown way to compare."""
    subject.model.require("generate")
    if not isinstance(subject.model.space, Images):
        raise CapabilityError(f"{subject.model.name} generates no images, of which alone neighbours are shown.")
    if by not in BY:
        raise InvalidInput(f"by={by!r}; expected {' or '.join(BY)}.")
    if not 1 <= count <= min(MOST, subject.n):
        raise InvalidInput(f"count={count}; expected 1 to {min(MOST, subject.n)}, as many as are generated.")


def closest(subject: Subject, count: int = 10, *, by: str = BY[0]) -> Pairs:
    """The `count` generated images, of at most 1,000, that are nearest to any of the whole training split, to see
    whether they are copies. by: features, or pixels, in which blurred images are near to everything. Raises as
    `check`."""
    check(subject, by, count)
    n, stored = min(MOST, subject.n), subject.train.stored
    describe = _vectors if by == "pixels" else subject.measure
    parts = subject.generated[:n], subject.held_out[:n]
    queries = torch.cat([describe(way) for part in parts for way in _ways(part, subject.flip)])
    known = (describe(stored[start : start + CHUNK]) for start in range(0, len(stored), CHUNK))
    distances, places = (each.view(2, -1, n) for each in search(queries, known))
    (best, held_out), (way, _) = (each.unbind() for each in distances.min(1))
    order = best.argsort(stable=True)[:count]
    rows, mirrored = places[0][way[order], order], way[order] == 1
    neighbours = stored[rows]
    neighbours[mirrored] = _mirrored(neighbours[mirrored])
    name = by if by == "pixels" else subject.features.name
    usual = held_out.sort().values[:count]
    return Pairs(parts[0][order], neighbours, order, rows, mirrored, best[order], usual, name, n)


def nearest(queries: Tensor, known: Rows) -> Tensor:
    """Euclidean distance (n,) of each query (n, …) to the nearest of `known` (m, …); uint8 images count as [0, 1]."""
    parts = (_vectors(known[start : start + CHUNK]) for start in range(0, len(known), CHUNK))
    return search(_vectors(queries), parts)[0]


def search(queries: Tensor, known: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Euclidean distance (n,) of each query (n, d) to the nearest of the rows of all parts (m, d) of `known`, and the
    number (n,) of this row, counted through all parts."""
    best = torch.full((len(queries),), torch.inf, dtype=torch.float32, device="cpu")
    rows, start = torch.zeros(len(queries), dtype=torch.int64, device="cpu"), 0
    for part in known:
        distances, places = torch.cdist(queries, part).min(1)
        nearer = distances < best
        best, rows = torch.where(nearer, distances, best), torch.where(nearer, start + places, rows)
        start += len(part)
    return best, rows


def _ways(images: Tensor, flip: bool) -> list[Tensor]:
    """Images as they are and, if training mirrored them, mirrored."""
    return [images, _mirrored(images)] if flip else [images]


def _mirrored(images: Tensor) -> Tensor:
    return images.flip(3)


def _vectors(x: Tensor) -> Tensor:
    return floats(x).flatten(1)

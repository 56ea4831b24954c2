"""Near-copies: images of one set that are those of another again, scaled, cropped, mirrored or compressed anew.

A model is trained on one set and measured on the other, so what is in both is measured better than what is new. Files
that are the same byte for byte are found by any checksum; these are not.

There are two steps. First every image, in grey, squeezed to a few cells, is correlated with every image of the other
set and with windows of it, and the other way round, mirrored too; of each test image the `NEAREST` most alike are
kept. Windows have the proportions of what is sought in them, for crops are seldom squeezed; whole images are compared
whatever theirs are. Then the edges of the window are moved to where both agree best, at 32 cells a side. A pair is a
near-copy if there, in colour, the correlation of the pixels is at least `ALIKE` and that of their details, each pixel
less the mean of those around it, at least `DETAILED`. Two faces in one pose agree in what is coarse, not in what is
fine.

Limits. Not found are crops that show less than `least` of width or height, turns, copies in grey or other colours,
what is drawn over in large part, and more than `NEAREST` copies of one test image; a flat image is like none. Small
crops of small images may be missed, for little of their details is left. Two shots of a series may be found, and simple
drawings that nobody copied: of handwritten digits, two of different hands reach a correlation of .99, and .94 of
details. For such sets ask for more, and look at the pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from zoo.data import windows
from zoo.data.windows import Views
from zoo.errors import InvalidInput

NEAREST = 4  # training images that are looked at closely for each test image
LIKELY, ALIKE, DETAILED = 0.7, 0.95, 0.8  # least correlations: at first, at last, and of details at last
LEAST = 0.6  # of the sides of an image, that a crop shows
TESTED, CHUNK, CLOSE = 8192, 512, 128  # test and training images compared at once, and pairs looked at closely
OFF = 0.02  # by how much edges of what is whole may be off


class Pictures(Protocol):
    """A set of images, however they are held."""

    def __len__(self) -> int: ...

    def name(self, place: int) -> str:
        """What image `place` is called, for people."""

    def read(self, places: Sequence[int]) -> Views:
        """The images at `places`."""


@dataclass(frozen=True)
class Copy:
    """A training and a test image that show the same.

    within: "train" or "test", the image of which the other shows a part, from left, top to right, bottom of `box`, as
    shares; "" where both show all. scale: how large what both show is in the test image, over the training image.
    """

    train: str
    test: str
    correlation: float
    detail: float
    mirrored: bool
    within: str
    box: tuple[float, float, float, float]
    scale: float

    @property
    def relation(self) -> str:
        """How the test image comes of the training image, or the other way round, for people."""
        left, top, right, bottom = self.box
        part = f"{100 * (right - left):.0f} × {100 * (bottom - top):.0f} %"
        crop = f"{'test' if self.within == 'train' else 'training'} image a crop, {part}" if self.within else ""
        size = "" if abs(math.log(self.scale)) < OFF else f"scaled {self.scale:.2f}"
        return ", ".join(filter(None, [crop, "mirrored" * self.mirrored, size])) or "as it is"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "box": list(self.box), "relation": self.relation}


def find(
    train: Pictures,
    test: Pictures,
    *,
    least: float = LEAST,
    alike: float = ALIKE,
    detailed: float = DETAILED,
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> list[Copy]:
    """The near-copies of `test` in `train`, the most alike first.

    least: the smallest share of width and height that a crop shows, from 0.5 to 1; 1 looks for whole images alone,
    which takes a fraction of the time. alike, detailed: the least correlations of pixels and details. tell: called with
    how many pairs are compared, and of how many. Memory is bounded, whatever the sizes of the sets; training images are
    read once for every `TESTED` test images, and those looked at closely again. Raises InvalidInput for a share or
    correlation out of range, and what reading raises.
    """
    if not 0.5 <= least <= 1:
        raise InvalidInput(f"least={least}; expected a share of the sides from 0.5 to 1.")
    for name, value in (("alike", alike), ("detailed", detailed)):
        if not 0 < value <= 1:
            raise InvalidInput(f"{name}={value}; expected a correlation above 0, at most 1.")
    found, total, done = list[Copy](), len(train) * len(test), 0
    for start in range(0, len(test), TESTED):
        tested = range(start, min(start + TESTED, len(test)))
        known = test.read(tested)
        best = _Best.of(len(tested))
        for first in range(0, len(train), CHUNK):
            places = range(first, min(first + CHUNK, len(train)))
            best = best.joined(places, *_both(train.read(places), known, least))
            done += len(places) * len(tested)
            tell(done, total)
        found += [
            copy
            for copy in _looked_at(train, test, tested, known, best, least)
            if copy.correlation >= alike and copy.detail >= detailed
        ]
    return sorted(found, key=lambda copy: (-copy.correlation, copy.test, copy.train))


@dataclass(frozen=True, eq=False)
class _Best:
    """For each of n test images the highest correlations (NEAREST, n), with which training images, in which ways."""

    scores: Tensor
    rows: Tensor
    ways: Tensor

    @classmethod
    def of(cls, count: int) -> _Best:
        none = torch.zeros(NEAREST, count, dtype=torch.int64, device="cpu")
        return cls(torch.full(none.shape, -1.0, dtype=torch.float32, device="cpu"), none, none)

    def joined(self, places: Sequence[int], scores: Tensor, ways: Tensor) -> _Best:
        """With those (m, n) of the training images at `places`."""
        rows = torch.tensor(places, device="cpu")[:, None].expand_as(ways)
        kept, chosen = torch.cat([self.scores, scores]).topk(NEAREST, dim=0)
        return _Best(kept, *(torch.cat(pair).gather(0, chosen) for pair in ((self.rows, rows), (self.ways, ways))))


def _both(train: Views, test: Views, least: float) -> tuple[Tensor, Tensor]:
    """The highest correlation (m, n) of one image with windows of the other, and which that is; its complement, which
    is negative, where the window is of the test image."""
    scores, ways = windows.correlations(train, test, least)
    if least == 1:
        return scores, ways
    turned, others = (each.T for each in windows.correlations(test, train, least))
    return torch.maximum(scores, turned), torch.where(turned > scores, ~others, ways)


def _looked_at(
    train: Pictures, test: Pictures, tested: Sequence[int], known: Views, best: _Best, least: float
) -> Iterator[Copy]:
    """What is likely among the best pairs, looked at closely, training images in their order."""
    sides = windows.segments(least)
    ranks, columns = (best.scores >= LIKELY).nonzero().unbind(1)
    order = best.rows[ranks, columns].argsort(stable=True)
    for part in torch.split(order, CLOSE) if len(order) else ():
        numbers, places, ways = (
            best.rows[ranks[part], columns[part]],
            columns[part],
            best.ways[ranks[part], columns[part]],
        )
        unique, back = torch.unique(numbers, return_inverse=True)
        read = train.read(unique.tolist())
        of_test, codes = ways < 0, torch.where(ways < 0, ~ways, ways)
        mirrored, window = codes % 2 == 1, codes // 2
        mine, other = (pixels.float() / 255 for pixels in (read.pixels[back], known.pixels[places]))
        hosts = torch.where(of_test[:, None, None, None], other, mine)
        queries = torch.where(of_test[:, None, None, None], mine, other)
        queries = torch.where(mirrored[:, None, None, None], queries.flip(3), queries)
        edges = torch.cat([sides[window // len(sides)], sides[window % len(sides)]], 1)
        edges = windows.fitted(hosts.mean(1), queries.mean(1), edges, least)
        shown = windows.cut(hosts, edges[:, :2], edges[:, 2:]), windows.cut(queries, windows.WHOLE, windows.WHOLE)
        pixels, details = (
            (windows.standard(first) * windows.standard(second)).sum(1).tolist()
            for first, second in ([x.flatten(1) for x in shown], [windows.details(x) for x in shown])
        )
        larger = known.sizes[places].double().prod(1).div(read.sizes[back].double().prod(1)).sqrt().tolist()
        for k, (top, bottom, left, right) in enumerate(edges.tolist()):
            whole = max(top, 1 - bottom, left, 1 - right) <= OFF
            box = (0.0, 0.0, 1.0, 1.0) if whole else (left, top, right, bottom)
            share = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
            yield Copy(
                train.name(int(numbers[k])),
                test.name(tested[int(places[k])]),
                round(pixels[k], 4),
                round(details[k], 4),
                bool(mirrored[k]),
                "" if whole else "test" if of_test[k] else "train",
                (round(box[0], 3), round(box[1], 3), round(box[2], 3), round(box[3], 3)),
                round(larger[k] * share if of_test[k] else larger[k] / share, 3),
            )

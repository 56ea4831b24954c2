"""Which samples are held out of data that have no test split of their own."""

from __future__ import annotations

import hashlib
import heapq
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from zoo.errors import DataError


def draw(
    names: Sequence[str], holdout: int, seed: int, *, classes: Sequence[str] = (), together: Sequence[str] = ()
) -> list[bool]:
    """Whether each of the samples called `names` is one of the `holdout` that are held out, drawn by `seed`.

    classes: of each its class; of every class as many are drawn as are its share, one at least where `holdout` is
    enough, and never all. together: of each what it shares with others from which it is not to be parted; where they do
    not add up to `holdout`, fewer are drawn. A class is drawn from in the order of a hash of seed and name, so that
    few samples change sides when others join them. Raises DataError when a class would be left without training
    samples.
    """
    groups = classes or [""] * len(names)
    shares = _shares(Counter(groups), holdout) if classes else {"": min(holdout, len(names))}
    if together or len(set(names)) < len(names):
        return _in_families(list(zip(groups, together or names, strict=True)), shares, seed)
    held, ranks = [False] * len(names), [_rank(seed, name) for name in names]
    for place in sorted(range(len(names)), key=ranks.__getitem__):
        if shares[groups[place]]:
            shares[groups[place]] -= 1
            held[place] = True
    return held


def summary(training: int, held: int, seed: int | None, *, how: str = "") -> str:
    """How many samples there are of each split, and that they were drawn by `seed`, or `how`."""
    how = how or ("without a seed" if seed is None else f"by seed {seed}")
    return f"{training} training, {f'{held} held out {how}' if held else 'none held out'}"


def digest(training: Iterable[str], held: Iterable[str]) -> str:
    """A few digits that no other split of samples by these names has."""
    found = hashlib.blake2b(digest_size=16)
    for part in (training, held):
        for name in (*sorted(map(_composed, part)), ""):  # a line each, then an empty one
            found.update(f"{name}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


def _in_families(families: Sequence[tuple[str, str]], shares: dict[str, int], seed: int) -> list[bool]:
    """Whether each sample is held out, where those of one family, a class and what they share, are not parted."""
    held, sizes = set[tuple[str, str]](), Counter(families)
    for family in sorted(sizes, key=lambda each: _rank(seed, each[1])):
        if sizes[family] <= shares[family[0]]:
            shares[family[0]] -= sizes[family]
            held.add(family)
    return [family in held for family in families]


def _shares(counts: Counter[str], holdout: int) -> dict[str, int]:
    """How many are held out of each class of so many: by Hill's method, which gives one to each first."""
    most = sum(count - 1 for count in counts.values())
    if holdout > most:
        raise DataError(
            f"holdout={holdout} of {counts.total()} images would leave a class without training images; there are "
            f"{len(counts)} classes. Hold out at most {most}: --set holdout={most}."
        )
    shares = dict.fromkeys(counts, 0)
    queue = [(0.0, -count, name) for name, count in counts.items() if count > 1]
    heapq.heapify(queue)
    for _ in range(holdout):
        _, size, name = heapq.heappop(queue)
        shares[name] += 1
        if shares[name] < counts[name] - 1:
            heapq.heappush(queue, (math.sqrt(shares[name] * (shares[name] + 1)) / counts[name], size, name))
    return shares


def _rank(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}/{_composed(name)}".encode(errors="surrogateescape"), digest_size=16).digest()


def _composed(name: str) -> str:
    """The same on every file system, of which some take accents from their letters."""
    return unicodedata.normalize("NFC", name)

"""Data sets of melodies: excerpts of the tunes in files, each of as many notes as a model's melodies have."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from zoo.plugin import Model, TensorDataset, errors, splitting
from zoo_sequences.melody import Melody, stacked
from zoo_sequences.notes import DURATION, PITCH, REST, Note, events, played
from zoo_sequences.tunes import SUFFIXES, Tune, read

NOTTINGHAM = ("tunes.jsonl", "abc/*.abc")  # its files: the first of these that there are


def melodies(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    download: bool,
    holdout_seed: int | None = 0,
    model: Model | None = None,
    bad: list[str] | None = None,
    name: str = "",
    patterns: Sequence[str] = (),
) -> TensorDataset:
    """Excerpts of the tunes in a file, or in all of a folder: one after the other, the last reaching back so as to have
    as many notes; a shorter tune is one. Of the tunes `holdout` are drawn by a seed for test, the same tune, in
    whichever key, never on both sides. Excerpts of test that stand in training are left out, and counted.

    For a model of known notes, which it has, or takes from those for training, excerpts with others, or with notes that
    overlap, are left out, and counted. bad: a list, if files that cannot be read are to be left out; a sentence for
    each is added. Raises DataError for what is missing or damaged, naming all such files.
    """
    space = melody_space(None if model is None else model.space, shape)
    found, partly = _tunes(_files(root, patterns), bad)
    held = _held(found, holdout, holdout_seed)
    whole = {part: _excerpts(found, held, out, shape[0]) for part, out in (("train", False), ("test", True))}
    kept, config = whole, dict[str, object]()
    if (most := getattr(None if model is None else model.config, "notes", None)) is not None:
        space = space.fitted(_alone(whole["train"]), most)
        kept = {part: _of_known(rows, space) for part, rows in whole.items()}
        if not space.vocabulary:
            raise errors.DataError(f"{root} has no excerpt for training whose notes do not overlap. Choose others.")
        config = {"vocabulary": space.vocabulary}
    fresh = _unseen(kept["test"], kept["train"])
    return TensorDataset(
        name or root.stem,
        split,
        kept["train"] if split == "train" else fresh,
        summary=f"{root}: {len(found)} tunes; {_summary(whole, kept, fresh, partly)}.",
        division=splitting.digest(
            *([_called(tune) for tune, out in zip(found, held, strict=True) if out == apart] for apart in (False, True))
        ),
        config=config | _scales(kept["train"]),
    )


def _summary(whole: dict[str, Tensor], kept: dict[str, Tensor], fresh: Tensor, partly: int) -> str:
    told = f"{len(kept['train'])} excerpts for training, {len(fresh)} for test"
    strange, seen = sum(map(len, whole.values())) - sum(map(len, kept.values())), len(kept["test"]) - len(fresh)
    told += f"; {strange} left out, of notes that overlap or are rare" * bool(strange)
    told += f"; {seen} of test left out, which stand in training" * bool(seen)
    return told + f"; something was left out of {partly} files" * bool(partly)


def _called(tune: Tune) -> str:
    """The same wherever the file is."""
    return tune.name.rpartition("/")[2]


def count(root: Path, patterns: Sequence[str] = ()) -> tuple[int, bool]:
    """How many tunes there are in a file, or the files of a folder; none has others for test. Those that cannot be read
    are told by `melodies`."""
    return len(_tunes(_files(root, patterns), [])[0]), False


# By name; what functions of data sets may be given is read from their parameters, which these keep.
nottingham = functools.partial(melodies, name="nottingham", patterns=NOTTINGHAM)
count_nottingham = functools.partial(count, patterns=NOTTINGHAM)


def melody_space(space: object, shape: tuple[int, ...]) -> Melody:
    """The space of melodies that a model has, or one of its shape. Raises DataError for a model of others."""
    if space is not None and not isinstance(space, Melody):
        raise errors.DataError(f"the data are melodies, and the model is one of {space}. Train one of melodies.")
    return space or Melody(shape)


def _files(root: Path, patterns: Sequence[str]) -> list[Path]:
    """The file, or those in the folder of the first of the patterns that there is, else all of melodies."""
    if not root.exists():
        raise errors.DataError(f"{root} is not there. Name a file of melodies, or a folder of them.")
    if not root.is_dir():
        return [root]
    for pattern in patterns:
        if known := sorted(root.glob(pattern)):
            return known
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not files:
        raise errors.DataError(f"{root} has no file of melodies; expected {', '.join(SUFFIXES)}. Name another.")
    return files


def _tunes(files: Sequence[Path], bad: list[str] | None) -> tuple[list[Tune], int]:
    """All tunes of files, and of how many files something was left out. Raises DataError as `melodies`."""
    found, wrong, partly = list[Tune](), list[str](), 0
    for path in files:
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", errors.LeftOut)
                found += read(path)
        except errors.DataError as error:
            wrong.append(str(error))
        else:
            partly += any(issubclass(each.category, errors.LeftOut) for each in told)
    if wrong and (bad is None or not found):
        raise errors.DataError(" ".join(wrong))
    if bad is not None:
        bad.extend(sentence for sentence in wrong if sentence not in bad)
    return found, partly


def _held(found: Sequence[Tune], holdout: int, seed: int | None) -> list[bool]:
    """Whether each tune is held out."""
    if seed is None:
        return [place >= len(found) - holdout for place in range(len(found))]
    # The same tune in another key has the same intervals.
    families = [
        " ".join(f"{note[PITCH] - tune.notes[0][PITCH]}/{note[DURATION]}" for note in tune.notes) for tune in found
    ]
    return splitting.draw(list(map(_called, found)), holdout, seed, together=families)


def _excerpts(found: Sequence[Tune], held: Sequence[bool], out: bool, length: int) -> Tensor:
    """Those (n, length, 4) of the tunes that are held out, or of the others."""
    parts = [part for tune, apart in zip(found, held, strict=True) if apart == out for part in _cut(tune.notes, length)]
    return stacked(parts, length) if parts else torch.zeros(0, length, 4, dtype=torch.int64, device="cpu")


def _cut(notes: Sequence[Note], length: int) -> Iterator[list[Note]]:
    """Excerpts of a tune, each without the rest before it."""
    for start in range(0, max(1, len(notes)), length):
        begin = max(0, min(start, len(notes) - length))
        (pitch, duration, velocity, _), *others = notes[begin : begin + length]
        yield [(pitch, duration, velocity, 0), *others]


def _alone(melodies: Tensor) -> Tensor:
    """Those of melodies (n, length, 4) whose notes do not overlap."""
    return melodies[(melodies[:, :, REST] >= 0).all(1)]


def _of_known(melodies: Tensor, space: Melody) -> Tensor:
    """Those of known notes that do not overlap."""
    alone = _alone(melodies)
    return alone[(space.tokens(alone) >= 0).all(1)]


def _unseen(melodies: Tensor, known: Tensor) -> Tensor:
    """Those that are none of the `known` ones."""
    seen = {row.numpy().tobytes() for row in known}
    return melodies[[row.numpy().tobytes() not in seen for row in melodies]]


def _scales(melodies: Tensor) -> dict[str, list[float]]:
    """The mean and the standard deviation of each number of their events, of one that never changes 1."""
    found = events(melodies[played(melodies)]).double()
    centre, spread = found.mean(0), found.std(0)
    spread = torch.where(spread > 0, spread, 1.0)
    return {"centre": [round(x, 4) for x in centre.tolist()], "spread": [round(x, 4) for x in spread.tolist()]}

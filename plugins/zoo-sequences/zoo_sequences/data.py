"""Data sets of sentences, and of pairs of them: files of a sentence, or a pair, each line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoo.plugin import Model, TensorDataset, errors, splitting
from zoo_sequences import reading
from zoo_sequences.tokens import Tokens
from zoo_sequences.words import normalised

WORDS = 5000  # of a vocabulary, where no model says how many
PARTS = ("train", "test")
HELD = ("test", "val", "valid", "validation", "dev")  # names of what is held out in a folder that is parted already
PAIRS = (".tsv", ".txt")  # how names of files of pairs end

Row = tuple[str, ...]  # a text, or a source and a target


def sentences(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    download: bool,
    holdout_seed: int | None = 0,
    model: Model | None = None,
    name: str = "",
) -> TensorDataset:
    """The lines of a .txt or .jsonl file, or of all in a folder: those of train.txt and test.txt, or valid.txt and the
    like, if it has these, else `holdout` of them drawn by a seed for test, the same sentence, but for case and spaces,
    never on both sides.

    Sentences of no words, or more than the model has room for, are left out, and so are those of test that stand in
    training; the summary counts both. The vocabulary is the model's, or that of the training split. Raises DataError
    for what is missing or damaged, naming file and line, and for files of parts that are no pair.
    """
    space = space_of(None if model is None else model.space, shape)
    parts, known = _parted(_files(root, reading.SUFFIXES), _sentences, holdout, holdout_seed)
    kept, left_out = _within(parts, (space,))
    space = space.fitted((row[0] for row in kept["train"]), most_words(model, "words"))
    return TensorDataset(
        name or root.stem,
        split,
        space.tokens([space.cut(row[0]) for row in kept[split]]),
        captions=tuple((row[0],) for row in kept[split]),
        summary=_summary(root, kept, left_out, known, "sentences"),
        division=splitting.digest(*([row[0] for row in kept[part]] for part in PARTS)),
        config={"vocabulary": space.vocabulary},
    )


def pairs(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    download: bool,
    holdout_seed: int | None = 0,
    model: Model | None = None,
    name: str = "",
) -> TensorDataset:
    """Lines SOURCE TAB TARGET of a .tsv or .txt file, or of all in a folder, of .txt only if there is no .tsv:
    `sources` are tokens of the first. What has the same source is never parted, and for test a source comes once, with
    all its targets as `captions`. Else as `sentences`."""
    space = space_of(None if model is None else model.space, shape)
    source = space_of(None if model is None else model.source_space, shape)
    parts, known = _parted(_files(root, PAIRS), _pairs, holdout, holdout_seed)
    kept, left_out = _within(parts, (source, space))
    space = space.fitted((row[1] for row in kept["train"]), most_words(model, "words"))
    source = source.fitted((row[0] for row in kept["train"]), most_words(model, "source_words"))
    groups = dict[str, list[str]]()
    for given, made in kept[split]:
        groups.setdefault(normalised(given), []).append(made)
    rows = kept[split] if split == "train" else [(given, made[0]) for given, made in groups.items()]
    return TensorDataset(
        name or root.stem,
        split,
        space.tokens([space.cut(row[1]) for row in rows]),
        sources=source.tokens([source.cut(row[0]) for row in rows]),
        captions=tuple((row[1],) if split == "train" else tuple(groups[normalised(row[0])]) for row in rows),
        summary=_summary(root, kept, left_out, known, "pairs"),
        division=splitting.digest(*(["\t".join(row) for row in kept[part]] for part in PARTS)),
        config={"vocabulary": space.vocabulary, "source_vocabulary": source.vocabulary},
    )


def count(root: Path, suffixes: Sequence[str] = reading.SUFFIXES) -> tuple[int, bool]:
    """How many lines there are for training in a file, or the files of a folder, and whether test has its own."""
    files = _files(root, suffixes)
    parted = _are_parts(files)
    return sum(1 for file in files[: 1 if parted else None] for _ in reading.numbered(file)), parted


# By name; what functions of data sets may be given is read from their parameters, which these keep.
coco_captions = functools.partial(sentences, name="coco-captions")
eng_fra = functools.partial(pairs, name="eng-fra")
count_pairs = functools.partial(count, suffixes=PAIRS)


def space_of(space: Any, shape: tuple[int, ...]) -> Tokens:
    """The space of sentences that a model has, or one of its shape. Raises DataError for a model of others."""
    if space is not None and not isinstance(space, Tokens):
        raise errors.DataError(
            f"the data are sentences, and the model is one of {space.noun}s. Train one of sentences."
        )
    return space or Tokens(shape)


def most_words(model: Model | None, field: str) -> int:
    return int(getattr(None if model is None else model.config, field, WORDS))


def _files(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """The file, or those in the folder: that of training and that of test, if their names say so, else all in order of
    their names. Raises DataError for none, and for names that say so of others than two."""
    if not root.is_dir():
        return [root]
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in suffixes and path.name[0] != ".")
    if not files:
        raise errors.DataError(f"{root} has no file of sentences; expected {' or '.join(suffixes)}. Name another.")
    marked = [path for path in files if _is_training(path) or path.stem.lower() in HELD]
    if not marked or len(files) == 1:
        # As manythings.org/anki has pairs, beside a page about them.
        return [file for file in files if file.name == "fra.txt" or file.suffix.lower() == ".tsv"] or files
    if sorted(map(_is_training, marked)) != [False, True]:
        raise errors.DataError(
            f"{root} has {', '.join(path.name for path in marked)}; expected one file of training, train, and one that "
            "is held out, such as test. Move the others elsewhere, or join them."
        )
    return sorted(marked, key=_is_training, reverse=True)


def _is_training(path: Path) -> bool:
    """Whether a file is named as one of training."""
    return path.stem.lower() == "train"


def _are_parts(files: Sequence[Path]) -> bool:
    """Whether `files` are one of training and one that is held out."""
    return len(files) == 2 and _is_training(files[0])


def _parted(
    files: Sequence[Path], read: Callable[[Path], list[Row]], holdout: int, seed: int | None
) -> tuple[dict[str, list[Row]], int]:
    """Rows for train and test, and of how many for test the first text stands in training too, which are left out: of
    a file for each, or of all files, where `holdout` are drawn by the seed, or are the last ones."""
    parts = [read(file) for file in files]
    rows = [row for part in parts for row in part]
    names = [normalised(row[0]) for row in rows]
    if _are_parts(files):
        held = [place >= len(parts[0]) for place in range(len(rows))]
    elif seed is None:
        held = [place >= len(rows) - holdout for place in range(len(rows))]
    else:
        held = splitting.draw(names, holdout, seed, together=names)
    known = {name for name, out in zip(names, held, strict=True) if not out}
    test = [row for row, name, out in zip(rows, names, held, strict=True) if out and name not in known]
    return {"train": [row for row, out in zip(rows, held, strict=True) if not out], "test": test}, sum(held) - len(test)


def _within(parts: dict[str, list[Row]], spaces: Sequence[Tokens]) -> tuple[dict[str, list[Row]], int]:
    """The rows all of whose texts have 1 to `length` words, and how many have not."""
    kept = {
        part: [
            row
            for row in rows
            if all(0 < len(space.cut(text)) <= space.shape[0] for space, text in zip(spaces, row, strict=True))
        ]
        for part, rows in parts.items()
    }
    return kept, sum(map(len, parts.values())) - sum(map(len, kept.values()))


def _summary(root: Path, kept: dict[str, list[Row]], left_out: int, known: int, noun: str) -> str:
    told = f"{root}: {len(kept['train'])} {noun} for training, {len(kept['test'])} for test"
    told += f"; {left_out} left out, empty or too long" * bool(left_out)
    return told + f"; {known} of test left out, which stand in training" * bool(known) + "."


def _sentences(path: Path) -> list[Row]:
    return [(text,) for _, text in reading.lines(path)]


def _pairs(path: Path) -> list[Row]:
    """The source and the target of each line. Raises DataError naming the lines without both."""
    rows = [(number, text.split("\t")) for number, text in reading.numbered(path)]
    wrong = (f"{path}, line {number}: no tab between two texts" for number, row in rows if len(row) < 2)
    reading.refuse(wrong, "Write SOURCE TAB TARGET.")
    return [(row[0], row[1]) for _, row in rows]

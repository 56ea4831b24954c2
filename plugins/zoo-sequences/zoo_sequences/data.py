"""Data sets of sentences, and of pairs of them: files of a sentence, or a pair, each line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo.plugin import Model, TensorDataset, errors, splitting
from zoo_sequences import reading
from zoo_sequences.tokens import Tokens

WORDS = 5000  # of a vocabulary, where no model says how many
MARKS = ("train", "test")  # files of a folder that is parted already


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
    """The lines of a .txt or .jsonl file, or of all in a folder: those of train.txt and test.txt, if it has these, else
    `holdout` of them drawn by a seed for test, the same sentence never on both sides.

    Sentences of no words, or more than the model has room for, are left out, and counted in the summary. The vocabulary
    is the model's, or that of the training split. Raises DataError for what is missing or damaged, naming file and
    line.
    """
    space = _space(None if model is None else model.space, shape)
    parts = _parted(_files(root, reading.SUFFIXES), reading.lines)
    if parts is None:
        rows = [text for file in _files(root, reading.SUFFIXES) for _, text in reading.lines(file)]
        parts = _drawn([(text,) for text in rows], holdout, holdout_seed)
    kept, left_out = _within(parts, (space,))
    space = space.fitted((row[0] for row in kept["train"]), _most(model, "words"))
    return TensorDataset(
        name or root.stem,
        split,
        space.tokens([space.cut(row[0]) for row in kept[split]]),
        captions=tuple((row[0],) for row in kept[split]),
        summary=_summary(root, kept, left_out, "sentences"),
        division=splitting.digest(*([row[0] for row in kept[part]] for part in MARKS)),
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
    space = _space(None if model is None else model.space, shape)
    source = _space(None if model is None else model.source_space, shape)
    files = _files(root, (".tsv", ".txt"))
    # As manythings.org/anki has them, beside a page about them.
    files = [file for file in files if file.name == "fra.txt" or file.suffix.lower() == ".tsv"] or files
    parts = _parted(files, _pairs)
    if parts is None:
        parts = _drawn([row for file in files for row in _pairs(file)], holdout, holdout_seed)
    kept, left_out = _within(parts, (source, space))
    space = space.fitted((row[1] for row in kept["train"]), _most(model, "words"))
    source = source.fitted((row[0] for row in kept["train"]), _most(model, "source_words"))
    groups = dict[str, list[str]]()
    for given, made in kept[split]:
        groups.setdefault(given, []).append(made)
    rows = kept[split] if split == "train" else [(given, made[0]) for given, made in groups.items()]
    return TensorDataset(
        name or root.stem,
        split,
        space.tokens([space.cut(row[1]) for row in rows]),
        sources=source.tokens([source.cut(row[0]) for row in rows]),
        captions=tuple((row[1],) if split == "train" else tuple(groups[row[0]]) for row in rows),
        summary=_summary(root, kept, left_out, "pairs"),
        division=splitting.digest(*(["\t".join(row) for row in kept[part]] for part in MARKS)),
        config={"vocabulary": space.vocabulary, "source_vocabulary": source.vocabulary},
    )


# By name; what functions of data sets may be given is read from their parameters, which these keep.
coco_captions = functools.partial(sentences, name="coco-captions")
eng_fra = functools.partial(pairs, name="eng-fra")


def _space(space: Any, shape: tuple[int, ...]) -> Tokens:
    """The space of sentences that a model has, or one of its shape. Raises DataError for a model of others."""
    if space is not None and not isinstance(space, Tokens):
        raise errors.DataError(
            f"the data are sentences, and the model is one of {space.noun}s. Train one of sentences."
        )
    return space or Tokens(shape)


def _most(model: Model | None, field: str) -> int:
    return int(getattr(None if model is None else model.config, field, WORDS))


def _files(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """The file, or those in the folder in order of their names. Raises DataError."""
    if not root.is_dir():
        return [root]
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in suffixes and path.name[0] != ".")
    named = [path for path in files if path.stem in MARKS]
    found = named if {path.stem for path in named} == set(MARKS) else files
    if not found:
        raise errors.DataError(f"{root} has no file of sentences; expected {' or '.join(suffixes)}. Name another.")
    return found


def _parted(files: Sequence[Path], read: Callable[[Path], Iterable[Any]]) -> dict[str, list[tuple[str, ...]]] | None:
    """Rows of train and test files, or None of other files. What is in both is left to training."""
    if [path.stem for path in files] != sorted(MARKS):
        return None
    parts = {path.stem: [row if read is _pairs else row[1:] for row in read(path)] for path in files}
    known = {row[0] for row in parts["train"]}
    return {"train": parts["train"], "test": [row for row in parts["test"] if row[0] not in known]}


def _drawn(rows: list[tuple[str, ...]], holdout: int, seed: int | None) -> dict[str, list[tuple[str, ...]]]:
    """Rows parted by their first text: `holdout` of them drawn by the seed, or the last ones."""
    names = [row[0] for row in rows]
    if seed is None:
        held = [place >= len(rows) - holdout for place in range(len(rows))]
    else:
        held = splitting.draw(names, holdout, seed, together=names)
    return {
        part: [row for row, out in zip(rows, held, strict=True) if out == (part == "test")]
        for part in ("train", "test")
    }


def _within(
    parts: dict[str, list[tuple[str, ...]]], spaces: Sequence[Tokens]
) -> tuple[dict[str, list[tuple[str, ...]]], int]:
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


def _summary(root: Path, kept: dict[str, list[tuple[str, ...]]], left_out: int, noun: str) -> str:
    told = f"{root}: {len(kept['train'])} {noun} for training, {len(kept['test'])} for test"
    return f"{told}; {left_out} left out, empty or too long." if left_out else f"{told}."


def _pairs(path: Path) -> list[tuple[str, str]]:
    """The source and the target of each line. Raises DataError naming the lines without both."""
    rows = [(number, text.split("\t")) for number, text in reading.numbered(path)]
    wrong = (f"{path}, line {number}: no tab between two texts" for number, row in rows if len(row) < 2)
    reading.refuse(wrong, "Write SOURCE TAB TARGET.")
    return [(row[0], row[1]) for _, row in rows]

"""Images with captions: a folder and a table that says of each picture what it shows."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from zoo import tables
from zoo._util.paths import real_path
from zoo.conditions import Texts
from zoo.data import splitting
from zoo.data.dataset import Dataset, TensorDataset
from zoo.data.finding import find
from zoo.errors import DataError, UnknownWord
from zoo.images import Reader
from zoo.model import Model
from zoo.texts import words

TABLES = ("captions.csv", "captions.jsonl")
DELIMITERS = ",;\t|"
SKIN_TONE = re.compile(r"\b(?:medium|(?:medium[- ])?(?:light|dark)) skin tone\b", re.IGNORECASE)  # in names of emoji


def captioned_images(
    root: Path,
    split: str,
    *,
    shape: tuple[int, ...],
    holdout: int,
    holdout_seed: int | None,
    download: bool,
    reader: Reader,
) -> TensorDataset:
    """The pictures in `root` that `captions.csv` names, with a header (file, caption), columns apart by commas,
    semicolons, tabs or bars, and as many rows of a picture as it has captions, or `captions.jsonl`, a JSON object with
    `file` and `captions`, a list, in each line.

    The test split are `holdout` pictures, drawn by `holdout_seed`, but so that those whose captions differ in the tone
    of a skin alone are not parted; or, if it is None, spread evenly over the table. Raises DataError for a missing or
    malformed table, a picture without a caption, and pictures that are missing or damaged.
    """
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    if table is None:
        raise DataError(f"{root} has neither {' nor '.join(TABLES)}. Pass --data a folder that has one.")
    captions: dict[str, list[str]] = {}
    for file, texts in _rows(table):
        captions.setdefault(posixpath.normpath(file), []).extend(texts)  # or a picture might be held out and trained on
    stray = [file for file in captions if not real_path(root / file).is_relative_to(real_path(root))]
    if stray:
        raise DataError(f"{table} names {stray[0]}, which is not in {root}. Put the pictures beside the table.")
    bare = [file for file, texts in captions.items() if not texts or not all(map(words, texts))]
    if bare:
        raise DataError(
            f"{table} has no caption for {bare[0]}, or one without words. Write one, or leave the picture out."
        )
    held = set(_held(captions, holdout, holdout_seed))
    parts = {part: [file for file in captions if (file in held) == (part == "test")] for part in ("train", "test")}
    files = parts[split]
    known = {real_path(root / file) for file in captions}
    find(root, lambda path: real_path(Path(path)) in known, table=table)  # warns of others
    (pictures,), rows = reader.read([root / file for file in files], shape)
    kept = tuple(tuple(captions[files[row]]) for row in rows)
    names = tuple(files[row] for row in rows)
    division = splitting.digest(parts["train"], parts["test"])
    count, held_out = (reader.count(root / file for file in part) for part in parts.values())
    summary = f"{root}: {splitting.summary(count, held_out, holdout_seed)}."
    return TensorDataset(
        real_path(root).name, split, pictures, captions=kept, names=names, summary=summary, division=division
    )


def _held(captions: Mapping[str, Sequence[str]], holdout: int, seed: int | None) -> list[str]:
    """Of the pictures with these captions those that are held out."""
    files = list(captions)
    if seed is None:
        count = min(holdout, len(files))
        rows = torch.linspace(0, len(files) - 1, count, dtype=torch.float32, device="cpu").round().int().tolist()
        return [files[row] for row in rows]
    shown = {file: " ".join(words(texts[0])) for file, texts in captions.items()}
    toneless = {file: " ".join(words(SKIN_TONE.sub("", texts[0]))) for file, texts in captions.items()}
    # What is told apart by its tone, and what is the same without one; all others stand alone.
    several = {toneless[file] for file in files if toneless[file] != shown[file]}
    groups = [f"\n{toneless[file]}" if toneless[file] in several else file for file in files]
    return [
        file for file, held in zip(files, splitting.draw(files, holdout, seed, together=groups), strict=True) if held
    ]


def embedded(model: Model, data: Dataset, rows: Tensor) -> Tensor:
    """Embeddings (n, text_dim), by a model conditioned on texts, of the first captions of `data` at `rows`; words it
    has not learned are taken for unknown ones, and what is too long is cut. Raises DataError without captions."""
    if not data.captions:
        raise DataError(f"the model is conditioned on texts, but {data.name} has no captions. Use its data set.")
    assert isinstance(model.condition, Texts)
    texts = [" ".join(words(data.captions[row][0])[: model.condition.longest]) for row in rows.tolist()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownWord)
        return model.embed(texts)


def _rows(table: Path) -> Iterator[tuple[str, list[str]]]:
    """The file and the captions that each row of the table has. Raises DataError that names the line."""
    lines = list(io.StringIO(_text(table), newline=""))
    yield from _csv_rows(table, lines) if table.suffix == ".csv" else _json_rows(table, lines)


def _text(table: Path) -> str:
    try:
        content = table.read_bytes()
    except OSError as error:
        raise DataError(f"{table} cannot be read: {error.strerror}. Check its permissions.") from error
    return tables.decoded(table, content)


def _csv_rows(table: Path, lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    header = lines[0] if lines else ""
    try:
        delimiter = csv.Sniffer().sniff(header, DELIMITERS).delimiter
    except csv.Error:  # a single column
        delimiter = DELIMITERS[0]
    reader = csv.DictReader(lines, strict=True, delimiter=delimiter)
    names = [name.strip() for name in reader.fieldnames or ()]
    if not {"file", "caption"} <= set(names):
        raise DataError(
            f"{table}, line 1: the columns are {', '.join(names)[:200] or 'none'}; expected a header that names file "
            "and caption, as in file,caption."
        )
    if twice := sorted(name for name in ("file", "caption") if names.count(name) > 1):
        raise DataError(f"{table}, line 1: two columns are called {twice[0]}. Keep one; a row for each caption.")
    reader.fieldnames = names
    first = reader.line_num + 1  # of the row that is read; a quote that is left open is noticed much later
    try:
        for row in reader:
            if None in row or None in row.values():
                first = reader.line_num
                raise csv.Error(f"more or fewer than {len(names)} columns; texts with {delimiter!r} need quotes")
            yield row["file"], [row["caption"]]
            first = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{table}, line {first}: {error}. Correct that line.") from error


def _json_rows(table: Path, lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{table}, line {number} is no JSON: {error}. Correct that line.") from error
        file, texts = (entry.get("file"), entry.get("captions")) if isinstance(entry, dict) else (None, None)
        if not isinstance(file, str) or not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
            raise DataError(
                f"{table}, line {number} has no file, or no list of texts as its captions; expected an object such as "
                '{"file": "1.png", "captions": ["a red heart"]}.'
            )
        yield file, texts

"""Tunes in files: of MIDI one, of ABC many, and of JSON one a line."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from zoo.plugin import errors
from zoo_sequences import abc_notation, midi
from zoo_sequences.notes import REST, VOLUME, Note, melody
from zoo_sequences.reading import numbered

SUFFIXES = (".mid", ".midi", ".abc", ".jsonl")


class Tune(NamedTuple):
    """What a melody is called where it was read, and its notes."""

    name: str
    notes: list[Note]


def read(path: Path) -> list[Tune]:
    """The tunes of a file. Raises DataError, naming file and line or track, for what is damaged or has no notes, and
    InvalidInput for another kind of file."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise errors.InvalidInput(f"{path} is no file of melodies; expected {', '.join(SUFFIXES)}.")
    if kind == ".jsonl":
        found = [Tune(f"{path}:{number}", notes) for number, notes in _lines(path)]
    else:
        found = [Tune(*each) for each in (abc_notation if kind == ".abc" else midi).read(path)]
    if not found:
        raise errors.DataError(f"{path} holds no tune. Choose another file.")
    return found


def _lines(path: Path) -> Iterator[tuple[int, list[Note]]]:
    """The number of each line, and the notes in it. Warns (LeftOut) of notes that last no time. Raises DataError,
    naming file and line."""
    for number, text in numbered(path):
        try:
            entry = json.loads(text)
            unit = entry["unit"]
            rows = [(pitch, start / unit, duration / unit, VOLUME) for pitch, start, duration in entry["melody"]]
            if wrong := next((row for row in rows if row[2] < 0), None):
                raise ValueError(f"a note of pitch {wrong[0]} lasts {wrong[2]:.4g} quarters")
            notes, short = melody(rows)
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            expected = '{"unit": 2, "melody": [[76, 4, 2]]}, units a quarter, then pitch, start and duration in units'
            raise errors.DataError(
                f"{path}, line {number}: it holds no melody ({error}); expected {expected}."
            ) from error
        if not notes or notes[0][REST] < 0:
            raise errors.DataError(
                f"{path}, line {number}: the melody has no notes, or one before its beginning. Correct it."
            )
        if short:
            told = f"{path}, line {number}: left out {short} notes that last no time."
            warnings.warn(told, errors.LeftOut, stacklevel=errors.outside())
        yield number, notes

"""What the rooms of models of melodies in `zoo gallery` have of their own: tunes that are seen and heard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from zoo.plugin import Model
from zoo_sequences import sound
from zoo_sequences.melody import Melody
from zoo_sequences.notes import DURATION, PITCH, QUARTER, TEMPO, VELOCITY, starts, unpadded

SCRIPT, TUNES = "widget.js", "tunes.json"
SEEDS = 32  # of which there is a tune each


def tunes(model: Model, folder: Path) -> str | None:
    """Write the widget into `folder`, for a model that draws melodies: with the first tune of each seed, and with what
    makes `sound.heard` of it; its heading."""
    if not isinstance(model.space, Melody) or "generate" not in model.capabilities():
        return None
    about: dict[str, Any] = {
        "tunes": [_notes(model, seed) for seed in range(SEEDS)],
        "bar": 4 * QUARTER,
        "ticks": TEMPO * QUARTER / 60,  # of a second
        "rate": sound.RATE,
        "harmonics": sound.HARMONICS,
        "fade": sound.FADE,
        "edge": sound.EDGE,
        "release": sound.RELEASE,
        "loud": sound.LOUD,
    }
    (folder / TUNES).write_text(json.dumps(about), encoding="utf-8")
    shutil.copyfile(Path(__file__).parent / SCRIPT, folder / SCRIPT)
    return "Tunes to see and to hear"


def _notes(model: Model, seed: int) -> list[list[int]]:
    """A tune as rows of pitch, start, duration and velocity, times in ticks."""
    notes = unpadded(model.generate(1, seed=seed)[0])
    return [
        [note[PITCH], start, note[DURATION], note[VELOCITY]]
        for note, start in zip(notes.tolist(), starts(notes).tolist(), strict=True)
    ]

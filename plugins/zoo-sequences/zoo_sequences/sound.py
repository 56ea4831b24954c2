"""Melodies as sound: a few harmonics of each note, which fade as those of a plucked string do."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from zoo.plugin import errors
from zoo_sequences.notes import QUARTER, TEMPO, ends, starts, unpadded

RATE = 32_000  # numbers a second: of the highest pitch, 12,544 Hz, more than two a wave
HARMONICS = (1.0, 0.5, 0.25, 0.12, 0.06)  # strengths
FADE = 0.6  # seconds in which a note falls to 1/e
EDGE = 0.01  # seconds in which it comes and goes, or it would click
RELEASE = 0.1  # seconds after the last note
PAUSE = 1.0  # seconds between melodies
LOUD = 0.9  # the loudest number of a file
LONGEST = 3600  # seconds that a file lasts at most


def frequency(pitch: float) -> float:
    """In Hz, of a pitch of MIDI in equal temperament: 440 of 69."""
    return 440.0 * math.exp2((pitch - 69) / 12)


def seconds(ticks: float) -> float:
    """How long `ticks` last."""
    return ticks * 60 / (TEMPO * QUARTER)


def heard(melody: Tensor) -> Tensor:
    """The sound of one melody (length, 4), float32 (m,), `RATE` numbers a second; notes that sound together add up."""
    notes = unpadded(melody)
    total = torch.zeros(round((seconds(float(ends(notes))) + RELEASE) * RATE), device="cpu")
    for start, (pitch, duration, velocity, _) in zip(starts(notes).tolist(), notes.tolist(), strict=True):
        first, tone = round(seconds(start) * RATE), _tone(pitch, seconds(duration)) * (velocity / 127)
        total[first : first + len(tone)] += tone[: len(total) - first]
    return total


def _tone(pitch: int, length: float) -> Tensor:
    """A note of a pitch that lasts some seconds."""
    time = torch.arange(max(1, round(length * RATE)), dtype=torch.float64, device="cpu") / RATE
    base = frequency(pitch)
    waves = [
        strength * (2 * math.pi * base * number * time).sin()
        for number, strength in enumerate(HARMONICS, 1)
        if base * number < RATE / 2  # which could not be told from lower ones
    ]
    edges = (time / EDGE).clamp(max=1) * ((length - time) / EDGE).clamp(0, 1)
    found: Tensor = (torch.stack(waves).sum(0) * (-time / FADE).exp() * edges).float()
    return found


def save(melodies: Tensor, path: Path) -> None:
    """Write melodies one after the other as a WAV file of 16 bits. Raises InvalidInput for what lasts over an hour."""
    long = sum(seconds(float(ends(unpadded(each)))) + RELEASE + PAUSE for each in melodies)
    if long > LONGEST:
        raise errors.InvalidInput(
            f"{path} would last {long / 60:.0f} minutes; {LONGEST // 60} is the most. Write fewer melodies, or .mid."
        )
    silence = torch.zeros(round(PAUSE * RATE), device="cpu")
    parts = [part for each in melodies for part in (heard(each), silence)][:-1]
    write(parts, path)


def write(parts: Iterable[Tensor], path: Path) -> None:
    """Write sound, of which the loudest number becomes `LOUD`."""
    whole = torch.cat(list(parts))
    levels = whole / whole.abs().max().clamp(min=1e-9) * LOUD * 32767
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(levels.round().to(torch.int16).numpy().astype("<i2").tobytes())

"""Piano rolls: melodies as pictures, time from left to right and pitch upwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.plugin import images
from zoo_sequences.notes import DURATION, PITCH, QUARTER, VELOCITY, ends, starts, unpadded

if TYPE_CHECKING:
    from PIL import Image

HEIGHT, WIDTH = 96, 192  # pixels of a melody, the height at least
LEAST = 24  # semitones that are shown at least
MARGIN = 2  # semitones above and below
TALLEST = 2 * (2 * (127 // 2 + MARGIN) + 1)  # pixels of one with all pitches, two a semitone
LINE, BEAT = 0.8, 0.9  # how light the lines of each C and each fourth quarter are
FAINT = 0.35  # how dark the softest note is, as a share of the loudest


def picture(melodies: Tensor, *, columns: int | None = None) -> Image.Image:
    """Melodies (n, length, 4) side by side and below each other, all at the same scale: a bar for each note, the darker
    the louder it is, from its start to its end, on lines at each C and every four quarters."""
    notes = [unpadded(each) for each in melodies]
    pitches = torch.cat([each[:, PITCH] for each in notes])
    middle, high = (int(pitches.min()) + int(pitches.max())) // 2, int(pitches.max() - pitches.min()) // 2 + MARGIN
    reach = max(LEAST // 2, high)
    longest = max(int(ends(each)) for each in notes)
    rolls = [_roll(each, middle - reach, middle + reach, longest) for each in notes]
    return images.grid(torch.stack(rolls), columns=columns)


def _roll(notes: Tensor, low: int, high: int, longest: int) -> Tensor:
    """One melody (m, 4) as an image (1, height, WIDTH), 1 being white."""
    thick = max(2, HEIGHT // (high - low + 1))  # pixels of a semitone
    roll, wide = torch.ones(1, thick * (high - low + 1), WIDTH, device="cpu"), WIDTH / longest
    for time in range(0, longest, 4 * QUARTER):
        roll[:, :, int(time * wide)] = BEAT
    for pitch in range(-(-low // 12) * 12, high + 1, 12):
        roll[:, thick * (high - pitch + 1) - 1] = LINE
    for start, note in zip(starts(notes).tolist(), notes.tolist(), strict=True):
        left, right = int(start * wide), int((start + note[DURATION]) * wide)
        top = thick * (high - note[PITCH])
        # A pixel of light tells a note from the next of the same pitch.
        roll[:, top : top + thick, left : max(left + 1, right - 1)] = (1 - FAINT) * (1 - note[VELOCITY] / 127)
    return roll


def save(melodies: Tensor, path: Path, *, columns: int | None = None) -> None:
    """Write `picture` to a file."""
    images.write(picture(melodies, columns=columns), path)

"""Notes: what the rows of a melody are, and when they sound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

PITCH, DURATION, VELOCITY, REST = range(4)
QUARTER = 24  # ticks, of which triplets of sixteenths and thirty-seconds have whole numbers
TEMPO = 120  # quarters a minute, where melodies are heard
LONGEST = 10  # the logarithm of the ticks that a note lasts at most where it is computed: 42 quarters
VOLUME = 80  # the velocity of notes that have none, as in scores
MOST = 2**24  # ticks to the end of a melody, four days, which a number of a note has room for

Note = tuple[int, int, int, int]


def starts(melodies: Tensor) -> Tensor:
    """When each note of melodies (…, length, 4) begins, in ticks (…, length)."""
    duration, rest = melodies[..., DURATION], melodies[..., REST]
    return (rest + F.pad(duration[..., :-1], (1, 0))).cumsum(-1)


def ends(melodies: Tensor) -> Tensor:
    """When each melody of (…, length, 4) ends, in ticks (…)."""
    return (starts(melodies) + melodies[..., DURATION]).amax(-1)


def played(melodies: Tensor) -> Tensor:
    """Where melodies (…, length, 4) have notes: bool (…, length)."""
    return melodies[..., DURATION] > 0


def melody(notes: Iterable[Sequence[float]]) -> tuple[list[Note], int]:
    """The rows of notes (pitch, start, duration, velocity), times in quarters, rounded to ticks, in the order of their
    starts; and how many were left out since they last no tick. Raises ValueError for a pitch that is no whole number
    from 0 to 127, and for a melody that lasts too long."""
    found, end, left_out = list[Note](), 0, 0
    for pitch, start, duration, velocity in sorted(notes, key=lambda note: note[1]):
        begin, stop = round(start * QUARTER), round((start + duration) * QUARTER)
        if pitch not in range(128):
            raise ValueError(f"the pitch {pitch} is none of 0 … 127, of which 60 is middle C. Correct it.")
        if stop > MOST:
            raise ValueError(f"a note ends after {stop / QUARTER:.4g} quarters; {MOST // QUARTER:,} are the most.")
        if stop <= begin:
            left_out += 1
            continue
        found.append((int(pitch), stop - begin, int(velocity), begin - end))
        end = stop
    return found, left_out


def unpadded(melody: Tensor) -> Tensor:
    """The notes (m, 4) of one melody (length, 4)."""
    return torch.as_tensor(melody)[played(melody)].cpu()


def events(melodies: Tensor) -> Tensor:
    """Notes (…, 4) as numbers between which there are others, float32: pitch in semitones, duration as the logarithm to
    base 2 of ticks, velocity, and rest in quarters; 0 where there is none."""
    pitch, duration, velocity, rest = melodies.float().unbind(-1)
    return torch.stack([pitch, duration.clamp(min=1).log2(), velocity, rest / QUARTER], -1)


def rounded(events: Tensor) -> Tensor:
    """The nearest notes, int64 (…, length, 4), to the events of a melody: none is shorter than a tick, softer than 1 or
    begins before the note before it."""
    pitch, duration, velocity, rest = events.unbind(-1)
    found = torch.stack([pitch, duration.clamp(max=LONGEST).exp2(), velocity, rest * QUARTER], -1).round().long()
    pitch, velocity = found[..., PITCH].clamp(0, 127), found[..., VELOCITY].clamp(1, 127)
    duration = found[..., DURATION].clamp(min=1)
    rest = torch.maximum(found[..., REST], -F.pad(duration[..., :-1], (1, 0)))
    return torch.stack([pitch, duration, velocity, rest], -1)

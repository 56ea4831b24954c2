"""What melodies are like: the statistics of them that C-RNN-GAN (Mogren 2016, arXiv:1611.09904) and ORGAN (Guimaraes et
al. 2017, arXiv:1705.10843) tell, beside those of real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import Record, Subject
from zoo_sequences.notes import PITCH, VELOCITY, played, starts, unpadded

MAJOR, HARMONIC_MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)  # a natural minor has the notes of a major
FIFTH, STEPS = 7, (1, 2)  # semitones
RUN = 3  # tones of a repetition


def shares(pitches: Tensor, where: Tensor, wanted: tuple[int, ...]) -> Tensor:
    """Of melodies of `pitches` (n, length), so far as they are `where`, the share (n,) of the intervals from a note to
    the next, up or down, that have one of the `wanted` numbers of semitones; 0 where there is none."""
    between = (pitches[:, 1:] - pitches[:, :-1]).abs()
    there = where[:, 1:] & where[:, :-1]
    found = torch.isin(between, torch.tensor(wanted, device=pitches.device)) & there
    return found.sum(1) / there.sum(1).clamp(min=1)


def scale_consistency(notes: Tensor) -> float:
    """The share of notes (m, 4) that are of one scale, the best of all major and harmonic minor ones."""
    tones = notes[:, PITCH] % 12
    scales = (
        torch.tensor([(key + step) % 12 for step in scale]) for scale in (MAJOR, HARMONIC_MINOR) for key in range(12)
    )
    return max(float(torch.isin(tones, scale).float().mean()) for scale in scales)


def repetitions(notes: Tensor) -> float:
    """How many pairs of equal runs of three tones there are that do not overlap, whatever their times."""
    tones = notes[:, PITCH].tolist()
    runs = [tuple(tones[place : place + RUN]) for place in range(len(tones) - RUN + 1)]
    return float(sum(runs[place + RUN :].count(run) for place, run in enumerate(runs)))


def tone_span(notes: Tensor) -> float:
    """Semitones from the lowest note to the highest."""
    return float(notes[:, PITCH].max() - notes[:, PITCH].min())


def unique_tones(notes: Tensor) -> float:
    """How many pitches there are."""
    return float(len(set(notes[:, PITCH].tolist())))


def intensity_span(notes: Tensor) -> float:
    """From the lowest velocity to the highest."""
    return float(notes[:, VELOCITY].max() - notes[:, VELOCITY].min())


def polyphony(notes: Tensor) -> float:
    """The share of times at which notes begin when two do, or more."""
    times = Counter(starts(notes).tolist())
    return sum(count > 1 for count in times.values()) / len(times)


def tonality(notes: Tensor) -> float:
    """The share of intervals that are perfect fifths."""
    return float(shares(notes[None, :, PITCH], played(notes)[None], (FIFTH,)))


def steps(notes: Tensor) -> float:
    """The share of intervals that are steps of a scale, of one semitone or two."""
    return float(shares(notes[None, :, PITCH], played(notes)[None], STEPS))


MEASURES: dict[str, tuple[str, Callable[[Tensor], float]]] = {
    "scale-consistency": ("scale consistency", scale_consistency),
    "repetitions": ("repetitions of 3 tones", repetitions),
    "tone-span": ("tone span", tone_span),
    "unique-tones": ("unique tones", unique_tones),
    "intensity-span": ("intensity span", intensity_span),
    "polyphony": ("polyphony", polyphony),
    "tonality": ("share of perfect fifths", tonality),
    "steps": ("share of steps", steps),
}


def melody_statistics(subject: Subject) -> list[Record]:
    """The mean of each of drawn melodies; `floor` is that of held-out ones, to which it is the better the nearer it
    is."""
    found = []
    for kind, (name, measure) in MEASURES.items():
        value, floor = (
            torch.tensor([measure(unpadded(each)) for each in melodies]).double().mean()
            for melodies in (subject.generated, subject.held_out)
        )
        counts: dict[str, Any] = {
            "split": "test",
            "n_generated": len(subject.generated),
            "n_real": len(subject.held_out),
        }
        found.append(subject.record(kind, name, float(value), floor=float(floor), **counts))
    return found

"""Melody: the space of melodies, as rows of notes; MIDI, ABC and lines of JSON in, MIDI, sound and piano rolls out."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.plugin import Noise, Space, errors, images
from zoo_sequences import midi, reading, rolls, sound
from zoo_sequences.notes import DURATION, MOST, PITCH, REST, VELOCITY, VOLUME
from zoo_sequences.tunes import SUFFIXES, Tune, read

if TYPE_CHECKING:
    from PIL import Image

FIRST = 1  # the token of the first known note, after 0 for nothing
LENGTHS = 48  # ticks that notes of examples last at most
WRITTEN = {".mid": midi.save, ".wav": sound.save, ".png": rolls.save}


@dataclasses.dataclass(frozen=True)
class Melody(Space):
    """int64 (n, length, 4): of each note, in the order in which they start, its pitch 0 … 127 (69 is the A of 440 Hz),
    its duration in ticks, 24 of which are a quarter, its velocity 1 … 127, and the rest before it, the ticks between
    the end of the note before, or the beginning, and its start: negative, down to minus that note's duration, where
    both sound. 0 0 0 0 after the last; a note at least.

    vocabulary: PITCH/DURATION/REST of all notes that there can be, the most frequent first, with spaces between; any
    if it is empty.
    """

    vocabulary: str = ""

    name = "melody"
    noun = "tune"  # of which there are tunes, in all that is told
    suffixes: ClassVar[tuple[str, ...]] = tuple(WRITTEN)
    # Notes have distances, but a melody between two others has not the notes between theirs.
    categorical = True

    @property
    def size(self) -> int:
        """How many tokens there are of a vocabulary: 0 for nothing after the last note, and its notes."""
        return FIRST + len(self.vocabulary.split())

    @property
    def extent(self) -> str:
        return f"≤ {self.shape[0]} notes"

    def fitted(self, melodies: Tensor, most: int) -> Melody:
        """The space with the `most` frequent notes of `melodies` as its vocabulary, unless it has one."""
        if self.vocabulary:
            return self
        counts = Counter(map(tuple, melodies[melodies[:, :, DURATION] > 0][:, [PITCH, DURATION, REST]].tolist()))
        ranked = sorted(counts, key=lambda note: (-counts[note], note))[:most]
        return dataclasses.replace(self, vocabulary=" ".join("/".join(map(str, note)) for note in ranked))

    def tokens(self, melodies: Tensor) -> Tensor:
        """1 + k for note k of the vocabulary, 0 after the last, int64 (n, length); −1 for a note that is not in it."""
        if not self.vocabulary:
            return torch.where(melodies[..., DURATION] > 0, -1, 0)
        keys, order = _places(self.vocabulary)
        own = _keys(melodies[..., PITCH], melodies[..., DURATION], melodies[..., REST])
        keys, order = keys.to(own.device), order.to(own.device)
        places = torch.searchsorted(keys, own).clamp(max=len(keys) - 1)
        found = torch.where(keys[places] == own, FIRST + order[places], -1)
        return torch.where(melodies[..., DURATION] > 0, found, 0)

    def melodies(self, tokens: Tensor) -> Tensor:
        """What `tokens` (n, length) stand for, (n, length, 4), each note as loud as any other."""
        return rows(self.vocabulary).to(tokens.device)[tokens]

    def coerce(self, samples: Any, *, strict: bool = False) -> Any:
        """Paths of files, one or a list."""
        given = [samples] if isinstance(samples, str | Path) else samples
        if isinstance(given, list | tuple) and given and all(isinstance(each, str | Path) for each in given):
            return self.read([Path(each) for each in given])[1]
        return samples

    def check(self, samples: Any) -> Tensor:
        expected = f"expected int64 (n, {self.shape[0]}, 4), or paths of {', '.join(SUFFIXES)} files"
        if not isinstance(samples, Tensor):
            raise errors.InvalidInput(f"melodies came as {type(samples).__name__}; {expected}. Pass one of these.")
        if samples.dtype != torch.int64 or samples.shape[1:] != self.shape or not len(samples):
            kind = f"{str(samples.dtype).removeprefix('torch.')} {tuple(samples.shape)}"
            raise errors.InvalidInput(f"melodies came as {kind}; {expected}. Pass one of these.")
        if not samples.is_meta and not self.contains(samples):
            known = f" of {self.size - FIRST} known ones" * bool(self.vocabulary)
            raise errors.InvalidInput(
                f"rows of melodies are notes{known}: a pitch 0 … 127, a duration of 1 or more, a velocity 1 … 127 and "
                "a rest that begins no earlier than the note before; 0 after the last and never first. Others came; "
                "correct them."
            )
        return samples

    def contains(self, samples: Tensor) -> bool:
        there = samples[:, :, DURATION] > 0
        notes, before = samples[there], F.pad(samples[:, :-1, DURATION], (1, 0))
        bare = ~there[:, 0].all() | (~there[:, :-1] & there[:, 1:]).any() | samples[~there].any()
        wrong = (notes < 0)[:, [PITCH, VELOCITY]].any() | (notes > 127)[:, [PITCH, VELOCITY]].any()
        early = (samples[:, :, REST] < -before).any() | (notes[:, VELOCITY] < 1).any()
        long = (samples > MOST).any()
        strange = self.vocabulary and bool((self.tokens(samples) < 0).any())
        return not (bool(bare | wrong | early | long) or strange)

    def takes(self, path: Path) -> bool:
        return path.suffix.lower() in SUFFIXES

    def read(self, paths: Sequence[Path]) -> tuple[list[str], Tensor]:
        found = [tune for path in paths for tune in read(path)]
        return [tune.name for tune in found], self.understood(found)

    def understood(self, found: Sequence[Tune]) -> Tensor:
        """Tunes as a batch. Raises DataError that names those with too many notes, or some that are not known."""
        most = self.shape[0]
        wrong = (f"{tune.name} has {len(tune.notes)} notes" for tune in found if len(tune.notes) > most)
        reading.refuse(wrong, f"This model takes 1 to {most}; shorten them.")
        batch = stacked([tune.notes for tune in found], most)
        if self.vocabulary:
            places = zip(found, (self.tokens(batch) < 0).tolist(), strict=True)
            strange = [(tune, row.index(True)) for tune, row in places if any(row)]
            told = (f"{tune.name}: note {place + 1}, {tune.notes[place]}" for tune, place in strange)
            reading.refuse(told, f"It is none of the {self.size - FIRST} notes that the model has learned; change it.")
        return batch

    def check_count(self, n: int, path: Path, *, columns: int | None = None) -> None:
        if path.suffix.lower() == ".png":
            images.check_grid(n, (1, rolls.TALLEST, rolls.WIDTH), columns=columns)
        super().check_count(n, path, columns=columns)

    def write(self, samples: Tensor, path: Path, *, columns: int | None = None) -> str:
        save = WRITTEN.get(path.suffix.lower())
        if save is None:
            raise errors.InvalidInput(f"{path} is no file of tunes; expected a name that ends in .mid, .wav or .png.")
        save(samples, path)
        return f"{path} ({len(samples)} tune{'s' * (len(samples) != 1)})"

    def preview(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        """Piano rolls, side by side and below each other."""
        return rolls.picture(samples, columns=columns)

    def example(self, n: int, noise: Noise) -> Tensor:
        """Melodies of any length, each note as likely as any other."""
        length, drawn = self.shape[0], noise.uniform(1 + 4 * self.shape[0]).double()
        ends, numbers = 1 + (drawn[:, :1] * length).long(), drawn[:, 1:].view(n, length, 4)
        there = torch.arange(length, device=drawn.device) < ends
        if self.vocabulary:
            return self.melodies((FIRST + numbers[:, :, 0] * (self.size - FIRST)).long() * there)
        pitch, velocity = (numbers[:, :, 0] * 128).long(), 1 + (numbers[:, :, 1] * 127).long()
        duration, rest = 1 + (numbers[:, :, 2] * LENGTHS).long(), (numbers[:, :, 3] * LENGTHS).long()
        return torch.stack([pitch, duration, velocity, rest], 2) * there[:, :, None]

    def opposite(self, samples: Tensor) -> Tensor:
        """Each note another; of a vocabulary the next, where there are others."""
        if self.vocabulary:
            tokens = self.tokens(samples)
            return self.melodies(torch.where(tokens > 0, FIRST + tokens % (self.size - FIRST), 0))
        pitch, duration, velocity, rest = samples.unbind(2)
        other = torch.stack([127 - pitch, duration % LENGTHS + 1, velocity % 127 + 1, rest.abs() + 1], 2)
        return other * (duration > 0)[:, :, None]


def stacked(melodies: Iterable[Sequence[Sequence[int]]], length: int) -> Tensor:
    """Melodies, each a list of rows, as a batch (n, length, 4) with 0 after the last."""
    given = [torch.tensor(notes, dtype=torch.int64, device="cpu") for notes in melodies]
    return torch.stack([F.pad(notes, (0, 0, 0, length - len(notes))) for notes in given])


def check_vocabulary(vocabulary: str, architecture: str) -> None:
    """Raises ConfigError for one whose entries are no PITCH/DURATION/REST of notes that do not overlap, or not all
    different."""
    words = vocabulary.split()
    for word in words:
        parts = word.split("/")
        if not (len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts)) or not (
            int(parts[0]) <= 127 and 1 <= int(parts[1]) <= MOST and int(parts[2]) <= MOST
        ):
            raise errors.ConfigError(
                f"{architecture}: the vocabulary holds {word!r}; expected notes such as 60/24/0, a pitch 0 … 127, a "
                "duration of 1 or more and a rest."
            )
    if len(set(words)) < len(words):
        raise errors.ConfigError(f"{architecture}: a note stands twice in the vocabulary. Name each once.")


@functools.lru_cache(16)
def rows(vocabulary: str) -> Tensor:
    """For each token its note, int64 (size, 4)."""
    notes = [list(map(int, word.split("/"))) for word in vocabulary.split()]
    found = [[pitch, duration, VOLUME, rest] for pitch, duration, rest in notes]
    return torch.tensor([[0, 0, 0, 0], *found], dtype=torch.int64, device="cpu")


@functools.lru_cache(16)
def _places(vocabulary: str) -> tuple[Tensor, Tensor]:
    """What tells notes apart, (k,) in rising order, and which of the vocabulary each is."""
    known = rows(vocabulary)[FIRST:]
    found = torch.sort(_keys(known[:, PITCH], known[:, DURATION], known[:, REST]))
    return found.values, found.indices


def _keys(pitch: Tensor, duration: Tensor, rest: Tensor) -> Tensor:
    return (pitch << 52) + (duration << 26) + rest + MOST  # each within its own bits, a negative rest too

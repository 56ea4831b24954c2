"""MIDI files: the melody of one, and melodies as one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.plugin import errors
from zoo_sequences.notes import QUARTER, TEMPO, Note, melody, starts, unpadded

TICKS = 480  # of a quarter, in files that are written
DRUMS = 9  # the channel whose notes are no pitches
PAUSE = 4 * QUARTER  # between melodies
TITLE = "melody {}"  # of a track that holds one of several
OWN = re.compile(TITLE.format(r"\d+"))


def read(path: Path) -> list[tuple[str, list[Note]]]:
    """The melody of a file, the first track, or channel of one, that has notes and no drums; or all that `save` wrote.
    A name and the notes of each. Warns (LeftOut) of other tracks, and of notes that last less than a 48th of a quarter.
    Raises DataError, naming file and track, for what is damaged, and for a file without notes."""
    file, own = _opened(path), list[list[Note]]()
    found, short = list[list[Note]](), 0
    for number, track in enumerate(file.tracks, 1):
        for notes in _parts(track, file.ticks_per_beat):
            try:
                rows, dropped = melody(notes)
            except ValueError as error:
                raise errors.DataError(f"{path}, track {number}: {error}") from error
            short += dropped
            if rows:
                found.append(rows)
                own += [rows] if OWN.fullmatch(track.name) else []
    if not found:
        raise errors.DataError(f"{path} has no notes of a melody in {len(file.tracks)} tracks. Choose another file.")
    melodies = found if len(own) == len(found) else found[:1]
    reasons = [f"{short} notes that last no time"] * bool(short)
    reasons += [f"{len(found) - len(melodies)} more tracks with notes"] * (len(found) > len(melodies))
    if reasons:
        warnings.warn(f"{path}: left out {' and '.join(reasons)}.", errors.LeftOut, stacklevel=errors.outside())
    names = [f"{path}:{place}" for place in range(1, len(melodies) + 1)] if melodies[1:] else [str(path)]
    return list(zip(names, melodies, strict=True))


def _opened(path: Path) -> Any:
    """The file, as mido reads it. Raises DataError naming file and track."""
    import mido  # here, so that models of sentences do without
    from mido.midifiles.meta import KeySignatureError

    file = mido.MidiFile.__new__(mido.MidiFile)  # which has the tracks before the one that is damaged
    try:
        with path.open("rb") as stream:
            file.__init__(file=stream)
    except OSError as error:
        if error.strerror:
            raise errors.DataError(
                f"{path} cannot be read: {error.strerror}. Check its name and permissions."
            ) from error
        raise _damaged(path, file, error) from error
    except (EOFError, ValueError, LookupError, TypeError, AttributeError, KeySignatureError) as error:
        raise _damaged(path, file, error) from error
    if not 0 < file.ticks_per_beat < 2**15:
        raise errors.DataError(f"{path} counts its time in frames of a film, not in beats. Export it again, in beats.")
    return file


def _damaged(path: Path, file: Any, error: Exception) -> errors.DataError:
    tracks = getattr(file, "tracks", [])
    where = f", track {len(tracks) + 1}" if path.read_bytes()[:4] == b"MThd" else ""
    reason = "it ends too early" if isinstance(error, EOFError) else str(error) or type(error).__name__
    return errors.DataError(f"{path}{where} is no MIDI that can be read: {reason}. Export it again.")


def _parts(track: Any, beat: int) -> Iterator[list[tuple[int, float, float, int]]]:
    """The notes of each channel of a track, drums excepted, that has some: pitch, start, duration, in quarters, and
    velocity, in the order in which they begin. A note that is struck again ends, and so does any at the end."""
    time, begin = 0, 0
    sounding, found = dict[tuple[int, int], list[int]](), dict[int, list[list[int]]]()
    for message in track:
        time += message.time
        if message.type == "track_name" and not found:
            begin = time  # where a melody that `save` wrote begins
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            continue
        if last := sounding.pop((message.channel, message.note), None):
            last[2] = time
        if message.type == "note_on" and message.velocity:
            note = sounding[message.channel, message.note] = [message.note, time, 0, message.velocity]
            found.setdefault(message.channel, []).append(note)
    for note in sounding.values():
        note[2] = time
    begin = begin if OWN.fullmatch(track.name) else 0
    for _, notes in sorted(found.items()):
        yield [(pitch, (start - begin) / beat, (end - start) / beat, velocity) for pitch, start, end, velocity in notes]


def save(melodies: Tensor, path: Path) -> None:
    """Write melodies (n, length, 4) one after the other, each in a track of its own. A note that is struck again while
    it sounds ends there."""
    import mido

    file, begin = mido.MidiFile(type=1, ticks_per_beat=TICKS), 0
    for number, each in enumerate(melodies, 1):
        notes = unpadded(each)
        events = list[tuple[int, int, int, int, int]]()  # of each its time, then what ends, in order
        last = 0
        for place, (start, (pitch, duration, velocity, _)) in enumerate(
            zip(starts(notes).tolist(), notes.tolist(), strict=True)
        ):
            events += [(start, 1, place, pitch, velocity), (start + duration, 0, place, pitch, 0)]
            last = max(last, start + duration)
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=TITLE.format(number), time=_scaled(begin))])
        if number == 1:
            track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO)))
        now = 0
        for time, _, _, pitch, velocity in sorted(_ended(events)):
            kind = "note_on" if velocity else "note_off"
            track.append(mido.Message(kind, note=pitch, velocity=velocity, time=_scaled(time - now)))
            now = time
        file.tracks.append(track)
        begin += last + PAUSE
    file.save(path)


def _ended(events: list[tuple[int, int, int, int, int]]) -> list[tuple[int, int, int, int, int]]:
    """Beginnings and ends of notes without the ends of those that were struck again before."""
    latest, kept = dict[int, int](), list[tuple[int, int, int, int, int]]()
    for event in sorted(events):
        _, kind, place, pitch, _ = event
        if kind:
            latest[pitch] = place
        if latest.get(pitch) == place:
            kept.append(event)
    return kept


def _scaled(ticks: int) -> int:
    return ticks * TICKS // QUARTER

"""ABC notation, so far as the Nottingham Music Database has it (abcnotation.com/wiki/abc:standard:v2.1): melodies.

Chord symbols, titles and other words are no melody and are not read; repeats are played.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from zoo.plugin import errors
from zoo_sequences.notes import VOLUME, Note, melody
from zoo_sequences.reading import numbered

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MIDDLE = 60  # the pitch of C
SHARPS = "FCGDAEB"  # in the order in which keys have them
MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1, "": 0}
SIGNS = {"^": 1, "_": -1, "=": 0}
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # so many notes in the time of how many; of others 2, in compound time 3
KEY = re.compile(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)")
LENGTH = r"(\d*)(/*)(\d*)"
# What stands in a line of music, by the method that reads it: the first that is there.
SYNTAX = {
    "skip": re.compile(r'"[^"]*"|![^!]*!|[\s~`\\.)+]|\((?!\d)'),
    "ending": re.compile(r"(?:\[\s*|(?<=\|))(\d)"),
    "bar": re.compile(r":*(?:\[?\|)+\]?:*|::"),
    "field": re.compile(r"\[([A-Z]):([^\]]*)\]"),
    "chord": re.compile(r"\["),
    "chord_end": re.compile(rf"\]{LENGTH}"),
    "tuplet": re.compile(r"\((\d)"),
    "tie": re.compile("-"),
    "broken": re.compile(r">+|<+"),
    "rest": re.compile(rf"[zx]{LENGTH}"),
    "note": re.compile(rf"(\^\^?|__?|=)?([A-Ga-g])([,']*){LENGTH}"),
}


@dataclass
class Heard:
    """One or several pitches at once, none of a rest; for how many quarters; and whether they are tied to the next."""

    pitches: tuple[int, ...]
    duration: Fraction
    tied: bool = False


@dataclass
class Section:
    """Music between places that it is repeated from: what is played each time, and how it ends the first time, the
    second …"""

    body: list[Heard] = field(default_factory=list)
    endings: list[list[Heard]] = field(default_factory=list)
    repeated: bool = False

    def played(self) -> list[Heard]:
        """All in the order in which they are heard."""
        if self.endings:
            return [each for ending in self.endings for each in (*self.body, *ending)]
        return self.body * (1 + self.repeated)


def read(path: Path) -> Iterator[tuple[str, list[Note]]]:
    """Each tune of a file: what it is called, FILE:TITLE, and its notes. Raises DataError, naming file and line, for
    what cannot be read and for a tune without notes."""
    music, number, title = Music(), 0, ""
    for number, line in numbered(path):
        kind, colon, value = line[:1], line[1:2] == ":", line[2:].partition("%")[0].strip()
        if kind == "X" and colon:
            if title:
                yield _tune(path, number, title, music)
            music, title = Music(), value
        elif kind == "T" and colon and title and not music.begun:
            title, music.begun = value, True
        else:
            try:
                if colon and kind.isalpha():
                    music.set(kind, value)
                else:
                    music.line(line.partition("%")[0])
            except (ValueError, ArithmeticError) as error:
                raise errors.DataError(f"{path}, line {number}: {_told(error)}") from error
    yield _tune(path, number, title, music)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "a length is no number, such as 1/0. Correct it."


def _tune(path: Path, number: int, title: str, music: Music) -> tuple[str, list[Note]]:
    try:
        notes, _ = melody(music.notes())
    except (ValueError, ArithmeticError) as error:
        raise errors.DataError(f"{path}, line {number}: the tune {title!r} that ends here: {_told(error)}") from error
    if not notes:
        raise errors.DataError(f"{path}, line {number}: the tune {title!r} that ends here has no notes. Take it out.")
    return f"{path}:{title}", notes


class Music:
    """The notes of a tune, of which lines are read one after the other."""

    def __init__(self) -> None:
        self.begun = False  # whether there is a title
        self.order, self.parts = "", {"": [Section()]}  # which parts are played, and their sections
        self.sections = self.parts[""]
        self.now = self.sections[0].body
        self.key, self.signs = dict[str, int](), dict[str, int]()  # of letters, and of those with signs in this bar
        self.meter, self.unit = Fraction(1), Fraction(0)  # of a whole note; no unit until one is said
        self.factor, self.left, self.next = (
            Fraction(1),
            0,
            Fraction(1),
        )  # of a tuplet, notes of it, and of the next note
        self.chord: list[Heard] | None = None  # notes of one that is open
        self.key_said = False  # which ends what is said of the whole tune

    def set(self, kind: str, value: str) -> None:
        """Take in a field: M, L, K or P; others say nothing of notes."""
        if kind == "M" and (fraction := re.fullmatch(r"(\d+)/(\d+)", value)):
            self.meter = Fraction(int(fraction[1]), int(fraction[2]))
        elif kind == "M" and value in ("C", "C|"):
            self.meter = Fraction(1)
        elif kind == "L" and (fraction := re.fullmatch(r"(\d+)/(\d+)", value)):
            self.unit = Fraction(int(fraction[1]), int(fraction[2]))
        elif kind == "K" and (key := KEY.match(value)):
            self.key_said = True
            sharps = SHARPS.index(key[1]) - 1 + 7 * {"#": 1, "b": -1, "": 0}[key[2]] + MODES.get(key[3].lower()[:3], 0)
            order = SHARPS if sharps > 0 else SHARPS[::-1]
            self.key = dict.fromkeys(order[: abs(sharps)], 1 if sharps > 0 else -1)
        elif kind == "P" and not self.key_said and value.isalpha():
            self.order = value
        elif kind == "P" and self.order:
            self.sections = self.parts.setdefault(value, [])
            self._section()

    def line(self, text: str) -> None:
        """Read a line of music. Raises ValueError for a sign that is not known."""
        place = 0
        while place < len(text):
            found = ((name, pattern.match(text, place)) for name, pattern in SYNTAX.items())
            name, match = next(((name, match) for name, match in found if match), ("", None))
            if match is None:
                raise ValueError(
                    f"{text[place]!r} in column {place + 1} is no sign of music that is known. Correct it."
                )
            if name != "skip":
                getattr(self, f"_{name}")(match)
            place = match.end()
        self._close()

    def notes(self) -> list[tuple[int, float, float, int]]:
        """All that is heard: pitch, start, duration, in quarters, and velocity; what is tied is one."""
        time, found, tied = Fraction(0), list[list[Fraction]](), dict[int, list[Fraction]]()
        order = ["", *self.order] if self.order else self.parts
        for each in (each for part in order for section in self.parts.get(part, []) for each in section.played()):
            held = {pitch: tied[pitch] for pitch in each.pitches if pitch in tied}
            for pitch in each.pitches:
                note = held.get(pitch) or [Fraction(pitch), time, Fraction(0)]
                note[2] += each.duration
                found += [] if pitch in held else [note]
                held[pitch] = note
            tied, time = held if each.tied else {}, time + each.duration
        return [(int(pitch), float(start), float(duration), VOLUME) for pitch, start, duration in found]

    def _bar(self, match: re.Match[str]) -> None:
        self._close()
        sign, section = match[0], self.sections[-1]
        self.signs = {}
        if sign.startswith(":") and len(section.endings) != 1:
            section.repeated = True
        if sign.startswith(":") and len(section.endings) == 1:
            pass  # the other ending follows
        elif sign not in ("|", "||", "|]", "[|") or (len(section.endings) > 1 and sign != "|"):
            self._section()

    def _section(self) -> None:
        self.sections.append(Section())
        self.now = self.sections[-1].body

    def _ending(self, match: re.Match[str]) -> None:
        self.signs, self.now = {}, []
        self.sections[-1].endings.append(self.now)

    def _field(self, match: re.Match[str]) -> None:
        self.set(match[1], match[2].strip())

    def _chord(self, match: re.Match[str]) -> None:
        self.chord = []

    def _chord_end(self, match: re.Match[str]) -> None:
        if self.chord is None:
            raise ValueError("']' ends no chord. Correct it.")
        self._close(match.groups())

    def _close(self, length: Sequence[str] = ("", "", "")) -> None:
        """End the chord that is open, if one is: one without an end goes no further than its bar, line or a tuplet."""
        if self.chord is None:
            return
        notes, self.chord = self.chord, None
        self._add(tuple(note.pitches[0] for note in notes), length, notes[0].duration if notes else Fraction(0))
        self.now[-1] = replace(self.now[-1], tied=any(note.tied for note in notes))

    def _tuplet(self, match: re.Match[str]) -> None:
        self._close()
        self.left = int(match[1])
        compound = self.meter.numerator % 3 == 0 and self.meter.denominator == 8
        self.factor = Fraction(TUPLETS.get(self.left, 3 if compound else 2), max(1, self.left))

    def _tie(self, match: re.Match[str]) -> None:
        notes = self.now if self.chord is None else self.chord
        if notes:
            notes[-1] = replace(notes[-1], tied=True)

    def _broken(self, match: re.Match[str]) -> None:
        less = Fraction(1, 2 ** len(match[0]))
        before, self.next = (2 - less, less) if match[0][0] == ">" else (less, 2 - less)
        if self.now:
            self.now[-1] = replace(self.now[-1], duration=self.now[-1].duration * before)

    def _rest(self, match: re.Match[str]) -> None:
        self._add((), match.groups())

    def _note(self, match: re.Match[str]) -> None:
        sign, letter, octaves, *length = match.groups()
        name, octave = letter.upper(), letter.islower() + octaves.count("'") - octaves.count(",")
        if sign:
            self.signs[name] = SIGNS[sign[0]] * len(sign)  # in all octaves, to the end of the bar
        pitch = MIDDLE + STEPS[name] + 12 * octave + self.signs.get(name, self.key.get(name, 0))
        if self.chord is None:
            self._add((pitch,), length)
        else:
            self.chord.append(Heard((pitch,), self._long(length)))

    def _add(self, pitches: tuple[int, ...], length: Sequence[str], whole: Fraction | None = None) -> None:
        self.now.append(Heard(pitches, self._long(length, whole) * self.next * (self.factor if self.left else 1)))
        self.left, self.next = max(0, self.left - 1), Fraction(1)

    def _long(self, length: Sequence[str], whole: Fraction | None = None) -> Fraction:
        """Quarters of a length such as 3/2, times a `whole` one, which is the tune's unit unless another is given."""
        times, slashes, parts = length
        unit = self.unit or (Fraction(1, 16) if self.meter < Fraction(3, 4) else Fraction(1, 8))
        share = int(times or 1) / Fraction(int(parts) if parts else 2 ** len(slashes))
        return share * (4 * unit if whole is None else whole)

"""ABC notation, so far as the Nottingham Music Database has it (abcnotation.com/wiki/abc:standard:v2.1): melodies.

Chord symbols, titles and other words are no melody and are not read; repeats are played.
"""

from __future__ import annotations

import copy
import re
import warnings
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
COMPOUND = {(6, 8), (9, 8), (12, 8)}  # meters of which a beat has three parts
KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)(?:\s+clef=[a-z]+)?")
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
    """Each tune of a file: what it is called, FILE:TITLE, and its notes. Warns (LeftOut) of notes that last less than a
    48th of a quarter, of parts that are not in the order of parts, and of those that are in it alone. Raises DataError,
    naming file and line, for what cannot be read, for music before the first X: and for a tune without notes."""
    header, number, title = Music(), 0, None  # of the file, which holds for every tune, until a tune has begun
    music = header
    for number, line in numbered(path):
        kind, colon, value = line[:1], line[1:2] == ":", line[2:].partition("%")[0].strip()
        if kind == "X" and colon:
            if title is not None:
                yield _tune(path, number, title, music)
            music, title = copy.deepcopy(header), value
        elif kind == "T" and colon and title is not None:
            title, music.begun = (value, True) if value and not music.begun else (title, music.begun)
        else:
            try:
                _line(music, line.partition("%")[0], (kind, value) if colon and kind.isalpha() else None, title)
            except (ValueError, ArithmeticError) as error:
                raise errors.DataError(f"{path}, line {number}: {_told(error)}") from error
    if title is None:
        raise errors.DataError(f"{path}, line {number}: the file ends without a tune. Begin each with a line X:1.")
    yield _tune(path, number, title, music)


def _line(music: Music, text: str, said: tuple[str, str] | None, title: str | None) -> None:
    """Take in a line, a field if one is `said`, of a tune, or of what comes before the first if it has no title."""
    if title is None and (said[0] == "K" if said else text.strip()):
        raise ValueError("here is music before the first X: of the file. Begin each tune with a line X:1.")
    if said:
        music.set(*said)
    else:
        music.line(text)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "a length is no number, such as 1/0. Correct it."


def _tune(path: Path, number: int, title: str, music: Music) -> tuple[str, list[Note]]:
    try:
        notes, short = melody(music.notes())
    except (ValueError, ArithmeticError) as error:
        raise errors.DataError(f"{path}, line {number}: the tune {title!r} that ends here: {_told(error)}") from error
    if not notes:
        raise errors.DataError(f"{path}, line {number}: the tune {title!r} that ends here has no notes. Take it out.")
    left_out = [f"{short} notes that last no time"] * bool(short) + music.unplayed()
    if left_out:
        told = f"{path}, line {number}: left out {', '.join(left_out)}, of the tune {title!r} that ends here."
        warnings.warn(told, errors.LeftOut, stacklevel=errors.outside())
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
        self.compound = False  # whether a beat has three parts
        self.factor, self.left = Fraction(1), 0  # of a tuplet, and how many notes of it are to come
        self.next = Fraction(1)  # of the next note
        self.chord: list[Heard] | None = None  # notes of one that is open
        self.key_said = False  # which ends what is said of the whole tune
        self.voice = ""
        self.ended = False  # whether the section is over unless another ending follows
        # The pitches of what was heard last, by those of their places without signs, and of it what is tied over a bar.
        self.struck, self.held = dict[int, int](), dict[int, int]()

    def set(self, kind: str, value: str) -> None:
        """Take in a field: M, L, K, P or V; others say nothing of notes. Raises ValueError for one that is not
        understood."""
        read = {"M": self._meter, "L": self._unit, "K": self._key, "P": self._part, "V": self._voice}.get(kind)
        if read:
            read(value)

    def _meter(self, value: str) -> None:
        pair = re.fullmatch(r"(\d+)/(\d+)", {"C": "4/4", "C|": "2/2", "none": "4/4", "": "4/4"}.get(value, value))
        if not pair or not int(pair[1]):
            raise ValueError(f"the meter M:{value} is not understood. Write one such as M:6/8, M:C or M:none.")
        above, below = int(pair[1]), int(pair[2])
        self.meter, self.compound = Fraction(above, below), (above, below) in COMPOUND

    def _unit(self, value: str) -> None:
        fraction = re.fullmatch(r"(\d+)(?:/(\d+))?", value)
        if not fraction or not int(fraction[1]):
            raise ValueError(f"the length L:{value} is not understood. Write one such as L:1/8.")
        self.unit = Fraction(int(fraction[1]), int(fraction[2] or 1))

    def _key(self, value: str) -> None:
        self.key_said = True
        if value.lower() in ("none", ""):
            self.key = {}
            return
        key = KEY.fullmatch(value)
        mode = MODES.get(key[3].lower()[:3]) if key else None
        if key is None or mode is None:
            raise ValueError(f"the key K:{value} is not understood. Write one such as K:Bb, K:F#m, K:D dor or K:none.")
        sharps = SHARPS.index(key[1]) - 1 + 7 * {"#": 1, "b": -1, "": 0}[key[2]] + mode
        if abs(sharps) > len(SHARPS):
            raise ValueError(f"the key K:{value} has more than 7 signs. Write the one that sounds alike.")
        order = SHARPS if sharps > 0 else SHARPS[::-1]
        self.key = dict.fromkeys(order[: abs(sharps)], 1 if sharps > 0 else -1)

    def _part(self, value: str) -> None:
        if not self.key_said:
            if not value.isalpha():
                raise ValueError(f"the order of parts P:{value} is not understood. Write one such as P:AAB.")
            self.order = value
        elif self.order:
            self.sections = self.parts.setdefault(value, [])
            self._section()

    def _voice(self, value: str) -> None:
        name = (value.split() or [""])[0]
        if self.voice not in ("", name):
            raise ValueError(f"the voice V:{name} is one more than V:{self.voice}. Keep one voice, the melody.")
        self.voice = name

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

    def unplayed(self) -> list[str]:
        """The parts that the order of parts lacks, and those that it names and the tune lacks, in words."""
        if not self.order or len(self.parts) == 1:  # music without parts is played once
            return []
        without = [f"part {part}, which P:{self.order} lacks" for part in self.parts if part not in self.order]
        unknown = dict.fromkeys(part for part in self.order if part not in self.parts)
        return without + [f"part {part} of P:{self.order}, which there is not" for part in unknown]

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
        self.signs, self.held = {}, self.struck if self.now and self.now[-1].tied else {}
        if sign.startswith(":") and not section.endings:
            section.repeated = True
        if section.endings and (sign.startswith(":") or (len(section.endings) > 1 and sign in ("||", "|]", "[|"))):
            self.ended = True
        elif sign not in ("|", "||", "|]", "[|"):
            self._section()

    def _section(self) -> None:
        self.sections.append(Section())
        self.now, self.ended = self.sections[-1].body, False

    def _ending(self, match: re.Match[str]) -> None:
        self.signs, self.now, self.ended = {}, [], False
        self.sections[-1].endings.append(self.now)

    def _field(self, match: re.Match[str]) -> None:
        self.set(match[1], match[2].strip())

    def _chord(self, match: re.Match[str]) -> None:
        self.chord, self.struck = [], {}

    def _chord_end(self, match: re.Match[str]) -> None:
        if self.chord is None:
            raise ValueError("']' ends no chord. Correct it.")
        self._close(match.groups())

    def _close(self, length: Sequence[str] = ("", "", "")) -> None:
        """End the chord that is open, if one is: one without an end goes no further than its bar, line or a tuplet."""
        if self.chord is None:
            return
        notes, self.chord = self.chord, None
        self.next = Fraction(1)  # which its first note has taken
        pitches = tuple(dict.fromkeys(note.pitches[0] for note in notes))
        self._add(pitches, length, notes[0].duration if notes else Fraction(0))
        self.now[-1] = replace(self.now[-1], tied=any(note.tied for note in notes))

    def _tuplet(self, match: re.Match[str]) -> None:
        self._close()
        self.left = int(match[1])
        self.factor = Fraction(TUPLETS.get(self.left, 3 if self.compound else 2), max(1, self.left))

    def _tie(self, match: re.Match[str]) -> None:
        notes = self.now if self.chord is None else self.chord
        if notes:
            notes[-1] = replace(notes[-1], tied=True)

    def _broken(self, match: re.Match[str]) -> None:
        less = Fraction(1, 2 ** len(match[0]))
        before, self.next = (2 - less, less) if match[0][0] == ">" else (less, 2 - less)
        notes = self.now if self.chord is None else self.chord
        if notes:
            notes[-1] = replace(notes[-1], duration=notes[-1].duration * before)

    def _rest(self, match: re.Match[str]) -> None:
        self._add((), match.groups())

    def _note(self, match: re.Match[str]) -> None:
        sign, letter, octaves, *length = match.groups()
        name, octave = letter.upper(), letter.islower() + octaves.count("'") - octaves.count(",")
        if sign:
            self.signs[name] = SIGNS[sign[0]] * len(sign)  # in all octaves, to the end of the bar
        place = MIDDLE + STEPS[name] + 12 * octave
        pitch = place + self.signs.get(name, self.key.get(name, 0))
        if not sign:
            pitch = self.held.get(place, pitch)
        if self.chord is None:
            self.struck = {place: pitch}
            self._add((pitch,), length)
        else:
            self.struck[place] = pitch
            self.chord.append(Heard((pitch,), self._long(length) * self.next))
            self.next = Fraction(1)

    def _add(self, pitches: tuple[int, ...], length: Sequence[str], whole: Fraction | None = None) -> None:
        if self.ended:
            self._section()
        self.now.append(Heard(pitches, self._long(length, whole) * self.next * (self.factor if self.left else 1)))
        self.left, self.next, self.held = max(0, self.left - 1), Fraction(1), {}

    def _long(self, length: Sequence[str], whole: Fraction | None = None) -> Fraction:
        """Quarters of a length such as 3/2, times a `whole` one, which is the tune's unit unless another is given."""
        times, slashes, parts = length
        unit = self.unit or (Fraction(1, 16) if self.meter < Fraction(3, 4) else Fraction(1, 8))
        share = int(times or 1) / Fraction(int(parts) if parts else 2 ** len(slashes))
        return share * (4 * unit if whole is None else whole)

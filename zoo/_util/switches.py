"""Environment variables of zoo's that have few values: what switches something on, and numbers."""

from __future__ import annotations

import os

from zoo.errors import InvalidInput

ON, OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
SWITCHES = ("ZOO_DEBUG", "ZOO_OFFLINE", "ZOO_STRICT_PLUGINS")
NUMBERS = {"ZOO_MAX_PIXELS": 250_000_000}  # and what they are unless they are set
DIGITS = 18  # of a number, at most


def check() -> None:
    """Raise InvalidInput for a variable with a value that it cannot have, whether or not anybody will ask for it: who
    sets one means it."""
    for name in SWITCHES:
        is_on(name)
    for name in NUMBERS:
        number(name)


def is_on(name: str) -> bool:
    """Whether the variable switches on. Raises InvalidInput for a word that says neither."""
    word = os.environ.get(name, "")
    if word.strip().lower() not in (*ON, *OFF):
        raise InvalidInput(f"{name}={word!r} says neither yes nor no; expected 1 or 0.")
    return word.strip().lower() in ON


def number(name: str) -> int:
    """The variable's number. Raises InvalidInput for what is no whole number above 0."""
    word = os.environ.get(name, "").strip()
    if not word:
        return NUMBERS[name]
    if not (word.isascii() and word.isdecimal() and len(word) <= DIGITS and int(word)):
        raise InvalidInput(f"{name}={word[:40]!r}; expected a whole number above 0, such as {NUMBERS[name]}.")
    return int(word)

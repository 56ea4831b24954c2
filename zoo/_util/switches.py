"""Environment variables that switch something on."""

from __future__ import annotations

import os

from zoo.errors import InvalidInput

ON, OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def is_on(name: str) -> bool:
    """Whether the variable switches on. Raises InvalidInput for a word that says neither."""
    word = os.environ.get(name, "")
    if word.strip().lower() not in (*ON, *OFF):
        raise InvalidInput(f"{name}={word!r} says neither yes nor no; expected 1 or 0.")
    return word.strip().lower() in ON

"""Of what kind the arguments of `zoo`'s own functions are, looked at before anything is imported for them."""

from __future__ import annotations

import numbers
import os
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from zoo.errors import InvalidInput

TEXT = (str, "a string")
PATH = ((str, os.PathLike), "a path")
SEVERAL = ((str, os.PathLike, Iterable), "a name, or several in a list")
WHOLE = (numbers.Integral, "a whole number")
MAPPING = (Mapping, "names with values, such as {'width': 32}")


def check(kind: tuple[Any, str], **arguments: Any) -> None:
    """Raise InvalidInput for the first of `arguments`, by their names, that is neither None nor of `kind`: a type, or
    several, and what it is called."""
    for name, value in arguments.items():
        whole = kind is WHOLE and isinstance(value, bool)  # which Python counts among the numbers
        if value is not None and (whole or not isinstance(value, kind[0])):
            raise InvalidInput(f"{name}={reprlib.repr(value)}; expected {kind[1]}.")

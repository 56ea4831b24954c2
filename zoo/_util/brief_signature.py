"""Signatures that `help` writes in a line or two, so that a package's functions can be looked over."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
WIDTH = 112  # columns of a line


class Brief(inspect.Signature):
    """A signature whose text has names and defaults alone. Its parameters still know their types, and who asks for
    these, as Jupyter and type checkers do, gets them."""

    def format(self, **_: Any) -> str:
        """What `help` shows, which from Python 3.13 on gives an argument a line of its own where it can."""
        bare = [each.replace(annotation=each.empty) for each in self.parameters.values()]
        text = str(inspect.Signature(bare))
        return "\n    ".join(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))

    __str__ = format


def brief(function: F) -> F:
    """The function itself, whose signature is shown as `Brief` does."""
    function.__signature__ = Brief.from_callable(function)  # type: ignore[attr-defined]
    return function

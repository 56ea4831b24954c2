"""How public functions are called: what `help` shows of them, and what is said where arguments lack their names."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar, cast

from zoo.errors import InvalidInput

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
    """The function, whose signature is shown as `Brief` does, and which is called as by `checked`."""
    made = checked(function)
    made.__signature__ = Brief.from_callable(function)  # type: ignore[attr-defined]
    return made


def checked(function: F) -> F:
    """The function, which raises InvalidInput, and says the names, for more arguments than go without."""
    kinds = [each.kind for each in inspect.signature(function).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return function
    code = function.__code__
    taken, named = code.co_varnames[: code.co_argcount], code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if len(arguments) > len(taken):
            bare = [name for name in taken if name != "self"]
            names = ", ".join(f"{name}=" for name in named)
            others = f"Name the others: {names}." if names else "Leave the others out."
            raise InvalidInput(
                f"{function.__name__} takes {', '.join(bare) or 'nothing'} without a name, and "
                f"{len(arguments) - len(taken) + len(bare)} arguments came so. {others}"
            )
        return function(*arguments, **keywords)

    return cast("F", call)

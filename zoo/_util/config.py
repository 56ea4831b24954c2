"""Configurations: plain values, as they come from YAML, JSON and keyword arguments, into frozen dataclasses."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

from zoo.errors import ConfigError, nearest

T = TypeVar("T")

WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", dict: "a mapping"}


def configured(cls: type[T], fields: dict[str, Any], what: str) -> T:
    """An instance of the dataclass `cls` from plain values; lists become tuples, since configurations are frozen.

    Raises ConfigError, beginning with `what`, for an unknown field, a value of the wrong type or one out of range.
    """
    if not isinstance(fields, dict):
        raise ConfigError(f"{what} is a {type(fields).__name__}; expected a mapping from field names to values.")
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    kinds = typing.get_type_hints(cls)
    plain = {}
    for name, value in fields.items():
        if name not in known:
            raise ConfigError(f"{what} has no field {name!r}. {nearest(str(name), known)}")
        plain[name] = tuple(value) if isinstance(value, list) else value
        if not _fits(plain[name], kinds[name]):
            raise ConfigError(f"{what}: {name}={value!r}; expected {_words(kinds[name])}.")
    try:
        return cls(**plain)
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: {error}. Compare with the fields of {cls.__qualname__}.") from error


def _words(kind: Any) -> str:
    if typing.get_origin(kind) is tuple and typing.get_args(kind)[1:] == (...,):
        return f"a list, each of it {_words(typing.get_args(kind)[0])}"
    return WORDS.get(typing.get_origin(kind) or kind, str(kind))


def _fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of the annotated `kind`. What is more than a plain type or a union of such fits anything."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in typing.get_args(kind))
    if typing.get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        first, *rest = typing.get_args(kind)
        return rest != [...] or all(_fits(each, first) for each in value)
    kind = typing.get_origin(kind) or kind
    if kind in (int, float):
        # A bool is an int to Python, and an int is as good as a float.
        number = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        return number and value == value  # not NaN
    return not isinstance(kind, type) or isinstance(value, kind)

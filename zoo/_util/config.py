"""Configurations: plain values, as they come from YAML, JSON and keyword arguments, into frozen dataclasses.

A field that is declared with `setting` says what it is and which values it takes; `check`, called in the class's
`__post_init__`, holds every instance to that. `nested` puts one class's fields into another, under their own names:

    @dataclass(frozen=True)
    class Options:
        width: int = setting(32, "channels of the first layer", at_least=1)
        adam: Adam = nested(Adam(beta1=0.5), without=["beta2"])

        def __post_init__(self) -> None:
            check(self)
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Collection
from typing import Any, TypeVar

from zoo._util.printable import brief
from zoo.errors import ConfigError, nearest

T = TypeVar("T")

WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", dict: "a mapping"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is known of a field: its name, type and default; in a line what it is; and the bounds of its values, or of
    each entry of a tuple."""

    name: str = ""
    kind: Any = Any
    default: Any = None
    help: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()
    entries: int = 0
    distinct: bool = False
    example: Any = None
    former: str = ""

    @property
    def expected(self) -> str:
        """What values it takes, for an error message."""
        words = f"one of {', '.join(map(str, self.choices))}" if self.choices else self._words(self.kind)
        words += ", all different" if self.distinct else ""
        return words if self.example is None else f"{words}, for example {self.example}"

    def fits(self, value: Any) -> bool:
        """Whether it takes this value."""
        if not _fits(value, self.kind) or not self._within(value):
            return False
        if not isinstance(value, (list, tuple)):
            return True
        return len(value) >= self.entries and (not self.distinct or len(set(value)) == len(value))

    def _words(self, kind: Any) -> str:
        if typing.get_origin(kind) in (types.UnionType, typing.Union):
            return " or ".join("none" if each is type(None) else self._words(each) for each in typing.get_args(kind))
        if typing.get_origin(kind) is tuple and typing.get_args(kind)[1:] == (...,):
            least = f" of at least {self.entries}" if self.entries else ""
            return f"a list{least}, each of it {self._words(typing.get_args(kind)[0])}"
        if typing.get_origin(kind) is tuple and len(set(typing.get_args(kind))) == 1:
            first, *rest = typing.get_args(kind)
            words = f"a list of {1 + len(rest)}, each of it {self._words(first)}"
            # A help such as "(channels, height, width)" says what each is.
            return f"{self.help}, {words}" if self.help.startswith("(") else words
        words = WORDS.get(typing.get_origin(kind) or kind, str(kind))
        low, high = self._low, self._high
        if kind not in (int, float) or (low is None and high is None):
            return words
        if low is not None and high is not None:
            return f"{words} in {'(['[low == self.at_least]}{low}, {high}{')]'[high == self.at_most]}"
        if low is None:
            return f"{words} {'of at most' if high == self.at_most else 'below'} {high}"
        words = words if kind is int else "a finite number"
        return f"{words} {'of at least' if low == self.at_least else 'above'} {low}"

    @property
    def _low(self) -> float | None:
        return self.above if self.at_least is None else self.at_least

    @property
    def _high(self) -> float | None:
        return self.below if self.at_most is None else self.at_most

    def _within(self, value: Any) -> bool:
        if isinstance(value, (list, tuple)):
            return all(self._within(each) for each in value)
        if self.choices:
            return value in self.choices
        if (self._low is None and self._high is None) or value is None or isinstance(value, (str, bool)):
            return True
        return bool(
            (isinstance(value, int) or math.isfinite(value))
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


def setting(
    default: T,
    help: str = "",
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    choices: Collection[Any] = (),
    entries: int = 0,
    distinct: bool = False,
    example: Any = None,
    former: str = "",
) -> T:
    """A dataclass field with this default, which is all that a type checker sees of it.

    help: a line that says what it is. Bounds are of numbers, which are then finite too, or of each number in a tuple.
    entries: the least number of them in a tuple; distinct: whether they are all different. example: a value that an
    error message suggests. former: a name under which earlier files may have it.

    >>> @dataclass(frozen=True)
    ... class Config:
    ...     width: int = zoo.plugin.setting(64, "units of a layer", at_least=1)
    >>> Config().width
    64
    """
    known = Setting(
        "", Any, default, help, at_least, above, at_most, below, tuple(choices), entries, distinct, example, former
    )
    return dataclasses.field(default=default, metadata={"setting": known})


def nested(default: T, *, without: Collection[str] = ()) -> T:
    """A dataclass field that holds an instance of another dataclass: `configured` and `settings` take its fields, but
    for those in `without`, as if they were the outer one's own.

    >>> @dataclass(frozen=True)
    ... class Options:
    ...     adversarial: zoo.plugin.AdversarialOptions = zoo.plugin.nested(zoo.plugin.AdversarialOptions(r1=10.0))
    >>> Options().adversarial.r1
    10.0
    """
    if unknown := set(without) - settings(type(default)).keys():
        raise TypeError(f"{type(default).__qualname__} has no {', '.join(sorted(unknown))}.")
    return dataclasses.field(default=default, metadata={"without": frozenset(without)})


def settings(cls: Any) -> dict[str, Setting]:
    """What is known of each field of the dataclass `cls`, with those of nested ones."""
    return _settings(cls)


@functools.cache
def _settings(cls: Any) -> dict[str, Setting]:
    kinds = typing.get_type_hints(cls)
    found: list[Setting] = []
    for field in dataclasses.fields(cls):
        if "without" in field.metadata:
            inner = settings(type(field.default)).values()
            kept = [each for each in inner if each.name not in field.metadata["without"]]
            found += [dataclasses.replace(each, default=getattr(field.default, each.name)) for each in kept]
        else:
            default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            known = field.metadata.get("setting", Setting())
            found.append(dataclasses.replace(known, name=field.name, kind=kinds[field.name], default=default))
    by_name = {each.name: each for each in found}
    if len(by_name) < len(found):
        raise TypeError(f"{cls.__qualname__} has two fields of one name, its own and nested ones together.")
    return by_name


def check(instance: Any, what: str = "") -> None:
    """Raise ConfigError, beginning with `what`, for a field of a dataclass of the wrong type or out of range.

    >>> zoo.plugin.check(zoo.plugin.AdversarialOptions())
    """
    known = settings(type(instance))
    for field in dataclasses.fields(instance):
        if "without" not in field.metadata:
            _check(known[field.name], getattr(instance, field.name), what)


def configured(cls: type[T], fields: dict[str, Any], what: str, kind: str = "field") -> T:
    """An instance of the dataclass `cls` from plain values; lists become tuples, since configurations are frozen.

    Raises ConfigError, beginning with `what` and calling a field a `kind`, for an unknown field, a value of the wrong
    type or one out of range.
    """
    if not isinstance(fields, dict):
        raise ConfigError(f"{what} is a {type(fields).__name__}; expected a mapping from field names to values.")
    known = settings(cls)
    former = {each.former: each.name for each in known.values() if each.former}
    plain: dict[str, Any] = {}
    for given, value in fields.items():
        name = former.get(given, given)
        if name not in known:
            raise ConfigError(f"{what} {_missing(cls, name, kind)}")
        if name in plain:
            raise ConfigError(f"{what} came with both {name} and {known[name].former}, its former name. Leave one out.")
        _check(known[name], value, what)
        plain[name] = tuple(value) if isinstance(value, list) else value
    try:
        return cls(**_by_field(cls, plain))
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: {error}. Compare with the fields of {cls.__qualname__}.") from error


def _by_field(cls: Any, plain: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `cls`: of `plain` those of nested fields within the instances that these hold."""
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        default: Any = field.default
        if "without" not in field.metadata:
            arguments |= {name: plain[name] for name in [field.name] if name in plain}
        elif inner := {name: value for name, value in plain.items() if hasattr(default, name)}:
            arguments[field.name] = dataclasses.replace(default, **inner)
    return arguments


def _missing(cls: Any, name: Any, kind: str) -> str:
    left_out = {each for field in dataclasses.fields(cls) for each in field.metadata.get("without", ())}
    if name in left_out:
        return f"has no place for {name}. Leave it out."
    return f"has no {kind} {name!r}. {nearest(str(name), settings(cls))}"


def _check(known: Setting, value: Any, what: str) -> None:
    if not known.fits(value):
        raise ConfigError(f"{what}{': ' if what else ''}{known.name}={brief(value)}; expected {known.expected}.")


def _fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of the annotated `kind`. What is more than a plain type or a union of such fits anything."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in typing.get_args(kind))
    if typing.get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        first, *rest = typing.get_args(kind)
        kinds = [first] * len(value) if rest == [...] else [first, *rest]
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    kind = typing.get_origin(kind) or kind
    if kind in (int, float):
        # A bool is an int to Python, and an int is as good as a float.
        number = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        return number and value == value and (kind is int or _is_float(value))  # not NaN
    return not isinstance(kind, type) or isinstance(value, kind)


def _is_float(value: float) -> bool:
    """Whether there is a float of about this value: an int may be too large."""
    try:
        float(value)
    except OverflowError:
        return False
    return True

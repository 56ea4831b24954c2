"""Plain values into frozen dataclasses: what is taken, what is refused, and what the refusal says."""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from zoo._util.config import configured
from zoo.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    width: int = 8
    rate: float = 0.5
    name: str = "plain"
    flip: bool = False
    sides: tuple[int, ...] = (1, 2)
    places: tuple[tuple[float, ...], ...] = ()
    limit: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.width == 13:
            raise ConfigError("thirteen.")
        math.sqrt(self.rate)


def test_nothing_given_means_the_defaults() -> None:
    assert configured(Settings, {}, "settings") == Settings()


def test_values_arrive_and_lists_become_tuples() -> None:
    given = {
        "width": 3, "rate": 1, "name": "x", "flip": True, "sides": [4, 5], "places": [[1, 2.0]], "limit": 6,
        "extra": {"a": [1]},
    }  # fmt: skip
    assert configured(Settings, given, "settings") == Settings(3, 1, "x", True, (4, 5), ([1, 2.0],), 6, {"a": [1]})
    assert given["sides"] == [4, 5]
    assert configured(Settings, {"limit": None}, "settings").limit is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"width": "8"}, "width='8'; expected a whole number"),
        ({"width": 8.0}, r"width=8\.0; expected a whole number"),
        ({"width": True}, "width=True; expected a whole number"),
        ({"width": None}, "width=None; expected a whole number"),
        ({"rate": False}, "rate=False; expected a number"),
        ({"rate": "1e-3"}, "rate='1e-3'; expected a number"),
        ({"name": 3}, "name=3; expected text"),
        ({"flip": 1}, "flip=1; expected true or false"),
        ({"sides": 4}, "sides=4; expected a list, each of it a whole number"),
        ({"sides": [4, 2.5]}, r"sides=\[4, 2\.5\]; expected a list, each of it a whole number"),
        ({"sides": [4, True]}, r"sides=\[4, True\]; expected"),
        ({"places": [[1.0, 2.0], [1.0, "x"]]}, r"places=.*; expected a list, each of it a list, each of it a number"),
        ({"limit": "none"}, r"limit='none'; expected int \| None"),
        ({"limit": True}, "limit=True"),
        ({"extra": [1]}, r"extra=\[1\]; expected"),
        ({"widht": 8}, "no field 'widht'. Did you mean 'width'"),
        ({3: 8}, "no field 3"),
        (["width"], "is a list; expected a mapping"),
        (None, "is a NoneType; expected a mapping"),
    ],
)
def test_refusals_begin_with_what_is_wrong(given: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"^settings.*{expected}"):
        configured(Settings, given, "settings")


def test_the_class_has_the_last_word() -> None:
    with pytest.raises(ConfigError, match=r"^thirteen\.$"):
        configured(Settings, {"width": 13}, "settings")
    with pytest.raises(ConfigError, match=r"^settings: .*Compare with the fields of Settings") as caught:
        configured(Settings, {"rate": -1.0}, "settings")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_field_without_default_that_is_missing() -> None:
    @dataclass(frozen=True)
    class Needy:
        size: int

    with pytest.raises(ConfigError, match=r"^needy: .*'size'"):
        configured(Needy, {}, "needy")

"""Plain values into frozen dataclasses: what is taken, what is refused, and what the refusal says."""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from zoo._util.config import check, configured, nested, setting, settings
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
        ({"limit": "none"}, "limit='none'; expected a whole number or none"),
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


@pytest.mark.parametrize("value", ["x" * 10_000, [1] * 10_000, 16**5000], ids=["text", "list", "integer"])
def test_a_refusal_is_a_line_whatever_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(Settings, {"name": value} if not isinstance(value, str) else {"width": value}, "settings")
    assert len(str(caught.value)) < 500


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


@dataclass(frozen=True)
class Bounded:
    """Each kind of bound there is."""

    width: int = setting(4, "channels", at_least=1)
    rate: float = setting(0.1, "of learning", above=0)
    share: float = setting(0.5, "of labels", at_least=0, below=1, example=0.2)
    cosine: float = setting(0.0, at_least=-1, at_most=1)
    most: int = setting(3, at_most=9)
    less: float = setting(3.0, below=9)
    loss: str = setting("mse", "of pixels", choices=("mse", "l1"))
    sides: tuple[int, ...] = setting((1, 2), at_least=1)
    limit: int | None = setting(None, at_least=1)
    names: tuple[str, ...] = setting(("a", "b"), entries=2, distinct=True)
    pair: tuple[str, str] = setting(("a", "b"), distinct=True)
    hidden: tuple[int, ...] | None = setting(None, entries=1, example=(8,))
    weight: float = setting(5.0, "of the reconstruction", at_least=0, former="likeness")

    def __post_init__(self) -> None:
        check(self, "bounded")


OUT_OF_RANGE = [
    ({"width": 0}, "width=0; expected a whole number of at least 1."),
    ({"width": 2.5}, "width=2.5; expected a whole number of at least 1."),
    ({"rate": 0}, "rate=0; expected a finite number above 0."),
    ({"rate": math.inf}, "rate=inf; expected a finite number above 0."),
    ({"rate": math.nan}, "rate=nan; expected a finite number above 0."),
    ({"share": 1.0}, "share=1.0; expected a number in [0, 1), for example 0.2."),
    ({"share": -0.1}, "share=-0.1; expected a number in [0, 1), for example 0.2."),
    ({"cosine": 1.5}, "cosine=1.5; expected a number in [-1, 1]."),
    ({"most": 10}, "most=10; expected a whole number of at most 9."),
    ({"less": 9}, "less=9; expected a number below 9."),
    ({"loss": "l2"}, "loss='l2'; expected one of mse, l1."),
    ({"sides": (3, 0)}, "sides=(3, 0); expected a list, each of it a whole number of at least 1."),
    ({"limit": 0}, "limit=0; expected a whole number of at least 1 or none."),
    ({"names": ("a",)}, "names=('a',); expected a list of at least 2, each of it text, all different."),
    (
        {"names": ("a", "b", "a")},
        "names=('a', 'b', 'a'); expected a list of at least 2, each of it text, all different.",
    ),
    ({"pair": ("a", "a")}, "pair=('a', 'a'); expected a list of 2, each of it text, all different."),
    ({"pair": ("a", "b", "c")}, "pair=('a', 'b', 'c'); expected a list of 2, each of it text, all different."),
    ({"hidden": ()}, "hidden=(); expected a list of at least 1, each of it a whole number or none, for example (8,)."),
    ({"weight": -1.0}, "weight=-1.0; expected a finite number of at least 0."),
]


@pytest.mark.parametrize(("given", "message"), OUT_OF_RANGE)
def test_every_instance_is_held_to_the_bounds(given: dict[str, Any], message: str) -> None:
    for make in (lambda: Bounded(**given), lambda: configured(Bounded, given, "bounded")):
        with pytest.raises(ConfigError) as caught:
            make()
        assert str(caught.value) == f"bounded: {message}"


def test_values_on_the_bounds_are_within() -> None:
    edges = {
        "width": 1, "rate": 5e-324, "share": 0, "cosine": -1, "most": 9, "less": 8.9, "loss": "l1", "sides": [],
        "limit": 1, "weight": 0,
    }  # fmt: skip
    assert configured(Bounded, edges, "bounded").limit == 1
    assert configured(Bounded, {"cosine": 1.0, "limit": None}, "bounded").cosine == 1


def test_a_former_name_is_read() -> None:
    assert configured(Bounded, {"likeness": 2.0}, "bounded") == Bounded(weight=2.0)
    with pytest.raises(ConfigError, match="both weight and likeness, its former name"):
        configured(Bounded, {"likeness": 2.0, "weight": 3.0}, "bounded")


@dataclass(frozen=True)
class Outer:
    margin: float = setting(1.0, "of energies", at_least=0)
    bounds: Bounded = nested(Bounded(width=7, loss="l1"), without=("limit", "most"))

    def __post_init__(self) -> None:
        check(self)


def test_nested_fields_go_by_their_own_names() -> None:
    outer = configured(Outer, {"margin": 2, "share": 0.25}, "outer")
    assert outer == Outer(2, Bounded(width=7, loss="l1", share=0.25))
    assert configured(Outer, {"likeness": 1.0}, "outer").bounds.weight == 1
    known = settings(Outer)
    assert list(known)[:3] == ["margin", "width", "rate"]
    assert (known["width"].default, known["width"].help) == (7, "channels")
    assert "limit" not in known


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": 3}, "outer has no place for limit. Leave it out."),
        ({"widht": 3}, "outer has no field 'widht'. Did you mean 'width'"),
        ({"width": 0}, "outer: width=0; expected a whole number of at least 1."),
        ({"bounds": {"width": 3}}, "outer has no field 'bounds'"),
    ],
)
def test_nested_fields_that_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(Outer, given, "outer")
    assert str(caught.value).startswith(message)


def test_mistakes_of_an_author_are_told_to_the_author() -> None:
    with pytest.raises(TypeError, match="Bounded has no lmit"):
        nested(Bounded(), without=("lmit",))

    @dataclass(frozen=True)
    class Twice:
        width: int = 3
        bounds: Bounded = nested(Bounded())

    with pytest.raises(TypeError, match="two fields of one name"):
        settings(Twice)


@dataclass(frozen=True)
class Shaped:
    shape: tuple[int, int, int] = (1, 28, 28)
    rate: float = setting(0.1, above=0)

    def __post_init__(self) -> None:
        check(self)


@pytest.mark.parametrize("shape", [(True, 28, 28), (1.5, 28, 28), (1, 28), (1, 28, 28, 1), ()])
def test_tuples_of_a_fixed_length(shape: Any) -> None:
    assert configured(Shaped, {"shape": [3, 32, 32]}, "shaped").shape == (3, 32, 32)
    for make in (lambda: Shaped(shape), lambda: configured(Shaped, {"shape": shape}, "shaped")):
        with pytest.raises(ConfigError, match="expected a list of 3, each of it a whole number"):
            make()


def test_a_whole_number_beyond_all_floats_is_no_number() -> None:
    with pytest.raises(ConfigError, match="rate=1000"):
        Shaped(rate=10**400)

"""Releases side by side as text: a table put together by hand; those of cards are in cli/test_comparing.py."""

import pytest

from zoo.errors import InvalidInput
from zoo.registry.entries import Column
from zoo.reports.comparison import Row, Table
from zoo.reports.side_by_side import Comparison, cells, of_names, sentences

LOW, HIGH = Column("distance", "far", lower_is_better=True), Column("coverage", "covered")


def table(*rows, **changes):
    made = {
        "columns": (LOW, HIGH),
        "protocols": {"distance": {"seed": 0, "device": "cpu"}, "coverage": {"seed": 0, "device": "mps"}},
        "rows": [Row(f"net{i}", i, *rest, values) for i, (values, *rest) in enumerate(rows, 1)],
        "real": {"data": {"distance": 0.5}},
        "notes": ["A note."],
    }
    return Table(**made | changes)


def starred(compared):
    return cells(compared, lambda best: f"{best}*", str.upper)


def test_the_best_of_several_is_marked_and_what_is_missing_is_a_dash():
    compared = table(
        ({"distance": 1.0, "coverage": 0.5}, "", 2_500_000), ({"distance": 3.0}, "", None), ({"distance": 1.0}, "", 0)
    )
    headers, rows, right = starred(compared)
    assert headers == ["rank", "release", "far", "covered", "parameters"]
    assert right == ["rank", "far", "covered", "parameters"]
    assert rows == [
        ["1", "NET1", "1*", "0.5", "2.50 M"],  # of one number there is no best
        ["2", "NET2", "3", "–", "–"],
        ["3", "NET3", "1*", "–", "0.00 M"],
        ["", "data", "0.5", "", ""],
    ]


def test_the_spread_over_seeds_stands_beside_what_releases_are_ranked_by():
    headers, rows, _ = starred(table(({"distance": 1.0}, "1 ± 2", 0), ({"coverage": 1.0}, "", 0)))
    assert headers[2:5] == ["far", "over seeds", "covered"]
    assert [row[3] for row in rows] == ["1 ± 2", "–", ""]


def test_how_numbers_were_measured_is_said_once_and_on_what_machine_by_column():
    assert sentences(table(({"distance": 1.0}, "", 0))) == [
        "Measured with seed 0.",
        "far: device cpu.",
        "covered: device mps.",
        "A note.",
    ]


def test_markdown_has_the_best_in_bold_and_what_stands_apart_below():
    compared = Comparison(
        [table(({"distance": 1.0, "coverage": 0.5}, "", 0), ({"distance": 2.0}, "", 0), real={}, notes=[])], ["x: why."]
    )
    lines = compared.to_markdown().splitlines()
    assert lines[:3] == [
        "| rank | release | far | covered | parameters |",
        "| ---: | --- | ---: | ---: | ---: |",
        "| 1 | net1 | **1** | 0.5 | 0.00 M |",
    ]
    assert lines[-2:] == ["", "- x: why."]
    assert str(compared) == compared.to_markdown()


def test_of_nothing_there_is_no_comparison():
    with pytest.raises(InvalidInput, match="name a data set, such as fashion-mnist, or two releases or more"):
        of_names(())
    with pytest.raises(InvalidInput, match=r"no dataset is called 'mnst'\. .*To compare releases, name two or more\."):
        of_names(("mnst",))

"""Tables: columns in line, first column whole, the rest folded between words."""

import pytest

from zoo.cli import output

ROWS = [("a-name", "two words", "1"), ("another-long-name", "x", "100")]


@pytest.fixture
def table(capsys, monkeypatch):
    """`table(rows, width=…)`: the lines printed."""

    def draw(rows, width=100, **options):
        monkeypatch.setenv("COLUMNS", str(width))
        output.table(("name", "what", "n"), rows, **options)
        return capsys.readouterr().out.splitlines()

    return draw


def test_columns_are_as_wide_as_they_need_be(table):
    assert table(ROWS, right=["n"]) == [
        "name               what         n",
        "a-name             two words    1",
        "another-long-name  x          100",
    ]


def test_the_widest_columns_fold_between_words_and_the_first_never(table):
    assert table(ROWS, width=29) == [
        "name               what   n",
        "a-name             two    1",
        "                   words",
        "another-long-name  x      100",
    ]
    assert table(ROWS, width=10) == table(ROWS, width=29), "no word is broken, the terminal wraps"


def test_signs_of_two_columns_and_of_none_are_counted(table):
    assert table([("猫", "e\u0301", "1"), ("cat", "é", "2")], right=["name"]) == [
        "name  what  n",
        "  猫  e\u0301     1",
        " cat  é     2",
    ]


def test_brackets_are_no_markup_and_an_empty_column_is_none(table):
    assert table([("[bold]", "", "3")]) == ["name    what  n", "[bold]        3"]

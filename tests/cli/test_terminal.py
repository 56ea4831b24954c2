"""Pictures as coloured blocks, for terminals that show nothing else."""

import base64
import io
import os
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from zoo.cli import terminal
from zoo.errors import DataError

CELL = re.compile(r"\x1b\[48;2;(\d+);(\d+);(\d+);38;2;(\d+);(\d+);(\d+)m▄")


def test_a_cell_is_two_pixels_the_upper_one_behind():
    pixels = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)
    lines = list(terminal.blocks(Image.fromarray(pixels), 80, 24))
    found = np.array([[list(map(int, cell)) for cell in CELL.findall(line)] for line in lines])
    assert found.shape == (2, 3, 6)
    assert (found[:, :, :3] == pixels[::2]).all()
    assert (found[:, :, 3:] == pixels[1::2]).all()
    assert all(line.endswith("\x1b[0m") for line in lines), "what comes after has no colour"


@pytest.mark.parametrize(
    ("size", "room", "shape"),
    [((100, 50), (40, 24), (10, 40)), ((50, 100), (80, 12), (10, 10)), ((1, 900), (80, 24), (22, 1))],
    ids=["as wide as the terminal", "as high", "as thin as it is"],
)
def test_it_fits_the_terminal(size, room, shape):
    lines = list(terminal.blocks(Image.new("L", size, 9), *room))
    assert (len(lines), len(CELL.findall(lines[0]))) == shape


class Window:
    """Where `draw` draws: a terminal of so many columns, and what is handed to the library."""

    def __init__(self, monkeypatch, columns, reads=True):
        self.sizes, window = [], self

        class Shown:
            def __init__(self, picture, *size):
                window.sizes.append(size)

            def __rich_measure__(self, console, options):
                return SimpleNamespace(maximum=60)

            def __rich_console__(self, console, options):
                yield "drawn"

        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((columns, 24)))
        monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: reads))
        monkeypatch.setitem(sys.modules, "textual_image.renderable", SimpleNamespace(Image=Shown))
        for name in ("TERM", "NO_COLOR", "TERM_PROGRAM", "LC_TERMINAL"):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def blue(tmp_path):
    Image.new("RGB", (2, 2), "blue").save(tmp_path / "blue.png")
    return tmp_path / "blue.png"


@pytest.mark.parametrize(("columns", "sizes"), [(80, [()]), (60, [()]), (59, [(), ("auto", "auto")])])
def test_a_picture_is_made_to_fit_a_window_that_is_narrower(blue, monkeypatch, capsys, columns, sizes):
    window = Window(monkeypatch, columns)
    terminal.draw(blue)
    assert window.sizes == sizes
    assert capsys.readouterr().out == "drawn\n"


def test_where_nothing_can_be_read_no_terminal_is_asked(blue, monkeypatch, capsys):
    window = Window(monkeypatch, 80, reads=False)
    for stdin in (sys.stdin, None):  # None where it is closed
        monkeypatch.setattr("sys.stdin", stdin)
        terminal.draw(blue)
        assert window.sizes == []
        assert CELL.findall(capsys.readouterr().out) == [("0", "0", "255") * 2] * 2


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_where_there_are_to_be_no_colours_nothing_is_drawn(blue, monkeypatch, capsys, name, value):
    Window(monkeypatch, 80)
    monkeypatch.setenv(name, value)
    terminal.draw(blue)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("terminal_", "columns", "width"),
    [({"TERM_PROGRAM": "iTerm.app"}, 80, 5), ({"LC_TERMINAL": "iTerm2"}, 4, 4), ({"TERM_PROGRAM": "WezTerm"}, 80, 5)],
)
def test_iterm_gets_the_picture_itself(tmp_path, monkeypatch, capsys, terminal_, columns, width):
    """Whether or not there is the library, or anything can be read."""
    Image.new("RGB", (40, 30), "blue").save(tmp_path / "blue.png")
    window = Window(monkeypatch, columns, reads=False)
    for name, value in terminal_.items():
        monkeypatch.setenv(name, value)
    terminal.draw(tmp_path / "blue.png")
    head, _, sent = capsys.readouterr().out.partition(":")
    assert sent.endswith("\a\n")
    content = base64.b64decode(sent.rstrip("\a\n"), validate=True)
    assert head == f"\x1b]1337;File=inline=1;size={len(content)};width={width}"
    with Image.open(io.BytesIO(content)) as shown:
        assert (shown.format, shown.size, shown.getpixel((39, 29))) == ("PNG", (40, 30), (0, 0, 255))
    assert window.sizes == []


def test_tmux_passes_no_picture_on(blue, monkeypatch, capsys):
    window = Window(monkeypatch, 80)
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    monkeypatch.setenv("TERM", "tmux-256color")
    terminal.draw(blue)
    assert (capsys.readouterr().out, window.sizes) == ("drawn\n", [()])


def test_without_the_library_or_a_width_blocks_are_drawn(blue, monkeypatch, capsys):
    Window(monkeypatch, 80)
    monkeypatch.setitem(sys.modules, "textual_image.renderable", None)
    terminal.draw(blue)
    assert CELL.findall(capsys.readouterr().out) == [("0", "0", "255") * 2] * 2


def test_a_damaged_picture_is_told(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png is not a readable image"):
        terminal.draw(tmp_path / "bad.png")

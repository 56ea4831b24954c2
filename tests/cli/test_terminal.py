"""Pictures as coloured blocks, for terminals that show nothing else."""

import re
import sys

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


def test_without_the_library_or_a_width_blocks_are_drawn(tmp_path, monkeypatch, capsys):
    Image.new("RGB", (2, 2), "blue").save(tmp_path / "blue.png")
    monkeypatch.setattr("os.get_terminal_size", lambda *_: __import__("os").terminal_size((80, 24)))
    monkeypatch.setitem(sys.modules, "textual_image.renderable", None)
    terminal.draw(tmp_path / "blue.png")
    assert CELL.findall(capsys.readouterr().out) == [("0", "0", "255") * 2] * 2


def test_a_damaged_picture_is_told(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png is not a readable image"):
        terminal.draw(tmp_path / "bad.png")

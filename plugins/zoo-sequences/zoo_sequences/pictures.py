"""Pictures of sentences: lines, and weights between the words of two."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from zoo.plugin import images

CELL = 28  # pixels on a side of a weight


def lines(texts: Sequence[str]) -> Image.Image:
    """Lines of text."""
    return images.lettered(texts)


def weights(rows: Sequence[str], columns: Sequence[str], values: Tensor) -> Image.Image:
    """Weights (rows, columns) in [0, 1] as squares, dark where they are large, with the words beside and above them."""
    beside = [images.lettered([word]) for word in rows]
    above = [images.lettered([word]).rotate(90, expand=True) for word in columns]
    left, top = max(word.width for word in beside), max(word.height for word in above)
    sheet = Image.new("L", (left + CELL * len(columns), top + CELL * len(rows)), 255)
    for row, word in enumerate(beside):
        sheet.paste(word, (left - word.width, top + CELL * row + (CELL - word.height) // 2))
    for column, word in enumerate(above):
        sheet.paste(word, (left + CELL * column + (CELL - word.width) // 2, top - word.height))
    for row, line in enumerate(values.tolist()):
        for column, value in enumerate(line):
            shade = round(255 * (1 - min(max(value, 0), 1)))
            sheet.paste(
                shade, (left + CELL * column, top + CELL * row, left + CELL * (column + 1), top + CELL * (row + 1))
            )
    return sheet


def below(*pictures: Image.Image) -> Image.Image:
    """Pictures below each other."""
    sheet = Image.new("L", (max(each.width for each in pictures), sum(each.height for each in pictures)), 255)
    top = 0
    for each in pictures:
        sheet.paste(each, (0, top))
        top += each.height
    return sheet

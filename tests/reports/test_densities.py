"""The picture of what densities draw."""

import torch

from zoo.reports.densities import sheet


def test_a_row_of_samples_for_each_density():
    rows = [("black", "1", torch.zeros(4, 1, 8, 8)), ("white", "2", torch.ones(4, 1, 8, 8))]
    grey = sheet(rows, "drawn").convert("L")
    middle = grey.width // 2
    column = [grey.getpixel((middle, y)) for y in range(grey.height)]
    dark = [y for y, shade in enumerate(column) if shade < 10]
    assert dark
    assert max(dark) < grey.height * 0.7  # the black row is the upper one
    assert sheet([(name, told, images.expand(-1, 3, -1, -1)) for name, told, images in rows], "drawn").size == grey.size

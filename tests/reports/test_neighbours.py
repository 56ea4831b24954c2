"""The picture of samples above what they are nearest to."""

import numpy as np
import pytest
import torch

from zoo.metrics.neighbours import Pairs
from zoo.reports.neighbours import sheet


@pytest.mark.parametrize(("count", "columns", "rows"), [(3, 3, 1), (12, 10, 2)])
def test_each_sample_stands_above_its_neighbour(count, columns, rows):
    levels = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1)
    samples = (5 * levels).repeat(1, 1, 4, 6)
    neighbours = samples + 3
    none = torch.zeros(count)
    made = np.asarray(sheet(Pairs(samples, neighbours, none, none, none, none, none, "pixels", 20)))
    assert made.shape[:2] == (rows * (8 + 2) + 2, columns * (6 + 2) + 2)
    for place in range(count):
        top, left = 2 + 10 * (place // columns), 2 + 8 * (place % columns)
        assert (made[top : top + 4, left : left + 6] == 5 * place).all()
        assert (made[top + 4 : top + 8, left : left + 6] == 5 * place + 3).all()

"""Vectors in units of their columns' own, by hand."""

import pytest
import torch

from zoo.metrics.units import standardised


def test_columns_less_their_means_by_their_standard_deviations():
    """1, 3 and 5 have mean 2 + 1 and variance (4 + 0 + 4) / 2."""
    reference = torch.tensor([[1.0, 100.0], [3.0, 300.0], [5.0, 500.0]])
    units = standardised(torch.tensor([[3.0, 300.0], [7.0, 0.0]]), reference)
    assert units.dtype == torch.float64
    assert torch.allclose(units, torch.tensor([[0.0, 0.0], [2.0, -1.5]]).double())


def test_a_column_without_a_spread_is_divided_by_nothing():
    assert standardised(torch.tensor([[7.0]]), torch.full((4, 1), 5.0)).tolist() == [[2.0]]
    assert standardised(torch.tensor([[7.0]]), torch.tensor([[5.0]])).tolist() == [[2.0]]


def test_large_numbers_far_from_0():
    """In float32 the sum of the squares would be infinite, and the mean of what lies at 1e8 is rounded to 8."""
    huge = torch.tensor([[-1e38], [1e38]])
    assert torch.allclose(standardised(huge, huge), torch.tensor([[-1.0], [1.0]]).double() / 2**0.5)
    far = 1e8 + torch.tensor([[0.0], [8.0]])
    assert torch.allclose(standardised(far, far), torch.tensor([[-1.0], [1.0]]).double() / 2**0.5)


def test_units_so_small_that_their_squares_vanish():
    reference = torch.tensor([[-1e-200], [0.0], [1e-200]], dtype=torch.float64)
    assert standardised(3 * reference[2:], reference).item() == pytest.approx(3.0)

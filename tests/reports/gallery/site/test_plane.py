"""Vectors, as points on a plane."""

import numpy as np
import pytest
from chromium import levels, seed

pytestmark = pytest.mark.browser

POINTS = ("flow-2d-two-moons", "wgan-gp-gaussian-ring")


@pytest.mark.parametrize("name", POINTS)
def test_points_are_drawn(name, room):
    page = room(name)
    seed(page, 2)
    drawn = levels(page, "sample")
    assert drawn.shape == (480, 480, 3)
    assert (np.abs(drawn - drawn[0, 0]).max(2) > 20).sum() > 500  # points of a ring lie on each other
    assert "2000 points, seed 2" in page.inner_text("#caption")

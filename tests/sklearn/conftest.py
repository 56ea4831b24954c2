"""Tables and images that are small enough to be trained on within a test."""

import numpy as np
import pytest

pytest.importorskip("sklearn")


@pytest.fixture
def table():
    """40 rows of 4 features in units of their own, of which the last two follow from the first two."""
    points = np.random.default_rng(0).normal(size=(40, 2))
    return np.hstack([1000 + 50 * points, points @ [[0.01, 0.02], [0.03, -0.01]]])


@pytest.fixture
def images():
    """24 grey images of 8 × 8 pixels, 8-bit levels in [0, 1]."""
    return np.random.default_rng(0).integers(0, 256, (24, 1, 8, 8)) / 255

"""Arrays and tensors of samples as uint8 images or as rows of finite numbers."""

import numpy as np
import pytest

from zoo.data import arrays
from zoo.errors import DataError


def test_floats_become_the_nearest_of_256_levels_and_bytes_stay():
    images = np.array([0.0, 0.1, 0.5, 1.0]).reshape(1, 1, 2, 2)
    assert arrays.values(images).flatten().tolist() == [0, 26, 128, 255]  # 25.5 and 127.5 go to the even one
    bytes_ = np.array([0, 7, 254, 255], np.uint8).reshape(1, 1, 2, 2)
    assert arrays.values(bytes_).flatten().tolist() == [0, 7, 254, 255]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.array([[1.0, 2.0], [3.0, np.nan]]), "no finite number in row 1, column 1"),
        (np.zeros((0, 3)), "the table has no rows"),
        (np.array([[1j, 2]]), "an array of complex128; expected real numbers"),
        (np.array([["a", "b"]]), "an array of <U1; expected real numbers"),
        (np.zeros((3, 4, 4)), r"Of grey images pass data\[:, None\]\."),
        (np.zeros((3, 4, 4, 3)), r"shape \(3, 4, 4, 3\); .* Put the channels first\."),
        (np.full((1, 1, 2, 2), 2.0), r"from 2 to 2; expected floats in \[0, 1\], or uint8"),
        (np.full((1, 1, 2, 2), 300, np.uint16), "torch.uint16, from 300 to 300; expected"),
    ],
)
def test_what_is_none_of_these_is_refused(given, said):
    with pytest.raises(DataError, match=said):
        arrays.values(given)

"""Pictures made to be of a shape: grey or RGB, of other proportions, resized."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import images
from zoo.errors import InvalidInput
from zoo.files.fitting import check_shape, differences, fitted

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLOUR = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1)
COLUMNS = np.repeat(np.arange(10, dtype=np.uint8)[None], 4, 0)  # 10 wide, 4 high


def test_grey_and_colour_are_converted():
    grey = images.from_pil(Image.fromarray(COLOUR), (1, 16, 16))
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[0, 0].numpy() * 255 - COLOUR @ weights).max() < 1.01
    colour = images.from_pil(Image.fromarray(RAMP), (3, 16, 16))
    assert (colour[0] == torch.from_numpy(RAMP).float() / 255).all()


def test_resizing_keeps_the_range_and_a_constant():
    flat = images.from_pil(Image.new("L", (50, 30), 77), (1, 8, 8))
    assert (flat * 255 == 77).all()
    checks = Image.fromarray(((np.indices((64, 64)).sum(0) % 2) * 255).astype(np.uint8))
    small = images.from_pil(checks, (1, 8, 8))
    assert small.min() >= 0
    assert small.max() <= 1
    assert (small - 0.5).abs().max() < 0.05  # antialiased: the fine checks average out


@pytest.mark.parametrize(
    ("pixels", "fit", "expected"),
    [
        (COLUMNS, "crop", [3, 4, 5, 6]),
        (COLUMNS, "pad", [*range(10)]),
        (COLUMNS, "squeeze", [*range(10)]),
        (COLUMNS[:, :4], "crop", [0, 1, 2, 3]),
        (COLUMNS[:, :4], "pad", [0, 1, 2, 3]),
        (COLUMNS[:, :3], "crop", [0, 1, 2]),
        (COLUMNS[:, :1], "pad", [255, 0, 255, 255]),
    ],
)
def test_pictures_of_other_proportions_are_made_to_fit(pixels, fit, expected):
    """A square wanted: the middle is kept, or white is added on both sides, or all stays to be squeezed."""
    made = fitted(torch.from_numpy(pixels)[None], (16, 16), fit)
    assert made[0, made.shape[1] // 2].tolist() == expected
    sides = {"crop": (min(pixels.shape),) * 2, "pad": (max(pixels.shape),) * 2, "squeeze": pixels.shape}[fit]
    assert tuple(made.shape[1:]) == sides
    tall = fitted(torch.from_numpy(pixels.T.copy())[None], (16, 16), fit)
    assert torch.equal(tall, made.transpose(1, 2))


def test_the_proportions_are_those_of_what_is_wanted():
    pixels = torch.arange(12 * 12).view(1, 12, 12)
    assert fitted(pixels, (8, 16), "crop").shape == (1, 6, 12)
    assert torch.equal(fitted(pixels, (8, 16), "crop"), pixels[:, 3:9])
    assert fitted(pixels, (8, 16), "pad").shape == (1, 12, 24)
    assert fitted(pixels, (1, 1), "crop") is pixels
    assert fitted(pixels[:, :1], (1000, 1), "crop").shape == (1, 1, 1)


@pytest.mark.parametrize(
    ("size", "shape", "fit", "expected"),
    [
        ((16, 16), (3, 16, 16), "crop", []),
        ((32, 32), (3, 16, 16), "pad", ["shrunk"]),
        ((8, 8), (3, 16, 16), "crop", ["enlarged"]),
        ((32, 40), (1, 16, 16), "crop", ["shrunk", "cropped", "turned grey"]),
        ((16, 40), (3, 16, 16), "squeeze", ["shrunk", "squeezed"]),
        ((16, 40), (1, 16, 16), None, ["turned grey"]),
    ],
)
def test_what_a_picture_loses_is_said(size, shape, fit, expected):
    assert differences(Image.new("RGB", size[::-1], (9, 8, 7)), shape, fit) == expected
    without = [word for word in expected if word != "turned grey"]
    assert differences(Image.new("RGB", size[::-1], (7, 7, 7)), shape, fit) == without


def test_images_have_one_channel_or_three():
    with pytest.raises(InvalidInput, match=r"shape \(2, 4, 4\) are unknown; expected \(1 or 3, height, width\)"):
        check_shape((2, 4, 4))

"""Differentiable augmentations: each change against a direct construction, and what they leave alone."""

import pytest
import torch

from zoo.nn import augment
from zoo.nn.augment import AUGMENTATIONS, colour, cutout, translation

CHANGES = pytest.mark.parametrize("change", AUGMENTATIONS.values(), ids=AUGMENTATIONS)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def pictures(n=64, channels=3, height=16, width=24):
    return 2 * torch.rand(n, channels, height, width) - 1


def shifted(image, down, right):
    """(channels, height, width) moved by whole pixels; 0 where nothing comes from."""
    _, height, width = image.shape
    moved = torch.zeros_like(image)
    to = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
    source = slice(max(-down, 0), height - max(down, 0)), slice(max(-right, 0), width - max(right, 0))
    moved[:, to[0], to[1]] = image[:, source[0], source[1]]
    return moved


@CHANGES
@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 3, 28, 20), (1, 2, 6, 7)])
def test_shape_and_type_stay(change, shape):
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        changed = change(torch.rand(shape).to(dtype))
        assert changed.shape == shape
        assert changed.dtype is dtype


@CHANGES
def test_gradients_reach_the_images(change):
    images = pictures().requires_grad_(True)
    change(images).square().sum().backward()
    reached = images.grad.abs().flatten(1).sum(1)
    assert (reached > 0).all()


@CHANGES
def test_each_image_is_changed_in_its_own_way_and_again_by_the_same_seed(change):
    images = pictures(n=1).expand(64, -1, -1, -1)
    torch.manual_seed(1)
    changed = change(images)
    assert len({tuple(one.flatten().tolist()) for one in changed}) > 20  # of 35 shifts
    torch.manual_seed(1)
    assert torch.equal(change(images), changed)


@CHANGES
def test_randomness_does_not_depend_on_the_images(change):
    """Real and generated images are changed by the same distribution."""
    states = []
    for images in (pictures(), torch.zeros(64, 3, 16, 24)):
        torch.manual_seed(2)
        change(images)
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_translation_is_a_shift_by_whole_pixels_filled_with_zero():
    images = pictures(n=48)
    down, right = 2, 3  # ⅛ of 16 and of 24
    found = []
    for image, moved in zip(images, translation(images), strict=True):
        fits = [
            (y, x)
            for y in range(-down, down + 1)
            for x in range(-right, right + 1)
            if torch.equal(moved, shifted(image, y, x))
        ]
        assert len(fits) == 1
        found += fits
    assert {y for y, _ in found} == {-2, -1, 0, 1, 2}
    assert {x for _, x in found} == {-3, -2, -1, 0, 1, 2, 3}


@pytest.mark.parametrize(("height", "width"), [(16, 16), (28, 28), (32, 20)])
def test_cutout_is_one_rectangle_of_half_the_side_at_most_and_the_rest_is_left_alone(height, width):
    images = pictures(n=200, channels=2, height=height, width=width) + 3  # nowhere 0
    cut = cutout(images)
    hole = cut == 0
    assert torch.equal(cut[~hole], images[~hole])
    assert torch.equal(hole[:, 0], hole[:, 1])
    rows, columns = hole[:, 0].any(2), hole[:, 0].any(1)
    # Exactly the rows and columns that have a hole at all: a rectangle.
    assert torch.equal(hole[:, 0], rows[:, :, None] & columns[:, None, :])
    for sides, full in ((rows, height // 2), (columns, width // 2)):
        lengths = sides.sum(1)
        assert lengths.max() == full
        # The centre may lie on the edge, where half of the hole is outside.
        assert lengths.min() == full // 2
        assert (sides.int().diff(dim=1).abs().sum(1) <= 2).all()  # in one piece
    assert (rows.any(0) & rows.all(0).logical_not()).all()  # every row is cut in some image, and kept in some


def test_colour_moves_the_mean_by_the_brightness_alone():
    """Saturation keeps the mean over channels, contrast the mean over all."""
    images = pictures(n=500)
    moved = colour(images).mean((1, 2, 3)) - images.mean((1, 2, 3))
    assert moved.abs().max() <= 0.5 + 1e-5
    assert moved.min() < -0.45
    assert moved.max() > 0.45
    assert moved.mean().abs() < 3 * (1 / 12 / 500) ** 0.5  # uniform on ± ½


def test_colour_scales_saturation_by_up_to_two_and_contrast_by_a_half_to_one_and_a_half():
    images = pictures(n=200, height=8, width=8)
    changed = colour(images)

    def chroma(x):
        return x - x.mean(1, keepdim=True)

    def brightness(x):
        grey = x.mean(1)
        return grey - grey.mean((1, 2), keepdim=True)

    # Both are multiples of what they were, by a factor of the image's own.
    contrast = (brightness(changed) / brightness(images)).flatten(1).median(1).values
    torch.testing.assert_close(brightness(changed), contrast[:, None, None] * brightness(images), rtol=1e-3, atol=1e-4)
    assert 0.5 <= contrast.min() < 0.55
    assert 1.45 < contrast.max() <= 1.5 + 1e-4
    saturation = (chroma(changed) / chroma(images)).flatten(1).median(1).values / contrast
    torch.testing.assert_close(
        chroma(changed), (saturation * contrast)[:, None, None, None] * chroma(images), rtol=1e-3, atol=1e-4
    )
    assert -1e-4 <= saturation.min() < 0.05
    assert 1.95 < saturation.max() <= 2 + 1e-3


def test_a_grey_image_has_no_saturation_to_change():
    images = pictures(channels=1)
    torch.manual_seed(3)
    grey = colour(images)
    torch.manual_seed(3)
    coloured = colour(images.expand(-1, 3, -1, -1))
    torch.testing.assert_close(coloured, grey.expand(-1, 3, -1, -1))


def test_names():
    assert {"colour": augment.colour, "translation": translation, "cutout": cutout} == AUGMENTATIONS

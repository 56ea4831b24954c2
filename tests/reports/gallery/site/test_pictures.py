"""Files that are no picture, or of another size than a model takes."""

import pytest
from chromium import bring
from PIL import Image

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["vae-mnist", "pix2pix-facades", "srresnet-bsd200", "context-encoder-celeba"])
def test_what_is_no_picture_is_told(name, room):
    page = room(name)
    bring(page, b"\x89PNG\r\n\x1a\n and no more", "broken.png")
    page.wait_for_selector("#told:not([hidden])")
    assert "“broken.png” could not be read as a picture" in page.inner_text("#told")


def test_a_picture_of_another_shape_is_told(room):
    page = room("pix2pix-facades")
    bring(page, Image.new("RGB", (700, 7)))
    page.wait_for_selector("#told:not([hidden])")
    assert "A picture of 700×7 pixels is too low for this model" in page.inner_text("#told")


def test_a_huge_photo_is_made_smaller(room):
    page = room("pix2pix-facades")
    bring(page, Image.new("RGB", (6000, 4000), "blue"), "huge.jpg", "JPEG")
    page.wait_for_selector("#own[data-drawn='1']")
    assert "Your picture of 6000×4000 pixels as 256×" in page.inner_text("#source-caption")

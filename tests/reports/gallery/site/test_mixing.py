"""Styles are mixed as Python mixes them, by seeds and by one face dragged onto another."""

import pytest
from chromium import LEVELS, drag, finger, off

import zoo
from zoo import latent

pytestmark = pytest.mark.browser


def test_styles_are_mixed_as_python_mixes_them(room):
    model, page = zoo.load("stylegan-lite-celeba"), room("stylegan-lite-celeba")
    page.fill("#coarse", "3")
    page.fill("#fine", "5")
    page.press("#fine", "Enter")
    drag(page, "layer", 4)
    # Not how often it was mixed: what comes while it is being mixed is done at once.
    page.wait_for_selector("#mixed-caption:has-text('of seed 3 before layer 4, of seed 5')")
    a, b = (model.latents(1, seed=each) for each in (3, 5))
    for canvas, styles in (("coarse-sample", a), ("mixed", latent.mix(a, b, 4)), ("fine-sample", b)):
        assert off(page, canvas, model.decode(styles)) <= LEVELS
    assert off(page, "mixed", model.decode(latent.mix(a, b, 5))) > LEVELS
    assert "zoo.latent.mix(a, b, 4)" in page.inner_text("#code")
    assert "zoo mix stylegan-lite-celeba --coarse 3 --fine 5 --layer 4" in page.inner_text("#code")


@pytest.mark.parametrize("by", ["mouse", "finger"])
def test_one_face_is_dragged_onto_another(by, touched):
    model, page = zoo.load("stylegan-lite-celeba"), touched("stylegan-lite-celeba")
    page.click("#mix-go")
    page.wait_for_selector("#faces:not([hidden])")
    dragged, other = page.locator("#faces canvas >> nth=4"), page.locator("#faces canvas >> nth=2")
    if by == "mouse":
        dragged.drag_to(other)
    else:
        here, there = dragged.bounding_box(), other.bounding_box()
        finger(page, dragged, (9, 9), (0, 12), (there["x"] - here["x"] + 9, there["y"] - here["y"] + 9))
    page.wait_for_selector("#mixed-caption:has-text('of seed 4 before layer')")
    assert (page.input_value("#coarse"), page.input_value("#fine")) == ("4", "2")
    assert dragged.evaluate("e => e.style.translate + e.className") == ""
    a, b = (model.latents(1, seed=each) for each in (4, 2))
    assert off(page, "mixed", model.decode(latent.mix(a, b, model.style_layers // 2))) <= LEVELS

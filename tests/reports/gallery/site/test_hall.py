"""The hall: light, searched and filtered."""

import pytest

pytestmark = pytest.mark.browser

FIRST_VIEW = 500_000  # bytes


def test_the_hall_is_light_and_searched(room):
    page, sizes = room("."), []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.reload(wait_until="networkidle")
    assert 0 < sum(sizes) <= FIRST_VIEW
    everything = page.locator("#cards > li").count()
    assert page.inner_text("#found") == f"{everything} of {everything}"
    assert page.locator("#cards > li:visible").count() == everything
    page.fill("#search", "facades")
    assert page.inner_text("#found") == f"1 of {everything}"
    assert page.locator("#cards > li:visible h2").all_inner_texts() == ["pix2pix-facades"]
    page.fill("#search", "faces, celeba")
    assert "dcgan-celeba" in page.locator("#cards > li:visible h2").all_inner_texts()
    page.fill("#search", "")
    page.select_option("#family", "flows")
    assert page.locator("#cards > li:visible h2").all_inner_texts() == ["flow-2d-two-moons"]
    page.click("#cards > li:visible a")
    page.wait_for_selector("#another")
    page.go_back()
    assert page.input_value("#family") == "flows"
    page.wait_for_selector("#found:has-text('1 of')")
    assert page.locator("#cards > li:visible h2").all_inner_texts() == ["flow-2d-two-moons"]

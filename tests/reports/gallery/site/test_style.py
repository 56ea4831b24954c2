"""On a phone, light and dark: nothing is wider than the screen, and all that is used has a name."""

import pytest
from chromium import entering

pytestmark = pytest.mark.browser


UNNAMED = """() => [...document.querySelectorAll("button, input, select, a, canvas, img, progress")].filter((e) => {
    const label = e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? "";
    const labelled = [...(e.labels ?? [])].some((each) => each.textContent.trim());
    const decorates = e.tagName === "IMG" && e.hasAttribute("alt");
    return !(label || labelled || e.textContent.trim() || decorates || e.closest("ul[aria-label]"));
}).map((e) => e.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_all_fits_and_has_a_name(scheme, browser, gallery):
    phone = {"viewport": {"width": 390, "height": 800}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with browser.new_context(**phone) as context, entering(context, gallery[1]) as enter:
        for name in (".", "dcgan-celeba", "vae-mnist", "flow-2d-two-moons", "pix2pix-facades", "stylegan-lite-celeba"):
            page = enter(name)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            assert page.evaluate(UNNAMED) == [], name
            assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light dark"
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 22, 20)"
            assert dark == (scheme == "dark")

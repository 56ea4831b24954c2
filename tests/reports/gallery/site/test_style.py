"""On a phone, light and dark: nothing is wider than the screen, all that is used has a name and is reached by
the keyboard, and what is read stands out from what is behind it."""

import re

import pytest
from chromium import entering

from zoo.reports.gallery.building import SITE

FILM = "films/gan-gaussian-ring"
TEXT, DRAWN = 4.5, 3.0  # ratios that WCAG 2 asks of text, and of what else must be seen
STYLE = (SITE / "style.css").read_text(encoding="utf-8")

UNNAMED = """() => [...document.querySelectorAll("button, input, select, a, canvas, img, progress")].filter((e) => {
    const label = e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? "";
    const labelled = [...(e.labels ?? [])].some((each) => each.textContent.trim());
    const decorates = e.tagName === "IMG" && e.hasAttribute("alt");
    return !(label || labelled || e.textContent.trim() || decorates || e.closest("ul[aria-label]"));
}).map((e) => e.outerHTML)"""

# The texts whose contrast to what is behind them is too little, as WCAG 2 computes it.
FAINT = r"""(least) => {
    const numbers = (e, what) => getComputedStyle(e)[what].match(/[\d.]+/g).map(Number);
    const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    function behind(e) {
        const [r, g, b, alpha = 1] = numbers(e, "backgroundColor");
        return alpha > 0 || !e.parentElement ? [r, g, b] : behind(e.parentElement);
    }
    const written = (e) => [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    const texts = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && written(e));
    return texts.filter((e) => {
        const [a, b] = [light(numbers(e, "color")), light(behind(e))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05) < least;
    }).map((e) => e.outerHTML.slice(0, 80));
}"""
# What can be used and, when it has the focus, has no line around it.
UNSEEN = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")].filter((e) => {
    if (!e.checkVisibility()) return false;
    e.focus({ focusVisible: true });
    const styles = [e, e.parentElement].map((each) => getComputedStyle(each));
    const lined = styles.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
    return document.activeElement !== e || !lined;
}).map((e) => e.outerHTML.slice(0, 80))"""


def ratio(a, b):
    """The contrast of two colours such as #fbfaf7, by WCAG 2."""
    lights = []
    for colour in (a, b):
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
        lights.append(sum(share * x for share, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_stand_out(scheme):
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    colour = dict(re.findall(r"--([\w-]+): (#\w{6});", STYLE.split(":root {")[1 + scheme].split("}")[0]))
    curves = set(re.findall(r"\.c\d \{ stroke: (#\w{6})", STYLE))
    assert len(curves) == 5
    assert not re.findall(r"[ ;{](?:color|background): #", STYLE.split("* { box-sizing")[1].split(".c0")[0])
    for behind in (colour["paper"], colour["field"]):
        assert min(ratio(colour[text], behind) for text in ("ink", "soft", "accent")) >= TEXT
        assert ratio(colour["edge"], behind) >= DRAWN
    assert ratio(colour["on-accent"], colour["accent"]) >= TEXT
    assert min(ratio(curve, colour["paper"]) for curve in curves) >= DRAWN


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_all_fits_and_has_a_name(scheme, browser, gallery):
    phone = {"viewport": {"width": 390, "height": 800}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with browser.new_context(**phone) as context, entering(context, gallery[1]) as enter:
        for name in (
            ".",
            "dcgan-celeba",
            "vae-mnist",
            "flow-2d-two-moons",
            "pix2pix-facades",
            "stylegan-lite-celeba",
            FILM,
        ):
            page = enter(name)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            assert page.evaluate(UNNAMED) == [], name
            assert page.evaluate(FAINT, TEXT) == [], name
            assert page.evaluate(UNSEEN) == [], name
            assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light dark"
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 22, 20)"
            assert dark == (scheme == "dark")

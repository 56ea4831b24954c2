"""The film of a run, gone through."""

import json

import pytest
from chromium import drag, entering, served
from PIL import Image

from zoo.reports.gallery import films

pytestmark = pytest.mark.browser


def test_a_film_is_gone_through(browser, tmp_path):
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True)
    lines = [{"step": step, "losses": {"generator": step / 1000}} for step in range(100, 1100, 100)]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for step in (500, 1000):
        Image.new("RGB", (8, 8), (step // 5, 0, 0)).save(run / "samples" / f"{step:06d}.png")
    (run / "fields").mkdir()
    Image.new("RGB", (8, 8)).save(run / "fields" / "000500.png")
    films.write(run, tmp_path / "film")
    with (
        served(tmp_path / "film") as address,
        browser.new_context(viewport={"width": 390, "height": 800}) as context,
        entering(context, address) as enter,
    ):
        page = enter(".")
        assert (page.get_attribute("body", "data-step"), page.get_attribute("#frame", "src")) == (
            "1000",
            "samples/001000.png",
        )
        drag(page, "step", 6)
        assert page.get_attribute("#frame", "src") == "samples/000500.png"
        assert page.inner_text(".chart output") == "0.7"
        assert page.get_attribute("#field", "src") == "fields/000500.png"
        assert page.is_visible("#field-about")
        box = page.locator(".chart svg").bounding_box()
        middle = box["x"] + box["width"] * (films.LEFT + (films.WIDTH - films.LEFT - films.RIGHT) / 2) / films.WIDTH
        page.mouse.click(middle, box["y"] + box["height"] / 2)
        assert page.get_attribute("body", "data-step") == "500"
        page.focus("#step")
        page.keyboard.press("ArrowLeft")
        assert page.get_attribute("#step", "aria-valuetext") == "step 400"
        page.click("#play")
        page.wait_for_selector("body[data-step='1000']")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

"""What plugins bring to rooms, used in a browser: the widget shown to authors, and the Gibbs chain of zoo-rbm."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from chromium import LEVELS, off

import zoo

pytestmark = pytest.mark.browser

PLUGINS = Path(__file__).parents[4] / "plugins"


def test_the_widget_shown_to_authors(install_plugin, release, room_of):
    blocks = re.findall(r"```python\n(.*?)```", (PLUGINS / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    install_plugin("my-widget", next(block for block in blocks if "zoo_register_widgets" in block))
    page = room_of(str(release))
    page.wait_for_selector("#widgets section:has-text('of tiny-made-up')")
    mean = zoo.load(release).generate(16, seed=0).mean()
    assert f"On average {mean:.3f} of tiny-made-up's light." in page.inner_text("#widgets section")
    assert page.inner_text("#widgets h2") == "How bright samples are"


def test_the_gibbs_chain(site, install_plugin, room_of):
    shutil.copytree(PLUGINS / "zoo-rbm" / "zoo_rbm", site / "zoo_rbm")
    install_plugin("rbm", "")  # the package is there, and needs no module of this name
    model, page = zoo.load("rbm-mnist"), room_of("rbm-mnist")
    page.evaluate("Math.random = () => 0.2")
    page.click("#widgets button:has-text('One step')")
    page.wait_for_selector("#widgets section[data-steps='1']")
    page.evaluate("[...document.querySelectorAll('#widgets canvas')].forEach((c, i) => (c.id = `chain-${i}`))")

    def step(pixels):
        """With what is more likely than what is tossed, all the time."""
        return model.decode((model.encode(pixels) > 0.2).float())

    first = step(torch.ones(1, *model.space.shape))
    assert off(page, "chain-0", first) <= LEVELS
    page.click("#widgets button:has-text('10 steps')")
    page.wait_for_selector("#widgets section[data-steps='11']")
    last = first
    for _ in range(10):
        last = step((last > 0.2).float())
    assert off(page, "chain-0", last) <= LEVELS
    assert off(page, "chain-0", first) > LEVELS
    assert "Step 11: " in page.inner_text("#widgets .caption")

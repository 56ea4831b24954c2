"""A room of texts writes what Python writes, and scores somebody's own text as Python does."""

import shutil
from pathlib import Path

import pytest
from chromium import drag

import zoo

pytestmark = pytest.mark.browser

PLUGINS = Path(__file__).parents[4] / "plugins"


def test_texts_and_their_densities_are_python_s(site, install_plugin, room_of):
    shutil.copytree(PLUGINS / "zoo-sequences" / "zoo_sequences", site / "zoo_sequences")
    install_plugin("sequences", "")  # the package is there, and needs no module of this name
    model, page = zoo.load("rnn-lm-captions"), room_of("rnn-lm-captions")
    assert page.locator("#texts-lines li").all_inner_texts() == model.space.lines(model.generate(6, seed=0))
    page.fill("#texts-seed", "3")
    page.press("#texts-seed", "Enter")
    for drawn, temperature in enumerate((1.0, 0.5, 0.0), 1):
        if drawn > 1:
            drag(page, "warmth", temperature)
        page.wait_for_selector(f"#texts[data-drawn='{drawn}']")
        expected = model.space.lines(model.generate(6, seed=3, temperature=temperature))
        assert page.locator("#texts-lines li").all_inner_texts() == expected
    text = "A man rides a horse, on the beach."
    page.fill("#own-text-given", text)
    page.press("#own-text-given", "Enter")
    page.wait_for_selector("#own-text[data-drawn='1']")
    assert page.inner_text("#own-text-made").startswith(f"ln p = {model.log_prob([text]).item():.2f} nats")
    assert f'model.log_prob(["{text}"])' in page.inner_text("#code")
    page.fill("#own-text-given", "zyzzyva")
    page.press("#own-text-given", "Enter")
    page.wait_for_selector("#own-text[data-drawn='2']")
    assert page.inner_text("#own-text-hint") == "It has not learned: zyzzyva."
    page.fill("#own-text-given", " ".join(["beach"] * 21))
    page.press("#own-text-given", "Enter")
    page.wait_for_selector("#told:has-text('The text has 21 words; this model takes 1 to 20.')")
    assert page.text_content("#own-text-hint") == ""  # nothing of what came before

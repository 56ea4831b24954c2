"""Classes, attributes and texts of a room are Python's."""

import json

import pytest
from chromium import LEVELS, off, seed

import zoo
from zoo.errors import UnknownWord

pytestmark = pytest.mark.browser


def test_a_class_is_python_s(room):
    model, page = zoo.load("cgan-fashion-mnist"), room("cgan-fashion-mnist")
    seed(page, 3)
    page.select_option("#class", label=model.condition.classes[7])
    page.wait_for_selector("#draw[data-drawn='2']")
    assert off(page, "sample", model.generate(1, seed=3, condition=7)) <= LEVELS


def test_attributes_and_texts_are_python_s(room):
    model, page = zoo.load("cgan-celeba"), room("cgan-celeba")
    seed(page, 3)
    boxes = page.locator("#condition input[type=checkbox]")
    for i in range(boxes.count()):
        boxes.nth(i).set_checked(i % 2 == 0)
    chosen = sum(1 << i for i in range(0, boxes.count(), 2))
    page.wait_for_selector(f"#code:has-text({json.dumps(model.condition.classes[chosen])})")
    assert off(page, "sample", model.generate(1, seed=3, condition=chosen)) <= LEVELS
    model, page = zoo.load("stackgan-emoji"), room("stackgan-emoji")
    seed(page, 3)
    words = model.condition.vocabulary[:2]
    page.fill("#text", f"{' '.join(words)} qqqq")
    page.press("#text", "Enter")
    page.wait_for_selector("#condition .hint:has-text('It has not learned: qqqq.')")
    page.wait_for_selector("#code:has-text('qqqq')")
    with pytest.warns(UnknownWord, match="qqqq"):
        expected = model.generate(1, seed=3, condition=f"{' '.join(words)} qqqq")
    assert off(page, "sample", expected) <= LEVELS

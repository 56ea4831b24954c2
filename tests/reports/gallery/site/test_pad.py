"""The plane of the first two directions: by pointer and by keys, and what its places decode to."""

import json

import numpy as np
import pytest
import torch
from chromium import LEVELS, finger, levels, off, seed

import zoo
from zoo.releases.cards import Card

pytestmark = pytest.mark.browser


def test_keys_move_what_the_pointer_moves(room):
    page = room("vae-mnist")
    seed(page, 3)
    before = page.locator("#sliders output").all_inner_texts()
    page.focus("#pad")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    after = page.locator("#sliders output").all_inner_texts()
    assert [round(float(b) - float(a), 1) for a, b in zip(before, after, strict=True)] == [0.2, 0.2]


def test_nothing_is_minus_nought(room):
    page = room("stylegan-lite-celeba")
    seed(page, 3)
    assert "0.0" in page.locator("#sliders output").all_inner_texts()
    assert "-0.0" not in page.locator("#sliders output").all_inner_texts()


def test_the_plane_shows_what_its_places_decode_to(room):
    model, page = zoo.load("vae-mnist"), room("vae-mnist")
    seed(page, 3)
    page.wait_for_selector("#pad.map")
    about = json.loads(page.text_content("#about"))
    mean = torch.stack([model.latents(1, seed=k)[0] for k in range(64)]).mean(0)
    corner = torch.tensor([-1.0, 1.0]) * torch.tensor([s["unit"] for s in about["sliders"]]) * 3 * 11 / 12
    tile = levels(page, "pad")[:28, :28, 0] / 255  # a corner, which no line crosses
    assert np.abs(tile - model.decode((mean + corner)[None])[0, 0].numpy()).mean() <= LEVELS / 255
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 24, box["y"] + box["height"] / 24)
    page.wait_for_selector("#draw[data-drawn='3']")  # one for each of the sliders
    assert np.abs(levels(page, "sample")[..., 0] / 255 - tile).mean() < 0.05


def test_a_finger_moves_what_the_pointer_moves(touched):
    page = touched("vae-mnist")
    seed(page, 3)
    page.wait_for_selector("#pad.map")
    pad = page.locator("#pad")
    side = pad.bounding_box()["width"]
    finger(page, pad, (side / 2, side / 2), (side / 2, 2 * side / 3), (3 * side / 4, 3 * side / 4))
    assert page.locator("#sliders output").all_inner_texts() == ["1.5", "-1.5"]
    assert page.evaluate("scrollX") == 0


def test_directions_with_names_come_first(release, room_of):
    Card.read(release).with_directions({"smiling": [0, 0, 3, 4]}).write()
    model, page = zoo.load(release), room_of(str(release))
    seed(page, 3)
    labels = page.locator("#sliders label span").all_inner_texts()
    assert labels == ["smiling", "direction 1", "direction 2", "direction 3", "direction 4"]
    unit = json.loads(page.text_content("#about"))["sliders"][-1]["unit"]
    before = float(page.locator("#sliders output >> nth=0").inner_text())
    page.locator("#sliders input >> nth=0").press("ArrowRight")
    page.wait_for_selector("#draw[data-drawn='2']")
    after = float(page.input_value("#sliders input >> nth=0"))
    assert after - before == pytest.approx(0.05, abs=0.06)  # of what is shown with a digit
    z = model.latents(1, seed=3) + 0.05 * unit * torch.tensor([0, 0, 0.6, 0.8])
    assert off(page, "sample", model.decode(z)) <= LEVELS


def test_what_is_drawn_meanwhile_moves_no_slider_back(release, room_of):
    page = room_of(str(release))
    seed(page, 3)
    # The first is being drawn when the second comes, and the third comes when the first is there and the second is not.
    page.evaluate(
        """() => {
            const [input] = document.querySelectorAll("#sliders input");
            const move = (value) => {
                input.value = value;
                input.dispatchEvent(new Event("input"));
            };
            new MutationObserver((_, observer) => {
                observer.disconnect();
                move("1.5");
            }).observe(document.getElementById("draw"), { attributes: true });
            move("-1");
            setTimeout(() => move("0.5"));
        }"""
    )
    page.wait_for_selector("#draw[data-drawn='3']")
    assert page.inner_text("#sliders output >> nth=0") == "1.5"

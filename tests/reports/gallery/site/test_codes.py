"""Codes of held-out pictures on the plane."""

import json

import pytest
import torch
from chromium import LEVELS, levels, off

import zoo

pytestmark = pytest.mark.browser


def test_codes_lie_on_the_plane_beside_another_model_s(room):
    model, page = zoo.load("vae-mnist"), room("vae-mnist")
    page.wait_for_selector("#codes-own[data-drawn]")
    assert page.locator("#codes-legend li").all_inner_texts() == list("0123456789")
    assert "200 pictures of mnist" in page.inner_text("#codes-about")
    colours = {tuple(pixel) for pixel in levels(page, "codes-own").reshape(-1, 3).round(-1)}
    assert len(colours) > 10
    assert "denoising-autoencoder-mnist" in page.locator("#beside option").all_inner_texts()
    page.select_option("#beside", label="denoising-autoencoder-mnist")
    page.wait_for_selector("#codes-other[data-drawn='../denoising-autoencoder-mnist/codes.bin']")
    assert "denoising-autoencoder-mnist: of what it draws" in page.inner_text("#codes-other-caption")
    page.click("#codes-own", position={"x": 91, "y": 91})  # of 362 with its border: half way to the corner
    page.wait_for_selector("#draw[data-drawn='3']")
    units = torch.tensor([s["unit"] for s in json.loads(page.text_content("#about"))["sliders"]])
    mean = torch.stack([model.latents(1, seed=k)[0] for k in range(64)]).mean(0)
    assert off(page, "sample", model.decode((mean + torch.tensor([-1.5, 1.5]) * units)[None])) <= 2 * LEVELS


def test_without_data_a_room_says_so(room):
    page = room("conv-autoencoder-fashion-mnist")
    assert "built without data: zoo gallery --data fashion-mnist=DIR" in page.inner_text("#codes-about")
    assert not page.is_visible("#codes-shown")

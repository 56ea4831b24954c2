"""What a room draws of a seed, at a temperature, truncated, moved by sliders, or smaller, is what Python draws."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from chromium import LEVELS, drag, off, seed

import zoo

pytestmark = pytest.mark.browser

PLUGINS = Path(__file__).parents[4] / "plugins"
DRAWN = ("dcgan-celeba", "cgan-fashion-mnist", "infogan-mnist", "vae-mnist", "denoising-autoencoder-mnist")


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_gives_the_picture_that_python_gives(name, room):
    model, page = zoo.load(name), room(name)
    seed(page, 3)
    assert off(page, "sample", model.generate(1, seed=3)) <= LEVELS
    assert f"model.generate(seed=3{', condition=' if model.condition.name else ')'}" in page.inner_text("#code")


def test_temperature_and_truncation_are_python_s(room):
    model, page = zoo.load("dcgan-celeba"), room("dcgan-celeba")
    seed(page, 3)
    drag(page, "temperature", 0.7)
    page.wait_for_selector("#draw[data-drawn='2']")
    drag(page, "truncation", 0.5)
    page.wait_for_selector("#draw[data-drawn='3']")
    assert off(page, "sample", model.generate(1, seed=3, temperature=0.7, truncation=0.5)) <= LEVELS
    assert off(page, "sample", model.generate(1, seed=3)) > 2 * LEVELS
    assert "--temperature 0.7 --truncation 0.5" in page.inner_text("#code")


def test_sliders_move_what_is_saved(room, tmp_path):
    model, page = zoo.load("dcgan-celeba"), room("dcgan-celeba")
    assert not page.is_visible("#save"), "what is there was not drawn here"
    seed(page, 3)
    page.eval_on_selector("#sliders input", "e => { e.value = 2.5; e.dispatchEvent(new Event('input')); }")
    page.wait_for_selector("#draw[data-drawn='2']")
    with page.expect_download() as download:
        page.click("#save-latents")
    download.value.save_as(tmp_path / "latents.npy")
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "dcgan-celeba-seed3-moved.png"
    z = torch.from_numpy(np.load(tmp_path / "latents.npy"))
    assert (z - model.latents(1, seed=3)).abs().max() > 0.1
    assert off(page, "sample", model.decode(z)) <= LEVELS
    assert off(page, "sample", model.generate(1, seed=3)) > 2 * LEVELS


def test_one_sees_how_it_has_grown(room):
    model, page = zoo.load("progan-celeba"), room("progan-celeba")
    seed(page, 3)
    assert off(page, "sample", model.generate(1, seed=3)) <= LEVELS
    drag(page, "resolution", 1)
    page.wait_for_selector("#draw[data-drawn='2']")
    assert off(page, "sample", model.generate(1, seed=3, resolution=8)) <= LEVELS
    assert "model.generate(seed=3, resolution=8)" in page.inner_text("#code")
    assert "--seed 3 --option resolution=8" in page.inner_text("#code")


def test_what_draws_in_many_steps_takes_them_all(site, install_plugin, room_of):
    shutil.copytree(PLUGINS / "zoo-diffusion" / "zoo_diffusion", site / "zoo_diffusion")
    install_plugin("diffusion", "")  # the package is there, and needs no module of this name
    model, page = zoo.load("ddpm-fashion-mnist"), room_of("ddpm-fashion-mnist", refused=["encode"])
    seed(page, 3)
    assert off(page, "sample", model.generate(1, seed=3)) <= LEVELS
    assert off(page, "sample", model.generate(1, seed=3, steps=10)) > LEVELS

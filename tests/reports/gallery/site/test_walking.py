"""The walk between two samples, as a strip and as an animation."""

import numpy as np
import pytest
import torch
from chromium import LEVELS, off
from PIL import Image

import zoo
from zoo import latent

pytestmark = pytest.mark.browser

DRAWN = ("dcgan-celeba", "cgan-fashion-mnist", "infogan-mnist", "vae-mnist", "denoising-autoencoder-mnist")


@pytest.mark.parametrize("name", DRAWN)
def test_the_way_between_two_seeds_is_python_s(name, room):
    model, page = zoo.load(name), room(name)
    page.fill("#to", "5")
    page.click("#go")
    page.wait_for_selector("#walk[data-drawn]")
    a, b = (model.latents(1, seed=each) for each in (0, 5))
    way = latent.slerp if model.spherical else latent.lerp
    condition = model.condition.draw(0, 0, 1, model.noise_class)
    frames = torch.cat([model.decode(way(a, b, i / 7), condition=condition) for i in range(8)])
    assert off(page, "strip", frames) <= LEVELS
    with page.expect_download() as download:
        page.click("#save-film")
    with Image.open(download.value.path()) as film:
        assert (download.value.suggested_filename, film.format, film.n_frames) == (f"{name}-path.gif", "GIF", 14)
        for i in (0, 4, 7, 13):
            film.seek(i)
            assert film.info["duration"] == (500 if i in (0, 7) else 100)
            shown = torch.from_numpy(np.array(film.convert("RGB"))).permute(2, 0, 1)[: frames.shape[1]]
            # Of colours there are 256 for all frames.
            assert (shown - frames[min(i, 14 - i)] * 255).abs().mean() <= (LEVELS if len(shown) == 1 else 2 * LEVELS)

"""`zoo densities`: what it writes and says."""

import json
import shutil

import pytest
import torch
from PIL import Image

from zoo import images
from zoo.releases.cards import Card


@pytest.fixture
def vae(shelf, tmp_path):
    """A folder with the tiny VAE, whose card holds out some of the images it was trained on."""
    folder = shutil.copytree(shelf / "vae-fashion-mnist", tmp_path / "vae")
    Card.read(folder).replace(training={"dataset": "image-folder", "holdout": 14, "holdout_seed": 0}).write()
    return folder


@pytest.fixture
def shades(tmp_path):
    """Forty noisy images of 8 × 8."""
    noise = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    (tmp_path / "shades").mkdir()
    for i, picture in enumerate(images.to_pil(noise)):
        picture.save(tmp_path / "shades" / f"{i}.png")
    return tmp_path / "shades"


def test_a_row_for_each_density(run, vae, shades):
    words = ("densities", vae, "--data", shades, "--kinds", "normal,gmm,own", "--components", "2", "--seed", "3", "-q")
    result = run(*words)
    assert (result.status, result.err) == (0, "")
    header, normal, gmm, own, wrote = result.out.splitlines()
    assert header.split("  ")[0] == "codes from"
    assert [line.split("  ")[0] for line in (normal, gmm, own)] == ["N(0, I)", "2 Gaussians", "its own"]
    assert own.endswith("–")
    assert wrote == "Wrote vae-densities-seed3.png."
    with Image.open("vae-densities-seed3.png") as picture:
        assert picture.width > 600
    shown = json.loads(run(*words, "--json", "--out", "deep/p.png").out)
    assert [each["kind"] for each in shown["densities"]] == ["normal", "gmm", "own"]
    assert (shown["picture"], shown["features"]) == ("deep/p.png", "grey28")
    again = run(*words)
    assert again.status == 2
    assert "vae-densities-seed3.png is there already" in again.err


def test_what_is_no_autoencoder_of_images_is_refused_before_data_are_read(mistake, shelf, points):
    for folder in (points, shelf / "dcgan-celeba"):
        told = mistake("densities", folder, "--data", "nowhere")
        assert "is no unconditional autoencoder of images. Take one, such as a VAE." in told


def test_mistakes(mistake, vae, shades):
    words = ("densities", vae, "--data", shades)
    assert "no density is called 'gausian'. Did you mean 'gaussian'" in mistake(*words, "--kinds", "gausian")
    assert "'gmm,' has an empty part" in mistake(*words, "--kinds", "gmm,")
    assert "no density is called 'gausian'" in mistake("densities", vae, "--data", "nowhere", "--kinds", "gausian")
    assert "-n 99; shades allows 2 to 14" in mistake(*words, "-n", "99", "--kinds", "own")

"""`zoo densities`: what it writes and says."""

import json

from PIL import Image


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

"""Photographs of one's own, from a folder of them to the Hub, as README tells it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.hub import publish
from zoo.releases.cards import Card
from zoo.reports.gallery import runtime

SMALL = ("steps=4", "batch_size=16", "config.image_size=8", "config.width=4", "config.latent_dim=8")


@pytest.fixture
def photographs(isolated):
    """The folder photos: 300 discs on plain grounds, of several sizes."""
    generator = np.random.default_rng(0)
    folder = Path("photos")
    folder.mkdir()
    for i in range(300):
        height, width = generator.integers(9, 16, 2)
        y, x = np.mgrid[:height, :width]
        disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < generator.integers(4, 30)
        colours = generator.integers(0, 256, (2, 3), dtype=np.uint8)
        Image.fromarray(colours[disc.astype(int)]).save(folder / f"IMG_{i:04d}.png")
    return folder


@pytest.fixture
def done(run):
    """`run` for what must succeed; what it prints."""

    def call(*words):
        result = run(*words)
        assert result.status == 0, result
        return result.out

    return call


def test_from_a_folder_of_photographs_to_the_hub(done, run, photographs, hub, tmp_path, monkeypatch):
    settings = [word for setting in SMALL for word in ("--set", setting)]
    assert "zoo generate ./mine" in done("train", "dcgan", "--data", "photos", "--out", "mine", *settings)
    card = Card.read(Path("mine"))
    assert card.training["holdout"] == 30
    assert card.weights["images"] == 270

    metrics = ["--metric", "frechet", "--metric", "coverage"]
    told = done("evaluate", "./mine", "--data", "photos", *metrics, "--write")
    assert "Wrote the numbers to mine/README.md." in told
    record = Card.read(Path("mine")).records[0]
    assert (record.type, record.args["n_generated"]) == ("frechet-distance", 30)  # as many as were held out
    assert f"{record.value:.4g}" in told

    compared = done("compare", "./mine", "dcgan-celeba")
    assert "mine" in compared
    assert "dcgan-celeba" in compared
    assert f"{record.value:.4g}" in compared
    done("compare", "./mine", "dcgan-celeba", "--out", "sheet.png")
    with Image.open("sheet.png") as sheet:
        assert sheet.width > sheet.height > 2 * 8

    dist = tmp_path / "dist"
    dist.mkdir()
    for name in runtime.FILES:
        (dist / name).write_text("runtime")
    assert "1 room" in done("gallery", "./mine", "--runtime", dist, "--out", "site")
    assert Path("site/index.html").is_file()
    assert (list(Path("site").rglob("*.onnx"))) != []

    monkeypatch.setenv("HF_TOKEN", "hf_member")
    monkeypatch.setattr(publish, "_behaviour", lambda release: [])  # which has tests of its own and takes time
    refused = run("publish", "./mine", "--repo", "org/mine")
    assert refused.status == 1
    assert "problem  license is 'unknown'. Say under which licence" in refused.out
    page = Path("mine/README.md")
    text = page.read_text().replace(
        "Say here what the model was trained on, and under which licence it may be used; then replace `unknown` above.",
        "Discs, made for this.",
    )
    page.write_text(text.replace("license: unknown", "license: cc-by-4.0"))
    assert "now pins revision" in done("publish", "./mine", "--repo", "org/mine")
    drawn = zoo.load("hf:org/mine").generate(2, seed=0)
    assert (drawn == zoo.load("./mine").generate(2, seed=0)).all()

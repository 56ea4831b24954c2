"""`zoo embed`: what it writes and says."""

import json
import sys

import pytest
import torch
from PIL import Image

import zoo
from zoo import images
from zoo.data import loading as data
from zoo.metrics.projection import project
from zoo.reports.projection import sheet


@pytest.fixture(params=[True, False], ids=["classes", "no classes"])
def shades(request, tmp_path):
    """Forty noisy images of 8 × 8, in folders of two classes, or without."""
    noise = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for i, picture in enumerate(images.to_pil(0.4 * noise + 0.6 * (torch.arange(40) % 2).view(-1, 1, 1, 1))):
        folder = tmp_path / "shades" / ("dark", "bright")[i % 2] if request.param else tmp_path / "shades"
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{i}.png")
    return tmp_path / "shades", request.param


def test_held_out_samples_by_codes_and_by_pixels(run, vae, shades):
    folder, labelled = shades
    words = ("embed", vae, "--data", folder, "--against", "pca,nmf", "--codes-by", "pca,tsne", "--seed", "3")
    result = run(*words)
    assert (result.status, result.err) == (0, "")
    held_out = data.load("image-folder", folder, "test", shape=(1, 8, 8), holdout=14, holdout_seed=0)
    found = project(zoo.load(vae), held_out, ["pca", "nmf"], codes_by=["pca", "tsne"], seed=3)
    with Image.open("vae-embedding-seed3.png") as picture:
        assert picture.tobytes() == sheet(found).tobytes()
    lines = result.out.splitlines()
    assert lines[0].split() == ["picture", "trustworthiness", *["5-NN", "accuracy"] * labelled]
    for line, panel in zip(lines[1:5], found.panels, strict=True):
        numbers = [f"{panel.trustworthiness:.4g}", *[f"{panel.knn:.4g}" if labelled else ""] * labelled]
        assert line.split() == [*panel.title.split(), *numbers]
    said = " ".join(lines[5:])
    assert ("shades has no labels: there are no colours, and no accuracy of neighbours." in said) is not labelled
    assert "14 held-out samples, seed 3; codes of 4 numbers, reduced to two by PCA and by t-SNE;" in said
    assert said.endswith("trustworthiness is of the pixels. Wrote vae-embedding-seed3.png.")
    shown = json.loads(run(*words, "--json", "--out", "deep/p.png").out)
    assert shown == {**found.to_dict(), "picture": "deep/p.png"}
    again = run(*words)
    assert again.status == 2
    assert "vae-embedding-seed3.png is there already" in again.err
    assert run(*words, "--force", "-n", "12").status == 0


def test_mistakes(mistake, vae, tmp_path, shelf, monkeypatch):
    words = ("embed", vae, "--data", tmp_path)
    assert "no method is called 'tnse'" in mistake(*words, "--against", "tnse")
    assert "'pca,' has an empty part" in mistake(*words, "--against", "pca,")
    assert "expected a name such as faces.png" in mistake(*words, "--out", "p.csv")
    monkeypatch.setitem(sys.modules, "umap", None)
    assert "UMAP needs umap-learn. Install it with: pip install umap-learn" in mistake(*words, "--against", "umap")

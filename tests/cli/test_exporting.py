"""`zoo export`: what it writes and says."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

import zoo
from zoo import golden
from zoo._util import progress


def test_export(run, publishable, monkeypatch):
    model, shown = zoo.load(publishable), []
    monkeypatch.setattr(progress, "showing", lambda what, **how: shown.append((what, how)) or nullcontext())
    result = run("export", publishable, "--to", "deep/model.pt2", "--quiet")
    assert (result.status, result.err) == (0, "")
    assert shown == [("exporting", {"quiet": True})]
    head, noise, temperature, images, wrote, differences = result.out.splitlines()
    assert head.split() == ["name", "kind", "type", "shape", "range"]
    assert noise.split() == ["in", "noise", "noise", "float32", "batch×4", "normal"]
    assert temperature.split() == ["in", "temperature", "option", "float32", "one", "number", "0", "…"]
    assert images.split() == ["out", "images", "image", "float32", "batch×3×8×8", "0.0", "…", "1.0"]
    assert wrote.startswith("Wrote deep/model.pt2, generate of ")
    assert wrote.endswith("weights in float32.")
    assert [part.partition("(")[2] for part in differences.split(", ")] == ["golden)", "n = 1)", "n = 5)."]
    with open("deep/model.pt2", "rb") as file:
        program = torch.export.load(file).module()
    noise = zoo.latent.Noise(0, 0, 2).normal(4)
    with torch.no_grad():
        images = program({"noise": noise, "temperature": torch.tensor(1.0)})
    torch.testing.assert_close(images, model.generate(2, seed=0))
    again = run("export", publishable, "--to", "deep/model.pt2")
    assert again.status == 2
    assert "deep/model.pt2 is there already. Write over it (--force), or choose another --to." in again.err


def test_a_place_that_cannot_be_is_told_before_anything_is_made(mistake, release, monkeypatch):
    monkeypatch.setattr("zoo.export.write", lambda *a, **k: pytest.fail("made"))
    Path("file").write_text("mine")
    assert "--to file/model.onnx: file cannot be made: file is no folder" in mistake(
        "export", release, "--to", "file/model.onnx"
    )


def test_what_cannot_be_exported_is_one_sentence(mistake, release):
    told = mistake("export", release, "--to", "model.onnx", "--method", "encode")
    assert "is a search by optimisation and no graph. Export decode, and search with that." in told


def test_a_golden_file_that_the_model_does_not_give_again(mistake, publishable):
    path = publishable / "golden.safetensors"
    other = zoo.load(publishable)
    with torch.no_grad():
        next(other.generator.parameters()).add_(1.0)
    golden.write(other, path)
    assert "nothing was written" in mistake("export", publishable, "--to", "model.pt2")

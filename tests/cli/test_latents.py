"""Latents on the command line: what words mean, and files of directions."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import zoo
from zoo.cli import latents
from zoo.errors import DataError, InvalidInput, UnknownName


@pytest.fixture
def model():
    return zoo.create("gan", image_shape=(1, 4, 4), latent_dim=3, hidden=(4,)).eval()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_numbers_are_samples_unless_a_file_has_that_name(tmp_path):
    assert [latents.is_sample(word) for word in ("3", "3:12", "a.png", "3:", "-1", "3,4")] == [True, True] + 4 * [False]
    (tmp_path / "7").write_text("")
    assert not latents.is_sample("7")


def test_a_list_is_cut_at_its_commas_unless_it_is_a_file(tmp_path):
    assert latents.listed("3, 7:2") == ["3", "7:2"]
    (tmp_path / "a,b.png").write_text("")
    assert latents.listed("a,b.png") == ["a,b.png"]
    with pytest.raises(InvalidInput, match=r"the list '3,' has an empty part; expected seeds"):
        latents.listed("3,")


def test_seeds():
    assert latents.seed(5) == 5
    assert latents.seed(None) != latents.seed(None)


def test_samples_are_those_that_generate_decodes(model):
    found = latents.read(model, ["5", "6:2"], None, {}, 0.5)
    expected = [model.latents(1, seed=5, temperature=0.5), model.latents(3, seed=6, temperature=0.5)[2:]]
    assert torch.equal(found, torch.cat(expected))
    flow = zoo.create("planar", layers=1).eval()
    with pytest.raises(InvalidInput, match="planar has no truncation"):
        latents.draw(flow, 1, 0, truncation=0.7)


def test_what_cannot_be_read_is_told_before_anything_is_encoded(model, run, monkeypatch):
    monkeypatch.setattr("zoo.model.Model.encode", lambda *a, **k: pytest.fail("searched"))
    Image.new("RGB", (8, 8)).save("a.png")
    Path("b.png").write_text("nothing")
    with pytest.raises(DataError, match=r"b\.png is not a readable image"):
        latents.check(model, ["3", "a.png", "b.png"])
    with pytest.raises(InvalidInput, match=r"c\.png is not there, nor a seed"):
        latents.check(model, ["a.png", "c.png"])
    latents.check(model, ["a.png", "7:3"])
    for words in ("interpolate {} --from a.png --to b.png", "arithmetic {} a.png b.png"):
        assert "b.png is not a readable image" in run(*words.format("vae-fashion-mnist").split()).err


def test_of_a_folder_only_what_is_encoded_must_be_readable(run):
    Path("many").mkdir()
    Image.new("L", (28, 28)).save("many/a.png")
    Path("many/b.png").write_text("nothing")
    result = run("interpolate", "vae-fashion-mnist", "--from", "many", "--to", "3", "--out", "way.npy")
    assert result.status == 0, result.err


def test_directions_are_kept_by_name(model, tmp_path):
    path, ways = tmp_path / "directions.safetensors", {"Smiling": torch.tensor([1.0, 2, 3]), "Young": torch.zeros(3)}
    latents.check_save(path, force=False)
    latents.save_directions(path, ways)
    everything = latents.load_directions(path, model, [])
    assert everything.keys() == ways.keys()
    (found,) = latents.load_directions(path, model, ["smiling"]).items()
    assert found[0] == "Smiling"
    assert torch.equal(found[1], ways["Smiling"])
    with pytest.raises(UnknownName, match=r"has no direction 'smilling'. Did you mean 'Smiling'"):
        latents.load_directions(path, model, ["smilling"])
    with pytest.raises(InvalidInput, match=r"directions.safetensors is there already\. .*or choose another --save"):
        latents.check_save(path, force=False)
    latents.check_save(path, force=True)


@pytest.mark.parametrize("name", ["ways.txt", "nowhere/ways.safetensors"])
def test_directions_have_a_place_and_a_name(tmp_path, name):
    with pytest.raises(InvalidInput, match=r"expected a name such as directions\.safetensors"):
        latents.check_save(tmp_path / name, force=False)


def test_files_that_are_no_directions_of_this_model(model, tmp_path):
    path = tmp_path / "ways.safetensors"
    with pytest.raises(DataError, match=r"ways\.safetensors is not there\. Make one"):
        latents.load_directions(path, model, [])
    path.write_text("nothing")
    with pytest.raises(DataError, match="is no file of directions: "):
        latents.load_directions(path, model, [])
    save_file({"Smiling": torch.zeros(4)}, path)
    with pytest.raises(DataError, match=r"'Smiling' has shape \(4,\); this model's latents have \(3,\)"):
        latents.load_directions(path, model, [])

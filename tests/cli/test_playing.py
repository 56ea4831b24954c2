"""`zoo arithmetic` on tiny models."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import zoo
from zoo import images, latent
from zoo.conditions import combinations
from zoo.data import attributes
from zoo.data import loading as data
from zoo.releases.cards import Card


def drawn(path):
    return torch.from_numpy(np.load(path))


@pytest.fixture
def portraits(tmp_path):
    """Twelve pictures of one grey on a darker ground, and two attributes of each, the first of which makes it light."""
    folder = tmp_path / "mnist"  # as the cards of the models call what they were trained on
    folder.mkdir()
    lines = ["file,light,odd"]
    for i in range(12):
        Image.new("L", (20, 20), 90 + 6 * i + 60 * (i % 2)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{i % 2},{int(i % 3 == 0)}")
    (folder / "attributes.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def faces(isolated, shelf, tmp_path):
    """A release folder conditioned on two attributes."""
    torch.manual_seed(0)
    names = ("bangs", "smiling")
    config = {"image_size": 8, "latent_dim": 4, "width": 2, "classes": combinations(names), "attributes": names}
    model = zoo.create("cgan", **config)
    folder = tmp_path / "faces"
    block = {"sha256": model.save(folder / "model.safetensors")}
    block["bytes"] = (folder / "model.safetensors").stat().st_size
    front = Card.read(shelf / "cgan-fashion-mnist").front
    config = {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()}
    Card(folder, front, "# Faces\n").replace(config=config, weights=block).write()
    return folder


def test_each_attribute_is_given_and_taken_by_what_training_images_say(run, portraits):
    words = ("arithmetic", "realnvp-mnist", "--data", portraits, "--strengths", "-1,0,0.5", "--temperature", "0.5")
    result = run(*words, "--seed", "3", "--out", "a.npy")
    assert result.status == 0, result
    assert result.out == "Wrote a.npy (float32 array of shape (18, 1, 8, 8)), light, odd at -1,0,0.5, seed 3.\n"
    model = zoo.load("realnvp-mnist")
    train = data.load("celeba-attributes", portraits, "train", shape=(1, 8, 8))
    z, ways = 0.5 * latent.Noise(3, 0, 3).normal(*model.latent_shape), attributes.directions(model, train)
    rows = [one + k * ways[name] for name in ("light", "odd") for one in z for k in (-1, 0, 0.5)]
    torch.testing.assert_close(drawn("a.npy"), model.decode(torch.stack(rows)))


def test_directions_are_kept_and_used_again_on_files_and_seeds(run, portraits, photos):
    words = ("arithmetic", "realnvp-mnist", "--strengths", "0,0.1", "-a", "ODD")
    first = run(*words, "7:2", photos / "1.png", "--data", portraits, "--examples", "3", "--save", "d.safetensors")
    made = "realnvp-mnist-arithmetic-ODD-seed7.2+1.png"
    assert first.out == f"Wrote {made} (4 images), odd at 0,0.1, of 7:2, {photos / '1.png'}.\n"
    (way,) = load_file("d.safetensors").values()
    run(*words, "7:2", photos / "1.png", "--directions", "d.safetensors", "--out", "a.npy")
    model = zoo.load("realnvp-mnist")
    file = model.encode(images.load(photos / "1.png", (1, 8, 8)))
    z = torch.cat([latent.Noise(7, 2).normal(*model.latent_shape), file]).repeat_interleave(2, 0)
    z[1::2] += 0.1 * way
    torch.testing.assert_close(drawn("a.npy"), model.decode(z))
    with Image.open(made) as picture:
        assert picture.tobytes() == images.grid(drawn("a.npy"), columns=2).tobytes()


def test_directions_are_written_to_the_card_and_taken_from_it(run, portraits, shelf, tmp_path):
    folder = shutil.copytree(shelf / "realnvp-mnist", tmp_path / "flow")
    run("arithmetic", folder, "--data", portraits, "--write", "--seed", "3", "--out", "a.npy")
    found = Card.read(folder).directions
    ways = attributes.directions(zoo.load(folder), data.load("celeba-attributes", portraits, "train", shape=(1, 8, 8)))
    assert found.keys() == ways.keys() == {"light", "odd"}
    for name, way in ways.items():
        torch.testing.assert_close(torch.tensor(found[name]), way.flatten(), rtol=0.005, atol=0)
    run("arithmetic", folder, "-a", "ODD", "--strengths", "0,1", "7", "--out", "b.npy")
    model = zoo.load(folder)
    z = model.latents(1, seed=7) + torch.tensor(found["odd"]).view(model.latent_shape)
    torch.testing.assert_close(drawn("b.npy")[1:], model.decode(z))
    run("arithmetic", folder, "-a", "light", "--save", "d.safetensors", "--out", "c.npy")
    assert torch.equal(load_file("d.safetensors")["light"].flatten(), torch.tensor(found["light"]))
    assert run("arithmetic", folder, "--dataset", "image-folder", "--out", "d.npy").status == 2


def test_directions_are_written_beside_others_once_there_is_a_picture(run, shelf, tmp_path, monkeypatch):
    folder = shutil.copytree(shelf / "realnvp-mnist", tmp_path / "flow")
    Card.read(folder).with_directions({"odd": [2.0] * 64, "light": [3.0] * 64}).write()
    save_file({"light": torch.ones(64)}, "d.safetensors")
    before = (folder / "README.md").read_text()
    words = ("arithmetic", folder, "--directions", "d.safetensors", "--write", "--seed", "3", "--strengths", "0,0.1")
    flow, plain = type(zoo.load(folder)), type(zoo.load(folder))._decode
    monkeypatch.setattr(flow, "_decode", lambda self, z, condition: plain(self, z, condition) * torch.nan)
    assert run(*words, "--out", "a.npy").status == 2
    assert (folder / "README.md").read_text() == before
    monkeypatch.setattr(flow, "_decode", plain)
    result = run(*words, "--out", "a.npy")
    assert result.out.endswith(f"\nWrote the directions of light to {folder / 'README.md'}.\n"), result
    assert Card.read(folder).directions == {"odd": [2.0] * 64, "light": [1.0] * 64}


@pytest.mark.parametrize("more", ["--directions nowhere.safetensors", "--data nowhere --any-data"])
def test_directions_that_cannot_be_had_are_told_before_files_are_searched_for(mistake, photos, monkeypatch, more):
    monkeypatch.setattr("zoo.model.Model.encode", lambda *a, **k: pytest.fail("searched"))
    assert "nowhere" in mistake("arithmetic", "dcgan-celeba", photos / "1.png", *more.split())


def test_means_of_samples_are_added_and_taken_away(run):
    words = ("--plus", "3,4:5", "--minus", "6", "--plus", "7", "--truncation", "1")
    result = run("arithmetic", "dcgan-celeba", *words, "--out", "a.npy")
    assert "the mean of each, and last what comes out" in result.out
    places = ((3, 0), (4, 5), (6, 0), (7, 0))
    a, b, c, d = (latent.truncate(latent.Noise(seed, first).normal(4)[0], 1) for seed, first in places)
    mean = (a + b) / 2
    expected = zoo.load("dcgan-celeba").decode(torch.stack([mean, d, c, mean + d - c]))
    torch.testing.assert_close(drawn("a.npy"), expected)


def test_means_are_decoded_at_the_truncation_that_they_were_drawn_at(run, truncated):
    run("arithmetic", truncated, "-c", "b", "--plus", "3", "--truncation", "0.5", "--out", "a.npy")
    expected = zoo.load(truncated).generate(1, seed=3, condition=[1], truncation=0.5)
    torch.testing.assert_close(drawn("a.npy")[1:], expected)


def test_means_of_a_conditional_model_are_of_one_class(run):
    run("arithmetic", "cgan-fashion-mnist", "-c", "bag", "--plus", "3", "--out", "a.npy")
    z = latent.Noise(3).normal(4)
    torch.testing.assert_close(drawn("a.npy"), zoo.load("cgan-fashion-mnist").decode(z.repeat(2, 1), condition="bag"))


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        ((), [0, 1, 2, 3]),
        (("-a", "Smiling"), [0, 2]),
        (("-a", "smiling,bangs", "-a", "smiling"), [0, 2, 1, 3]),
        (("-a", "smiling", "-c", "smiling + bangs"), [1, 3]),
        (("-a", "bangs", "-c", "smiling"), [2, 3]),
    ],
)
def test_a_model_that_knows_attributes_combines_them_on_the_same_latents(run, faces, words, labels):
    assert run("arithmetic", faces, "--seed", "2", *words, "--out", "a.npy").status == 0
    z = latent.Noise(2, 0, 3).normal(4).repeat_interleave(len(labels), 0)
    torch.testing.assert_close(drawn("a.npy"), zoo.load(str(faces)).decode(z, condition=labels * 3))


def test_combinations_are_conditions_on_the_command_line(run, faces):
    run("generate", faces, "-c", "smiling+Bangs, plain", "--seed", "0", "--out", "a.npy")
    assert torch.equal(drawn("a.npy"), zoo.load(str(faces)).generate(2, condition=[3, 0], seed=0))


def test_options_go_to_whoever_has_them(run, mistake, photos):
    words = ("arithmetic", "dcgan-celeba", "--plus", photos / "0.png", "--option")
    assert run(*words, "steps=2", "--out", "a.npy").status == 0
    z = zoo.load("dcgan-celeba").encode(images.load(photos / "0.png", (3, 8, 8)), steps=2)
    torch.testing.assert_close(drawn("a.npy"), zoo.load("dcgan-celeba").decode(z.repeat(2, 1)))
    assert "unknown option 'speed' of encode" in mistake(*words, "speed=1")
    assert "unknown option 'steps' of decode" in mistake(
        "arithmetic", "dcgan-celeba", "--plus", "3", *words[4:], "steps=2"
    )


def test_flows_that_fall_apart_are_told(run, portraits, monkeypatch):
    flow = type(zoo.load("realnvp-mnist"))
    plain = flow._decode
    monkeypatch.setattr(flow, "_decode", lambda self, z, condition: plain(self, z, condition).roll(3, 0))
    words = ("--data", portraits, "-a", "light", "--strengths", "-9,9", "--seed", "0")
    result = run("arithmetic", "realnvp-mnist", *words)
    assert result.status == 0
    assert "fell apart" in result.err
    monkeypatch.setattr(flow, "_decode", lambda self, z, condition: plain(self, z, condition) * torch.nan)
    result = run("arithmetic", "realnvp-mnist", *words, "--force")
    assert result.status == 2
    assert "too far away: try --strengths" in result.err


MISTAKES = {
    "no data": (
        "realnvp-mnist -a smiling",
        "the card of realnvp-mnist has no directions. They can be found in pictures of the kind that it was trained "
        "on, mnist, if a table says which attributes each has: pass --data a folder of both",
    ),
    "unknown attribute": ("realnvp-mnist --data {portraits} -a lihgt", "no attribute 'lihgt'. Did you mean 'light'"),
    "data of another kind": (
        "vae-fashion-mnist --data {portraits} -a light",
        "vae-fashion-mnist was trained on fashion-mnist, whose pictures may have none of the attributes of mnist "
        "(celeba-attributes). Pass --data of what it was trained on, or --any-data if",
    ),
    "data without attributes": (
        "realnvp-mnist --data {photos} --dataset image-folder --any-data",
        "says nothing about attributes",
    ),
    "classes": ("cgan-fashion-mnist --data {portraits} -a light", "conditioned on classes"),
    "no encoder for a file": ("sampler {photos}/0.png -a light --directions d.safetensors", "has no encode"),
    "strengths": ("realnvp-mnist --data {portraits} --strengths 1,much", "--strengths 1,much; expected numbers"),
    "infinite strength": ("realnvp-mnist --data {portraits} --strengths 1,inf", "expected numbers"),
    "examples": ("realnvp-mnist --data {portraits} --examples 0", "--examples=0"),
    "minus alone": ("dcgan-celeba --minus 3", "give both"),
    "sum and attribute": ("dcgan-celeba --plus 3 -a light", "leave out"),
    "sum and strengths": ("dcgan-celeba --plus 3 --strengths 2", "leave out"),
    "sum and seed": ("dcgan-celeba --plus 3 --seed 0", "leave out"),
    "a seed and a sample": ("realnvp-mnist 3 --data {portraits} --seed 0", "when none are named"),
    "examples of no data": ("realnvp-mnist --directions d.safetensors --examples 3", "leave those out"),
    "strengths of what is there or not": ("{faces} -a smiling --strengths 0,1", "leave out --data"),
    "an empty part": ("dcgan-celeba --plus 3,,4", "empty part"),
    "no file": ("dcgan-celeba --plus nobody.png", "nobody.png is not there"),
    "no sample": ("dcgan-celeba --plus 3:x", "3:x is not there, nor a seed or one of its samples, such as 7:3"),
    "two sources": ("realnvp-mnist --data {portraits} --directions d.safetensors", "in place of --data"),
    "save to another kind": ("realnvp-mnist --data {portraits} --save d.png", "directions.safetensors"),
    "save over a file": ("realnvp-mnist --data {portraits} --save d.safetensors", "d.safetensors is there already"),
    "no directions": ("realnvp-mnist --directions attributes.csv", "attributes.csv is not there. Make one with"),
    "directions of another model": ("vae-fashion-mnist --directions d.safetensors", "has shape (1, 8, 8)"),
    "unknown direction": ("realnvp-mnist --directions d.safetensors -a odd", "no direction 'odd'"),
    "two conditions": ("cgan-fashion-mnist --plus 3 -c bag,0", "2 conditions came"),
    "foreign truncation": ("vae-fashion-mnist --plus 3 --truncation 1", "no truncation"),
    "unknown attribute of the model": ("{faces} -a smilng", "no attribute 'smilng'. Did you mean 'smiling'"),
    "data for a model that knows": ("{faces} -a smiling --data {portraits}", "leave out --data"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(mistake, case, portraits, photos, faces, monkeypatch):
    save_file({"light": torch.zeros(1, 8, 8)}, "d.safetensors")
    words, message = MISTAKES[case]
    if words.startswith("sampler"):
        flow = type(zoo.load("realnvp-mnist"))
        monkeypatch.setattr(flow, "capabilities", classmethod(lambda cls: frozenset({"generate", "decode"})))
        words = words.replace("sampler", "realnvp-mnist")
    words = words.format(portraits=portraits, photos=photos, faces=faces)
    assert message in mistake("arithmetic", *words.split())

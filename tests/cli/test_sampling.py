"""`zoo generate`, `zoo encode`, `zoo score` on tiny models."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo import images, latent
from zoo.releases.cards import Card


def test_the_command_of_the_readme(run):
    result = run("generate", "dcgan-celeba", "--count", "64", "--seed", "0", "--out", "faces.png")
    assert (result.status, result.err) == (0, "")
    assert result.out == "Wrote faces.png (64 images), seed 0.\n"
    expected = images.grid(zoo.load("dcgan-celeba").generate(64, seed=0))
    with Image.open("faces.png") as picture:
        assert picture.tobytes() == expected.tobytes()


def test_default_output_and_a_seed_that_is_told(run, tmp_path):
    first = run("generate", "dcgan-celeba", "-n", "2")
    seed = re.fullmatch(r"Wrote dcgan-celeba\.png \(2 images\), seed (\d+)\.\n", first.out)
    assert seed
    drawn = (tmp_path / "here" / "dcgan-celeba.png").read_bytes()
    run("generate", "dcgan-celeba", "-n", "2", "--seed", seed[1])
    assert (tmp_path / "here" / "dcgan-celeba.png").read_bytes() == drawn
    assert run("generate", "dcgan-celeba", "-n", "2").out != first.out


def test_single_files(run, tmp_path):
    result = run("generate", "dcgan-celeba", "-n", "3", "--seed", "1", "--out", "some/faces/")
    assert result.out.startswith("Wrote 3 files some/faces/dcgan-celeba-0000.png")
    files = sorted((tmp_path / "here/some/faces").iterdir())
    assert [file.name for file in files] == [f"dcgan-celeba-{i:04d}.png" for i in range(3)]
    expected = zoo.load("dcgan-celeba").generate(3, seed=1)
    assert torch.equal(images.load(files, (3, 8, 8)), images.quantise(expected).float() / 255)


def test_array(run):
    arguments = ("-n", "3", "--seed", "1", "--temperature", "0.5", "--batch-size", "2")
    run("generate", "dcgan-celeba", *arguments, "--out", "a.npy")
    array = np.load("a.npy")
    assert array.dtype == np.float32
    expected = zoo.load("dcgan-celeba").generate(3, seed=1, temperature=0.5, batch_size=2)
    assert torch.equal(torch.from_numpy(array), expected)


def test_truncation(run):
    run("generate", "dcgan-celeba", "-n", "2", "--seed", "1", "--truncation", "0.5", "--out", "a.npy")
    expected = zoo.load("dcgan-celeba").generate(2, seed=1, truncation=0.5)
    assert torch.equal(torch.from_numpy(np.load("a.npy")), expected)
    assert not torch.equal(expected, zoo.load("dcgan-celeba").generate(2, seed=1))


@pytest.mark.parametrize("words", [["-c", "sneaker,2"], ["-c", "SNEAKER", "--condition", "bag"]])
def test_conditions(run, words):
    run("generate", "cgan-fashion-mnist", *words, "--seed", "4", "--out", "a.npy")
    expected = zoo.load("cgan-fashion-mnist").generate(2, condition=[0, 2], seed=4)
    assert torch.equal(torch.from_numpy(np.load("a.npy")), expected)


def test_one_condition_serves_all(run):
    run("generate", "cgan-fashion-mnist", "-c", "t-shirt, top", "-n", "5", "--seed", "4", "--out", "a.npy")
    expected = zoo.load("cgan-fashion-mnist").generate(5, condition=1, seed=4)
    assert torch.equal(torch.from_numpy(np.load("a.npy")), expected)


def drawn(file):
    return torch.from_numpy(np.load(file))


def test_a_text_is_one_condition_whatever_its_commas(run, painter):
    text = "a red square, and a circle"
    result = run("generate", painter, "-c", text, "-n", "2", "--seed", "4", "--out", "a.npy")
    assert (result.status, result.err) == (0, "")
    assert result.out == "Wrote a.npy (float32 array of shape (2, 3, 16, 16)), seed 4.\n"
    model = zoo.load(painter)
    assert torch.equal(drawn("a.npy"), model.generate(2, condition=text, seed=4))
    assert (drawn("a.npy") - model.generate(2, condition=text.split(","), seed=4)).abs().max() > 1e-2


def test_each_of_several_texts_gets_an_image_and_one_as_many_as_any_condition(run, painter):
    run("generate", painter, "-c", "blue, blue", "-c", "a red circle", "-c", "SQUARE", "--seed", "4", "--out", "a.npy")
    model = zoo.load(painter)
    assert torch.equal(drawn("a.npy"), model.generate(condition=["blue blue", "a red circle", "square"], seed=4))
    run("generate", painter, "-c", "blue", "--seed", "4", "--out", "a.npy")
    assert torch.equal(drawn("a.npy"), model.generate(16, condition="blue", seed=4))


def test_a_sketch_by_an_option_of_the_model(run, painter, mistake):
    words = ("generate", painter, "-c", "a red circle", "-n", "2", "--seed", "4", "--out", "a.npy", "--option")
    assert run(*words, "stage=1").status == 0
    assert drawn("a.npy").shape == (2, 3, 8, 8)
    assert torch.equal(drawn("a.npy"), zoo.load(painter).generate(2, condition="a red circle", seed=4, stage=1))
    assert "stage=3; expected at most 2" in mistake(*words, "stage=3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "conditioned on a text. Pass condition=: a sentence"),
        (["-c", ""], "the text '' has 0 words; this model takes 1 to 6"),
        (["-c", "a red square and a blue circle"], "has 7 words; this model takes 1 to 6. Say it in as many"),
        (["-c", "a red circle", "-c", "a square", "-n", "3"], "2 texts came for 3 samples"),
    ],
)
def test_wrong_texts(mistake, painter, tmp_path, words, message):
    assert message in mistake("generate", painter, *words)
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.filterwarnings("default")
def test_a_strange_word_is_told_once_in_a_plain_line(run, painter, photos):
    told = r"the model has not learned 'sqare' and takes it for an unknown word\. Did you mean 'square'.*\n"
    result = run("generate", painter, "-c", "a red sqare", "-c", "A SQARE", "--seed", "0", "--out", "a.npy")
    assert result.status == 0
    assert re.fullmatch(told, result.err)
    # Searched for and drawn again under the text, which is read twice.
    words = ("-c", "a red sqare", "--option", "steps=1", "--out", "z.npy")
    result = run("encode", painter, photos / "0.png", *words)
    assert result.status == 0
    assert re.fullmatch(told, result.err)
    assert drawn("z.npy").shape == (1, 10)


def test_release_folder_and_architecture_as_name(run, shelf):
    one = ("-n", "1", "--seed", "0")
    assert run("generate", shelf / "vae-fashion-mnist", *one).out.startswith("Wrote vae-fashion-mnist.png")
    assert run("generate", "vae", *one).out.startswith("Wrote vae.png")


def test_a_file_that_is_no_picture_is_kept(mistake, tmp_path):
    notes = tmp_path / "here" / "notes.png"
    notes.write_text("my notes")
    assert "not overwritten" in mistake("generate", "dcgan-celeba", "--out", "notes.png")
    assert notes.read_text() == "my notes"


def test_encode_reports_the_reconstruction_error(run, photos):
    result = run("encode", "vae-fashion-mnist", photos, "--reconstructions", "both.png")
    assert (result.status, result.err) == (0, "")
    model, real = zoo.load("vae-fashion-mnist"), images.load(sorted(photos.iterdir()), (1, 8, 8))
    z = model.encode(real)
    assert torch.equal(torch.from_numpy(np.load("vae-fashion-mnist-codes.npy")), z)
    errors = (model.decode(z) - real).square().mean((1, 2, 3))
    for i, error in enumerate(errors.tolist()):
        assert re.search(rf"{i}\.png +{error:.5f}\n", result.out)
    with Image.open("both.png") as picture:
        assert picture.width == 6 * (8 + 2) + 2, "three images, each beside its reconstruction"


def test_encode_with_a_gan_searches(run, photos):
    options = ("-c", "bag", "--option", "steps=3", "--seed", "5", "--out", "z.npy")
    result = run("encode", "cgan-fashion-mnist", photos, *options)
    assert "Wrote z.npy (float32 array of shape (3, 4))." in result.out
    model, real = zoo.load("cgan-fashion-mnist"), images.load(sorted(photos.iterdir()), (1, 8, 8))
    found = latent.invert(model, real, condition="bag", steps=3, seed=5)
    torch.testing.assert_close(torch.from_numpy(np.load("z.npy")), found.latents)
    assert f"0.png  {found.error[0]:.5f}" in re.sub(" +", "  ", result.out)


def test_long_names_are_never_cut(run, photos):
    folder = photos / ("a" * 120)
    folder.mkdir()
    (photos / "0.png").rename(folder / "0.png")
    result = run("score", "vae-fashion-mnist", folder / "0.png")
    assert str(folder / "0.png") in result.out
    assert re.search(r"-?\d+\.\d\d +\d\.\d{4}", result.out)


def test_score(run, photos):
    result = run("score", "vae-fashion-mnist", photos / "1.png", photos / "0.png", "--json", "--option", "samples=2")
    scores = json.loads(result.out)
    model, real = zoo.load("vae-fashion-mnist"), images.load([photos / "1.png", photos / "0.png"], (1, 8, 8))
    assert [score["file"] for score in scores] == [str(photos / "1.png"), str(photos / "0.png")]
    assert [score["log_prob"] for score in scores] == model.log_prob(real, samples=2).tolist()
    assert [score["bits_per_dim"] for score in scores] == model.bits_per_dim(real, samples=2).tolist()
    assert {score["kind"] for score in scores} == {"lower-bound"}
    table = run("score", "vae-fashion-mnist", photos / "1.png", "--option", "samples=2").out
    assert "log_prob, nats (lower-bound)" in table
    assert f"{scores[0]['log_prob']:.2f}  " in table


@pytest.fixture
def damaged(photos):
    (photos / "1.png").write_bytes(b"no image")
    (photos / "1a.png").write_bytes(b"")
    return photos


@pytest.mark.parametrize("command", ["encode", "score"])
def test_all_bad_files_are_told_at_once(mistake, damaged, command):
    told = mistake(command, "vae-fashion-mnist", damaged)
    assert "2 of 4 images are of no use" in told
    assert "1.png is not a readable image" in told
    assert "1a.png is not a readable image: it is empty" in told


@pytest.mark.parametrize(("command", "more"), [("encode", ()), ("score", ()), ("score", ("--json",))])
def test_bad_files_are_skipped_if_wished_and_listed_at_the_end(run, damaged, command, more):
    result = run(command, "vae-fashion-mnist", damaged, "--skip-bad", *more)
    assert result.status == 1
    assert re.fullmatch(r"2 files could not be read:\n  .*/1\.png is not .*\n  .*/1a\.png is not .*\n", result.err)
    assert "0.png" in result.out
    assert "2.png" in result.out
    good = run(command, "vae-fashion-mnist", damaged / "0.png", damaged / "2.png", "--skip-bad", *more)
    assert (good.status, good.err, good.out) == (0, "", result.out)
    if command == "encode":
        assert len(np.load("vae-fashion-mnist-codes.npy")) == 2


def test_nothing_is_left_when_all_files_are_bad(mistake, damaged):
    assert "is not a readable" in mistake("score", "vae-fashion-mnist", damaged / "1.png", "--skip-bad")


@pytest.mark.filterwarnings("default")
def test_what_is_left_out_of_a_folder_is_told_and_subfolders_are_read(run, photos):
    (photos / "more").mkdir()
    (photos / "0.png").rename(photos / "more" / "0.tiff")
    (photos / "notes.txt").write_text("x")
    result = run("score", "vae-fashion-mnist", photos, "--json")
    assert result.status == 0
    assert [Path(each["file"]).name for each in json.loads(result.out)] == ["1.png", "2.png", "0.tiff"]
    assert result.err == f"1 of 4 files in {photos} was left out: 1 .txt.\n"


def test_photographs_are_made_to_fit_as_the_card_says(run, own_shelf, photos):
    """A card without a word on it squeezes, as all did when it was written."""
    wide = photos / "wide.png"
    Image.fromarray(np.arange(160, dtype=np.uint8).reshape(8, 20)).save(wide)
    folder, codes = own_shelf / "vae-fashion-mnist", {}
    for fit in ("crop", "pad", "squeeze", None):
        card = Card.read(folder)
        training = {key: value for key, value in card.training.items() if key != "fit"}
        card.replace(training=training | ({"fit": fit} if fit else {})).write()
        assert run("encode", folder, wide, "--out", "z.npy").status == 0
        codes[fit] = drawn("z.npy")
        expected = zoo.load(folder).encode(images.load(wide, (1, 8, 8), fit=fit or "squeeze"))
        assert torch.equal(codes[fit], expected)
    assert len({tuple(z.flatten().tolist()) for z in codes.values()}) == 3


def test_what_has_one_result_is_drawn_once(run, painter, monkeypatch):
    monkeypatch.setattr(type(zoo.load(painter)), "deterministic", True)
    run("generate", painter, "-c", "blue", "--seed", "4", "--out", "a.npy")
    assert len(drawn("a.npy")) == 1
    run("generate", painter, "-c", "blue", "-n", "3", "--seed", "4", "--out", "a.npy")
    assert len(drawn("a.npy")) == 3


def test_a_model_that_makes_images_of_images_says_how(mistake, sharper):
    told = mistake("generate", sharper, "-c", "photo,1.png")
    assert f"zoo translate {sharper} IMAGES --out DIR" in told

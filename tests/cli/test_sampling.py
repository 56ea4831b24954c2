"""`zoo generate` on tiny models."""

import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from tests.cli.conftest import write
from zoo import images


def test_the_command_of_the_readme(run):
    result = run("generate", "dcgan-celeba", "--count", "64", "--seed", "0", "--out", "faces.png")
    assert (result.status, result.err) == (0, "")
    assert result.out == "Wrote faces.png (64 images), seed 0.\n"
    expected = images.grid(zoo.load("dcgan-celeba").generate(64, seed=0))
    with Image.open("faces.png") as picture:
        assert picture.tobytes() == expected.tobytes()


def test_default_output_and_a_seed_that_is_told(run):
    first = run("generate", "dcgan-celeba", "-n", "2")
    told = re.fullmatch(r"Wrote (dcgan-celeba-seed(\d+)-2\.png) \(2 images\), seed (\d+)\.\n", first.out)
    assert told
    assert told[2] == told[3]
    drawn = Path(told[1]).read_bytes()
    again = ("generate", "dcgan-celeba", "-n", "2", "--seed", told[3])
    assert run(*again, "--force").out == first.out
    assert Path(told[1]).read_bytes() == drawn
    assert run("generate", "dcgan-celeba", "-n", "2").out != first.out


def test_single_files(run, tmp_path):
    result = run("generate", "dcgan-celeba", "-n", "3", "--seed", "1", "--out", "some/faces/")
    assert result.out.startswith("Wrote 3 files some/faces/dcgan-celeba-seed1-0000.png")
    files = sorted((tmp_path / "here/some/faces").iterdir())
    assert [file.name for file in files] == [f"dcgan-celeba-seed1-{i:04d}.png" for i in range(3)]
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


@pytest.mark.parametrize("command", ["generate", "interpolate", "arithmetic"])
def test_a_truncation_that_leaves_nothing_is_told_of_models_that_cut_off(run, command):
    words = ["--plus", "3"] if command == "arithmetic" else ["-n", "2", "--seed", "1"]
    words = ["--steps", "2", "--seed", "1"] if command == "interpolate" else words
    told = run(command, "dcgan-celeba", *words, "--truncation", "0.3", "--out", "a.png")
    assert told.status == 0
    assert told.err.count("a truncation of 0.3 leaves only latents near 0, where dcgan-celeba was not trained") == 1
    assert "latents near 0" not in run(command, "dcgan-celeba", *words, "--truncation", "0.5", "--out", "b.png").err


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
    run("generate", painter, "-c", "blue", "--seed", "4", "--out", "b.npy")
    assert torch.equal(drawn("b.npy"), model.generate(16, condition="blue", seed=4))


def test_a_sketch_by_an_option_of_the_model(run, painter, mistake):
    words = ("generate", painter, "-c", "a red circle", "-n", "2", "--seed", "4", "--out", "a.npy", "--option")
    assert run(*words, "stage=1").status == 0
    assert drawn("a.npy").shape == (2, 3, 8, 8)
    assert torch.equal(drawn("a.npy"), zoo.load(painter).generate(2, condition="a red circle", seed=4, stage=1))
    assert "stage=3; expected at most 2" in mistake(*words, "stage=3", "--force")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "conditioned on a text. Pass -c: a sentence"),
        (["-c", "!"], "the text '!' has 0 words; this model takes 1 to 6"),
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
    assert re.fullmatch(rf"the image is made 16×16, .*\n{told}", result.err)
    assert drawn("z.npy").shape == (1, 10)


def test_release_folder_and_architecture_as_name(run, shelf):
    one = ("-n", "1", "--seed", "0")
    assert run("generate", shelf / "vae-fashion-mnist", *one).out.startswith("Wrote vae-fashion-mnist-seed0-1.png")
    assert run("generate", "vae", *one).out.startswith("Wrote vae-seed0-1.png")


@pytest.mark.parametrize("command", ["generate dcgan-celeba", "interpolate dcgan-celeba", "encode vae-fashion-mnist ."])
def test_a_file_that_is_there_is_kept_unless_it_may_be_written_over(mistake, command):
    notes = Path("notes.npy")
    notes.write_text("my notes")
    told = mistake(*command.split(), "--out", "notes.npy")
    assert "notes.npy is there already. Write over it (--force), or choose another --out." in told
    assert notes.read_text() == "my notes"


def test_what_is_there_is_written_over_if_wished(run):
    Path("notes.npy").write_text("my notes")
    run("generate", "dcgan-celeba", "-n", "2", "--seed", "1", "--out", "notes.npy", "--force")
    assert len(drawn("notes.npy")) == 2


def test_a_folder_never_holds_samples_of_two_seeds(run, mistake):
    words = ("generate", "dcgan-celeba", "--out", "faces/")
    run(*words, "-n", "3", "--seed", "1")
    before = sorted(Path("faces").iterdir())
    told = mistake(*words, "-n", "2", "--seed", "2")
    assert "faces already holds dcgan-celeba-seed1-0000.png and 2 more images." in told
    assert "--force" in told
    assert sorted(Path("faces").iterdir()) == before
    before[-1].unlink()
    assert " and 1 more image. Choose" in mistake(*words, "-n", "2", "--seed", "2")
    shutil.copy(before[0], "faces/mine.png")
    Path("faces/notes.txt").write_text("x")
    assert run(*words, "-n", "2", "--seed", "2", "--force").status == 0
    left = sorted(file.name for file in Path("faces").iterdir())
    assert left == ["dcgan-celeba-seed2-0000.png", "dcgan-celeba-seed2-0001.png", "mine.png", "notes.txt"]


def test_a_folder_with_other_files_alone_takes_samples(run):
    Path("faces").mkdir()
    Path("faces/notes.txt").write_text("x")
    assert run("generate", "dcgan-celeba", "-n", "2", "--out", "faces").status == 0


@pytest.mark.parametrize(
    ("out", "told"),
    [
        (
            "all.png",
            "100,001,412,900 pixels, and 250,000,000 is the most. Make fewer, or write an array (--out NAME.npy)",
        ),
        ("all.npy", "an array of 1,000,000,000 images would take about 768.0 GB, and there are 1.0 GB free"),
        ("all/", "1,000,000,000 files would take about 4.1 TB, and there are 1.0 GB free in"),
    ],
)
def test_far_too_many_are_refused_at_once(mistake, monkeypatch, out, told):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**9))
    assert told in mistake("generate", "dcgan-celeba", "-n", "1000000000", "--out", out)
    assert not Path(out).exists()


def test_many_are_written_as_they_are_drawn(run, monkeypatch):
    """Nothing is held but a chunk: not even torch.cat would have to do with more."""
    monkeypatch.setattr("zoo._util.shortage.memory", lambda: 3 * 8 * 8 * 4 * 10)
    assert run("generate", "dcgan-celeba", "-n", "70", "--seed", "1", "--out", "a.npy").status == 0
    assert torch.equal(drawn("a.npy"), torch.cat(list(zoo.load("dcgan-celeba").generate_chunks(70, seed=1))))
    assert run("generate", "dcgan-celeba", "-n", "70", "--seed", "1", "--out", "a/").status == 0
    files = sorted(Path("a").iterdir())
    assert torch.equal(images.load(files, (3, 8, 8)), images.quantise(drawn("a.npy")).float() / 255)


def test_what_has_one_result_is_drawn_once(run, painter, monkeypatch):
    monkeypatch.setattr(type(zoo.load(painter)), "deterministic", True)
    run("generate", painter, "-c", "blue", "--seed", "4", "--out", "a.npy")
    assert len(drawn("a.npy")) == 1
    run("generate", painter, "-c", "blue", "-n", "3", "--seed", "4", "--out", "a.npy", "--force")
    assert len(drawn("a.npy")) == 3


def test_a_model_that_makes_images_of_images_says_how(mistake, sharper):
    told = mistake("generate", sharper, "-c", "photo,1.png")
    assert f"zoo translate {sharper} FILES --out DIR" in told


def frames(file):
    with Image.open(file) as moving:
        for place in range(moving.n_frames):
            moving.seek(place)
            yield moving.convert("RGB").tobytes()


def test_an_animation_shows_one_sample_after_the_other(run):
    result = run("generate", "dcgan-celeba", "-n", "3", "--seed", "0", "--out", "faces.webp")
    assert result.out == "Wrote faces.webp (3 frames of 1 image), seed 0.\n"
    drawn = zoo.load("dcgan-celeba").generate(3, seed=0)
    assert list(frames("faces.webp")) == [images.enlarged(images.grid(one[None]), 16).tobytes() for one in drawn]


@pytest.fixture
def captions(monkeypatch):
    """The captions that were written, in rows."""
    told, plain = [], images.captioned
    monkeypatch.setattr(
        images, "captioned", lambda batch, below, **options: told.append(list(below)) or plain(batch, below, **options)
    )
    return told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("cgan-fashion-mnist", "-c", "bag,sneaker"), ["bag", "sneaker"]),
        (("cgan-fashion-mnist", "-c", "0", "-n", "2"), ["Sneaker", "Sneaker"]),
        (("dcgan-celeba", "-n", "2"), ["5:0", "5:1"]),
    ],
)
def test_captions_tell_the_class_or_what_draws_it_again(run, captions, words, expected):
    assert run("generate", *words, "--seed", "5", "--captions", "--out", "a.png").status == 0
    assert captions == [expected]
    with Image.open("a.png") as picture:
        assert picture.height > picture.width / 2 > 96


def test_captions_tell_classes_that_were_drawn(run, captions):
    run("generate", "cgan-fashion-mnist", "-n", "3", "--seed", "5", "--captions", "--out", "a.png")
    model = zoo.load("cgan-fashion-mnist")
    ((*told,),) = captions
    assert len(set(told)) > 1
    assert torch.equal(model.generate(3, condition=told, seed=5), model.generate(3, seed=5))


def test_captions_need_a_picture(mistake):
    words = ("generate", "dcgan-celeba", "--captions", "--out")
    for out in ("faces/", "faces.npy"):
        assert "below which --captions could be. Leave it out." in mistake(*words, out)


@pytest.fixture
def grown(tmp_path, isolated):
    """A model that has grown to 16 × 16."""
    write(tmp_path / "grown", "progan", {"widths": (4, 4, 4), "latent_dim": 4})
    return tmp_path / "grown"


def test_growth_draws_the_same_at_every_resolution(run, grown, captions):
    words = ("generate", grown, "-n", "2", "--seed", "1", "--growth")
    assert run(*words).out == "Wrote grown-growth-seed1-6.png (6 images), seed 1.\n"
    model = zoo.load(str(grown))
    rows = [
        torch.nn.functional.interpolate(model.generate(2, seed=1, resolution=size), size=(16, 16), mode="nearest")
        for size in (4, 8, 16)
    ]
    with Image.open("grown-growth-seed1-6.png") as picture:
        assert picture.tobytes() == images.grid(torch.cat(rows), columns=2).tobytes()
    assert run(*words, "--out", "grown.webp").out == "Wrote grown.webp (3 frames), seed 1.\n"
    expected = [images.enlarged(images.grid(row), 8).tobytes() for row in rows]
    assert list(frames("grown.webp")) == expected
    assert "2 files one/grown-growth-4-seed1-0000.png …, 2 files one/grown-growth-8" in run(*words, "--out", "one/").out
    for size, row in zip((4, 8, 16), rows, strict=True):
        for place in range(2):
            with Image.open(f"one/grown-growth-{size}-seed1-000{place}.png") as picture:
                assert picture.tobytes() == images.grid(row[place : place + 1], padding=0).tobytes()
    assert captions == []
    run(*words, "--captions", "--out", "told.gif")
    assert captions == [["4x4"] * 2, ["8x8"] * 2, ["16x16"] * 2]


@pytest.mark.parametrize("extra", [["--round"], ["--option", "resolution=8"]])
def test_growth_passes_over_no_option(mistake, grown, extra):
    assert "Leave out --round and --option resolution=" in mistake("generate", grown, "--growth", *extra)


def test_what_has_not_grown(mistake):
    assert " has not grown through resolutions. Try zoo generate progan-celeba --growth." in mistake(
        "generate", "dcgan-celeba", "--growth"
    )


@pytest.mark.parametrize("world", [2, 3])
def test_several_processes_draw_the_files_that_one_draws_byte_for_byte(run, tmp_path, monkeypatch, world):
    monkeypatch.setattr("zoo.cli.shards.SIZE", 4)
    run("generate", "dcgan-celeba", "-n", "10", "--seed", "3", "--batch-size", "4", "--out", f"{tmp_path}/one/")
    monkeypatch.setenv("WORLD_SIZE", str(world))
    words = ["generate", "dcgan-celeba", "-n", "10", "--seed", "3", "--batch-size", "4"]
    words += ["--out", f"{tmp_path}/several/"]
    for rank in range(world):
        monkeypatch.setenv("RANK", str(rank))
        assert run(*words).status == 0
    one, several = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "several")
    )
    assert len(one) == 10
    assert several.pop("manifest.json")
    assert one == several
    # A process that is started again draws only the part in which a file is missing.
    monkeypatch.setenv("RANK", "0")
    assert "is there already" in run(*words).err
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    lost, *_ = sorted((tmp_path / "several").glob("*.png"))
    lost.unlink()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "several").iterdir()}
    assert run(*words).status == 0
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "several").iterdir()}
    assert {name[-8:-4] for name in after if after[name] != before.get(name)} == {"0000", "0001", "0002", "0003"}
    assert lost.read_bytes() == one[lost.name]
    # What lay there before the launch is none of its work.
    for path in (tmp_path / "several").glob("*.png"):
        os.utime(path, (0, 0))
    lost.write_bytes(b"old")
    os.utime(lost, (0, 0))
    assert run(*words).status == 0
    assert lost.read_bytes() == one[lost.name]


def test_what_several_processes_cannot_share_is_said(run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    for words in (["--out", f"{tmp_path}/a/"], ["--seed", "0"], ["--seed", "0", "--out", f"{tmp_path}/a.npy"]):
        result = run("generate", "dcgan-celeba", *words)
        assert result.status == 2
        assert "Pass --seed and --out NAME/" in result.err

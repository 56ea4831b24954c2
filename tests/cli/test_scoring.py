"""`zoo encode` and `zoo score` on tiny models."""

import json
import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo import images, latent
from zoo._util import progress
from zoo._util.progress import Course
from zoo.releases.cards import Card


def drawn(file):
    return torch.from_numpy(np.load(file))


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


@pytest.mark.parametrize(
    ("word", "told"),
    [("both.csv", "both.csv ends in '.csv'"), ("there.png", "is there already"), (".", ". has no suffix")],
)
def test_where_reconstructions_cannot_go_is_told_of_them(mistake, photos, word, told):
    Path("there.png").write_text("mine")
    said = mistake("encode", "vae-fashion-mnist", photos, "--reconstructions", word)
    assert told in said
    assert "--reconstructions" in said
    assert "--out" not in said


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        (("encode", "vae-fashion-mnist"), [("encoded", 3), ("decoded", 3)]),
        (("score", "vae-fashion-mnist"), [("scored", 3), ("bits measured of", 3)]),
    ],
)
def test_what_is_counted_is_files(run, photos, monkeypatch, words, counts):
    courses = []

    def showing(what, total, **how):
        courses.append(Course(what, total))
        return nullcontext(courses[-1])

    monkeypatch.setattr(progress, "showing", showing)
    assert run(*words, photos).status == 0
    assert [(course.what, course.done) for course in courses] == counts
    assert all(course.done == course.total for course in courses)


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
    over = ("--force",) if command == "encode" else ()
    good = run(command, "vae-fashion-mnist", damaged / "0.png", damaged / "2.png", "--skip-bad", *more, *over)
    assert (good.status, good.err, good.out) == (0, "", result.out)
    if command == "encode":
        assert len(np.load("vae-fashion-mnist-codes.npy")) == 2


def test_nothing_is_left_when_all_files_are_bad(mistake, damaged):
    assert "is not a readable" in mistake("score", "vae-fashion-mnist", damaged / "1.png", "--skip-bad")


@pytest.mark.filterwarnings("always")
def test_what_is_left_out_of_data_is_told_once_though_two_splits_are_read(run, photos):
    for name in ("notes.txt", *(f"more/{i}.png" for i in range(4))):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes((photos / "0.png").read_bytes())
    result = run("densities", "vae-fashion-mnist", "--data", photos)
    assert result.err.count("left out: 1 .txt") == 1, result.err


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
        assert run("encode", folder, wide, "--out", "z.npy", "--force").status == 0
        codes[fit] = drawn("z.npy")
        expected = zoo.load(folder).encode(images.load(wide, (1, 8, 8), fit=fit or "squeeze"))
        assert torch.equal(codes[fit], expected)
    assert len({tuple(z.flatten().tolist()) for z in codes.values()}) == 3


def test_what_is_converted_is_said_once_in_a_command(run, tmp_path):
    """And not for each file, nor for each time that one is read."""
    for place in range(3):
        Image.new("RGB", (20, 16), (200, 9, 9)).save(tmp_path / f"{place}.png")
    files, told = sorted(tmp_path.glob("*.png")), "images are made 8×8, grey: 3 shrunk, 3 squeezed, 3 turned grey.\n"
    assert run("encode", "vae-fashion-mnist", *files, "--out", "z.npy").err == f"3 of 3 {told}"
    assert run("score", "vae-fashion-mnist", *files).err == f"3 of 3 {told}"
    (tmp_path / "3.png").write_bytes(b"")
    skipped = run("score", "vae-fashion-mnist", *files, tmp_path / "3.png", "--skip-bad").err
    assert skipped.startswith(f"3 of 3 {told}1 file could not be read:\n")
    ends = ("--from", files[0], "--to", files[1], "--out", "i.npy")
    assert run("interpolate", "vae-fashion-mnist", *ends).err.count(" made 8×8, grey") == 1


@pytest.fixture
def strange(photos, monkeypatch):
    """The folder of pictures, of which the model gives NaN for the one in the middle."""

    def spoil(hook):
        plain = getattr(flow, hook)

        def spoilt(self, x, condition, noise):
            made, bad = plain(self, x, condition, noise), (x - image).abs().flatten(1).amax(1) < 0.01
            return torch.where(bad.view(-1, *[1] * (made.ndim - 1)), torch.nan, made)

        monkeypatch.setattr(flow, hook, spoilt)

    flow, image = type(zoo.load("realnvp-mnist")), images.load(photos / "1.png", (1, 8, 8))
    for hook in ("_encode", "_log_prob"):
        spoil(hook)
    return photos


@pytest.mark.parametrize("command", ["encode", "score"])
def test_of_nan_the_files_are_named(mistake, strange, command):
    told = mistake(command, "realnvp-mnist", strange)
    assert f"realnvp-mnist computed NaN of {strange}/1.png: too far from what it was trained on. Leave it out, " in told
    assert "--skip-bad" in told
    assert "keep_nan" not in told
    assert "row" not in told
    assert not Path("realnvp-mnist-codes.npy").exists()


@pytest.mark.parametrize("command", ["encode", "score"])
def test_files_that_give_nan_are_skipped_if_wished_and_the_others_are_as_without_them(run, strange, command):
    result = run(command, "realnvp-mnist", strange, "--skip-bad")
    assert result.status == 1
    told = rf"1 file could not be read:\n  {strange}/1\.png: realnvp-mnist computed NaN; it is too far from .*\n"
    assert re.fullmatch(told, result.err)
    assert result.out.count(".png") == 2
    over = ("--force",) if command == "encode" else ()
    good = run(command, "realnvp-mnist", strange / "0.png", strange / "2.png", *over)
    # Names and nats, or errors; the noise by which bits are counted is that of a place in the batch.
    told, expected = ([line.split()[:2] for line in each.out.splitlines()] for each in (result, good))
    assert told == expected
    assert run(command, "realnvp-mnist", strange / "1.png", "--skip-bad").status == 2


def test_an_end_that_gives_nan_is_named(mistake, strange):
    told = mistake("interpolate", "realnvp-mnist", "--from", strange / "1.png", "--to", "3")
    assert told.endswith("1.png: too far from what it was trained on. Leave it out.\n")


def test_latents_that_are_no_rows_do_not_go_into_a_table(mistake, photos, monkeypatch):
    model = zoo.load("realnvp-mnist")
    model.latent_shape = (1, 8, 8)
    monkeypatch.setattr("zoo.load", lambda *_, **__: model)
    told = mistake("encode", "realnvp-mnist", photos, "--out", "x.csv")
    assert "x.csv takes rows; latents of realnvp-mnist are (1, 8, 8). Write a .npy array." in told

"""`release.train`: from a name and a folder of images to a release folder that loads."""

import contextlib
import os
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from tests.training.conftest import PAINTER, SMALL, interrupted
from zoo import images
from zoo.data import loading
from zoo.errors import (
    BegunAnew,
    ConfigError,
    Converted,
    DataError,
    Interrupted,
    InvalidInput,
    MissingExtra,
    OtherData,
    ShortRun,
    TrainingError,
    UnknownName,
    WeightsNotFound,
)
from zoo.files import decoded
from zoo.metrics.evaluate import splits
from zoo.releases.cards import Card
from zoo.texts import words
from zoo.training import lock, planning, release


@pytest.fixture
def sorted_pictures(tmp_path):
    root = tmp_path / "sorted"
    for index, name in enumerate(("circle", "square")):
        (root / name).mkdir(parents=True)
        for i in range(5):
            Image.new("L", (8, 8), 100 * index + i).save(root / name / f"{i}.png")
    return root


def test_architecture_on_own_images_makes_a_loadable_release(pictures, tmp_path):
    out = release.train("dcgan", data=pictures, out=tmp_path / "my-dcgan", changes=SMALL)
    assert {path.name for path in out.iterdir()} == {
        "README.md",
        "model.safetensors",
        "golden.safetensors",
        "samples.png",
        "run",
    }
    model = zoo.load(out)
    assert model.generate(3, seed=0).shape == (3, 3, 8, 8)
    assert model.provenance.release == "my-dcgan"
    card = Card.read(out)
    assert (card.license, card.dataset, card.shape) == ("unknown", "pictures", (3, 8, 8))
    assert card.training["steps"] == 2
    assert card.weights["bytes"] == (out / "model.safetensors").stat().st_size
    assert card.weights["parameters"] == sum(p.numel() for p in model.parameters())
    assert card.metrics == []


def test_pixels_in_a_file_or_decoded_at_each_step_make_the_same_weights(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    changes = {**SMALL, "holdout": 2}
    release.train("dcgan", data=pictures, out=tmp_path / "memory", changes=changes)
    monkeypatch.setattr(decoded, "LEAST", 1)
    capsys.readouterr()
    for name, choices in (("disk", {}), ("again", {}), ("none", {"cache": False})):
        release.train("dcgan", data=pictures, out=tmp_path / name, changes=changes, **choices)
        # Two files, of those for training and those held out, which are told before they are written, once.
        assert capsys.readouterr().err.count("images once, into") == (2 if name == "disk" else 0)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("memory", "disk", "again", "none")]
    assert len(set(files)) == 1
    assert len(list((tmp_path / "home" / "decoded").glob("*/about.json"))) == 2
    with pytest.warns(Converted):
        train_set, test = splits(Card.read(tmp_path / "disk"), pictures)
    assert len(list((tmp_path / "home" / "decoded").glob("*/about.json"))) == 2  # and are what is measured on
    with pytest.warns(Converted, match="images looked at"):
        plain = splits(Card.read(tmp_path / "disk"), pictures, cache=False)
    assert all(torch.equal(a.images, b.images[:]) for a, b in zip((train_set, test), plain, strict=True))


@pytest.mark.parametrize("fit", [None, "crop", "pad", "squeeze"])
def test_what_is_done_with_other_proportions_is_on_the_card_and_the_model_does_it_again(tmp_path, monkeypatch, fit):
    (tmp_path / "wide").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 20, 3)).astype(np.uint8)
    for i in range(6):
        Image.fromarray(pixels[i]).save(tmp_path / "wide" / f"{i}.png")
    seen = []
    monkeypatch.setattr(planning, "fit_data", lambda *a, real=planning.fit_data: seen.append(a[-1]) or real(*a))
    changes = SMALL | ({"fit": fit} if fit else {})
    out = release.train("dcgan", data=tmp_path / "wide", out=tmp_path / "made", changes=changes)
    assert Card.read(out).training["fit"] == (fit or "crop")
    files = sorted((tmp_path / "wide").iterdir())
    expected = images.load(files, (3, 8, 8), fit=fit or "crop")
    assert torch.equal(seen[0].images.float() / 255, expected)
    way = {"crop": "cropped", "pad": "padded", "squeeze": "squeezed"}[fit or "crop"]
    with pytest.warns(Converted, match=f"6 of 6 images are made 8×8, RGB: 6 shrunk, 6 {way}"):
        _, read = zoo.load(out).space.read(files)
    assert torch.equal(read, expected)
    if (fit or "crop") == "crop":
        assert (255 * read[0].permute(1, 2, 0)).round().int().tolist() == pixels[0, :, 6:14].tolist()


def test_a_card_without_a_word_on_proportions_means_that_pictures_are_squeezed(pictures, tmp_path):
    out = release.train("dcgan", data=pictures, out=tmp_path / "made", changes=SMALL)
    card = Card.read(out)
    card.replace(training={key: value for key, value in card.training.items() if key != "fit"}).write()
    assert zoo.load(out).space.fit == "squeeze"


def test_bad_files_are_left_out_and_told_if_wished(pictures, tmp_path, capsys):
    for name in ("3.png", "5.png"):
        (pictures / name).write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2 of 10 images are of no use.*3\.png.*5\.png"):
        release.train("dcgan", data=pictures, out=tmp_path / "none", changes=SMALL)
    assert not (tmp_path / "none").exists()
    bad = []
    out = release.train("dcgan", data=pictures, out=tmp_path / "made", changes=SMALL | {"holdout": 2}, bad=bad)
    told = "no classes, 8 training, 2 held out by seed 0. 2 of these files cannot be read and are skipped."
    assert f"{pictures}: {told}\n" in capsys.readouterr().err
    assert Card.read(out).weights["images"] == 6
    assert [sentence.split(" is ")[0] for sentence in bad] == [str(pictures / "3.png"), str(pictures / "5.png")]


@pytest.fixture
def halves(pictures):
    """A folder of train/ and test/, in which one file of the latter is bad."""
    for part, files in (("train", range(6)), ("test", range(6, 10))):
        (pictures / part).mkdir()
        for i in files:
            (pictures / f"{i}.png").rename(pictures / part / f"{i}.png")
    (pictures / "test" / "7.png").write_bytes(b"no image")
    return pictures


def test_a_bad_file_that_is_held_out_is_named_before_the_first_step(halves, tmp_path):
    with pytest.raises(DataError, match=r"1 of the images held out are of no use\. .*test/7\.png is not"):
        release.train("dcgan", data=halves, out=tmp_path / "none", changes=SMALL)
    assert not (tmp_path / "none").exists()
    bad = []
    release.train("dcgan", data=halves, out=tmp_path / "made", changes=SMALL, bad=bad)
    assert [sentence.split(" is ")[0] for sentence in bad] == [str(halves / "test" / "7.png")]


def test_bad_files_that_are_all_that_is_held_out_are_named(halves, tmp_path):
    for name in ("6.png", "8.png", "9.png"):
        (halves / "test" / name).unlink()
    with pytest.raises(DataError, match=r"test/7\.png is not a readable image"):
        release.train("dcgan", data=halves, out=tmp_path / "none", changes=SMALL)


def test_what_takes_time_before_and_after_the_steps_is_shown(pictures, tmp_path, monkeypatch, capsys):
    shown = []

    @contextlib.contextmanager
    def showing(what, *, quiet):
        shown.append((what, quiet))
        yield

    monkeypatch.setattr(release, "showing", showing)
    release.train("dcgan", data=pictures, out=tmp_path / "made", changes=SMALL, progress=True)
    assert shown == [("reading the data", False), ("writing the release", False)]
    told = "Trained. Drawing samples.png, for which latents of real images are searched, and writing the release.\n"
    assert capsys.readouterr().err.endswith(told)
    with pytest.warns(Converted, match=r"^10 of 10 images are made 8×8, RGB: 10 shrunk, 10 cropped\.$"):
        release.train("dcgan", data=pictures, out=tmp_path / "quiet", changes=SMALL, progress=False)
    assert shown[2:] == [("reading the data", True), ("writing the release", True)]
    assert capsys.readouterr() == ("", "")


def test_samples_and_golden_are_of_the_rounded_weights(pictures, tmp_path):
    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)
    for parameter in zoo.load(out).parameters():
        assert torch.equal(parameter, parameter.half().float())
    from zoo import golden

    golden.verify(zoo.load(out), out / "golden.safetensors")


def test_storage_is_the_recipes(pictures, tmp_path):
    large = {"config.latent_dim": 320}  # so that a weight is worth rounding
    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL | large | {"storage": "int8"})
    assert Card.read(out).weights["dtype"] == "int8"
    weight = zoo.load(out).generator[0].weight
    steps = weight / weight.flatten(1).abs().amax(1).view(-1, 1, 1, 1) * 127
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
    from zoo import golden

    golden.verify(zoo.load(out), out / "golden.safetensors")


def test_classes_come_from_the_subfolders(sorted_pictures, tmp_path):
    changes = SMALL | {"config.image_size": 8, "objective.dropout": 0.0}
    out = release.train("cgan", data=sorted_pictures, out=tmp_path / "shapes", changes=changes)
    model = zoo.load(out)
    assert model.condition.classes == ("circle", "square")
    assert model.generate(2, condition="square", seed=0).shape == (2, 1, 8, 8)


def test_a_picture_without_a_class_is_named_to_a_model_that_needs_one(tmp_path):
    for name in ("cat/0", "cat/1", "dog/0", "dog/1", "banner"):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (9, 0, 0)).save(tmp_path / "pets" / f"{name}.png")
    with pytest.raises(DataError, match=r"1 of 5 samples of pets have no label \(banner\.png\), and cgan"):
        release.train("cgan", data=tmp_path / "pets", out=tmp_path / "r", changes=SMALL)


@pytest.mark.filterwarnings("ignore::zoo.errors.Converted")
def test_the_split_is_on_the_card_and_evaluation_says_when_it_is_another(tmp_path, pictures):
    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL | {"holdout": 4})
    card = Card.read(out)
    held = {"shape": (3, 8, 8), "holdout": 4, "holdout_seed": 0}
    division = loading.load("image-folder", pictures, "test", **held).division
    assert (card.zoo["data"]["split"], card.training["holdout_seed"], card.weights["images"]) == (division, 0, 6)
    train, test = splits(card, pictures)
    assert {*train.names, *test.names} == {f"{i}.png" for i in range(10)}
    # A card from before there was a seed means the last ones by name.
    former = {key: value for key, value in card.training.items() if key != "holdout_seed"}
    data = {key: value for key, value in card.zoo["data"].items() if key != "split"}
    assert splits(card.replace(training=former, data=data), pictures)[1].names == tuple(f"{i}.png" for i in "6789")
    for change in ("another seed", "a file renamed", "a file more"):
        changed = card.replace(training=card.training | {"holdout_seed": 1}) if change == "another seed" else card
        if change == "a file renamed":
            (pictures / "0.png").rename(pictures / "00.png")
        if change == "a file more":
            (pictures / "00.png").rename(pictures / "0.png")
            Image.new("RGB", (8, 8)).save(pictures / "more.png")
        with pytest.warns(OtherData, match=r"was trained on 6 samples of pictures; .* not those of the card\."):
            splits(changed, pictures)


def test_a_finished_or_running_folder_is_not_overwritten(pictures, tmp_path):
    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)
    before = (out / "model.safetensors").read_bytes()
    with pytest.raises(
        TrainingError, match=r"already holds README\.md.*, run\. Go on with that run \(--resume\), write"
    ):
        release.train("dcgan", data=pictures, out=out, changes=SMALL | {"seed": 1})
    assert (out / "model.safetensors").read_bytes() == before
    release.train("dcgan", data=pictures, out=out, changes=SMALL, resume=True)
    assert (out / "model.safetensors").read_bytes() == before


def test_a_release_is_retrained_by_its_card_which_keeps_its_words_but_not_its_numbers(pictures, tmp_path):
    first = release.train("dcgan", data=pictures, out=tmp_path / "first", changes=SMALL)
    metrics = [{"type": "mse", "name": "MSE", "value": 0.5, "args": {}}]
    results = [{"task": {"type": "x"}, "dataset": {"name": "y", "type": "y"}, "metrics": metrics}]
    card = Card.read(first)
    card = card.replace(model_index=[{"name": "first", "results": results}])
    Card(first, card.front | {"license": "mit"}, card.body + "\nWords of its own.\n").write()
    second = release.train(first, data=pictures, out=tmp_path / "second", changes={"seed": 1})
    card = Card.read(second)
    assert card.license == "mit"
    assert "Words of its own." in card.body
    assert card.metrics == []
    assert (card.training["steps"], card.training["seed"]) == (2, 1)
    assert card.weights["sha256"] != Card.read(first).weights["sha256"]


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        ("dcgna", {}, UnknownName, "dcgan"),
        ("dcgan", {"stesp": 3}, ConfigError, "Did you mean steps"),
        ("dcgan", {"config.size": 3}, ConfigError, "image_size"),
        ("dcgan", {"config.image_size": 60}, ConfigError, "power of two"),
        ("dcgan", {"dataset": "mnits"}, UnknownName, "mnist"),
        ("dcgan", {"steps": "many"}, ConfigError, "whole number"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(pictures, tmp_path, name, changes, error, message):
    with pytest.raises(error, match=message):
        release.train(name, data=pictures, out=tmp_path / "r", changes=changes)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/run"])
def test_a_file_is_not_taken_for_a_folder(pictures, tmp_path, place):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match=rf"{place} cannot be made: .*notes\.txt is no folder\. Choose"):
        release.train("dcgan", data=pictures, out=tmp_path / place, changes=SMALL)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_stranger_s_readme_is_not_overwritten(pictures, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/README.md").write_text("mine")
    with pytest.raises(TrainingError, match=r"already holds README\.md"):
        release.train("dcgan", data=pictures, out=tmp_path / "notes", changes=SMALL)
    assert (tmp_path / "notes/README.md").read_text() == "mine"


def test_a_release_among_its_own_data_is_refused(pictures):
    with pytest.raises(TrainingError, match="lies among the images"):
        release.train("dcgan", data=pictures, out=pictures / "runs/dcgan", changes=SMALL)
    assert not (pictures / "runs").exists()


@pytest.mark.parametrize("changes", [{}, {"dataset": "image-folder"}])
def test_samples_at_hand_are_no_folder_of_images(tmp_path, changes):
    name = "vae" if changes else "dcgan-celeba"
    with pytest.raises(DataError, match=r"samples in memory came, and .* is read from a folder"):
        release.train(name, data=np.zeros((20, 3, 8, 8), np.uint8), out=tmp_path / "r", changes=changes)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"resume": True, "force": True, "out": "r"}, "choose one of them"),
        ({"resume": True}, r"^resume is of the folder of a run, .* out='\./folder'"),
        ({"force": True}, "^force is of the folder"),
        ({"checkpoint_every": 10}, "^checkpoint_every is of the folder"),
        ({"on_log": 3}, "^on_log=3 cannot be called; expected a function"),
    ],
)
def test_choices_that_would_be_ignored_are_refused(pictures, choices, message):
    with pytest.raises(InvalidInput, match=message):
        release.trained("dcgan", data=pictures, changes=SMALL, **choices)


@pytest.mark.parametrize("option", ["log_every", "checkpoint_every"])
def test_how_often_is_checked_before_data_are_read(tmp_path, option):
    with pytest.raises(InvalidInput, match=f"^{option}=0"):
        release.train("dcgan", data=tmp_path / "nowhere", out=tmp_path / "r", **{option: 0})


def test_resume_refuses_another_config(pictures, tmp_path):
    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)
    with pytest.raises(TrainingError, match="config"):
        release.train("dcgan", data=pictures, out=out, changes=SMALL | {"config.width": 3}, resume=True)


def test_samples_show_held_out_images_under_their_own_class(tmp_path, monkeypatch):
    root = tmp_path / "sorted"
    for index, name in enumerate(("circle", "square")):
        (root / name).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (8, 8), 100 * index + i).save(root / name / f"{i}.png")
    seen = []
    monkeypatch.setattr(
        release, "portrait", lambda model, data, train, **_: seen.append(data) or Image.new("L", (8, 8))
    )
    changes = SMALL | {"holdout": 4, "objective.dropout": 0.0}
    release.train("cgan", data=root, out=tmp_path / "shapes", changes=changes)
    assert seen[0].split == "test"
    assert sorted(seen[0].indices(("square", "circle")).tolist()) == [0, 0, 1, 1]
    assert [images[0] < 100 for images in seen[0].images[:, 0, 0].tolist()] == [label == 0 for label in seen[0].labels]


@pytest.mark.parametrize(("side", "mode"), [(100, "RGB"), (200, "P"), (400, "P")])
def test_large_pictures_are_stored_with_a_palette_and_within_the_budget(pictures, tmp_path, monkeypatch, side, mode):
    noise = torch.randint(0, 256, (side, side, 3), dtype=torch.uint8).numpy()
    monkeypatch.setattr(release, "portrait", lambda model, data, train, **_: Image.fromarray(noise))
    out = release.train("dcgan", data=pictures, out=tmp_path / "noise", changes=SMALL)
    with Image.open(out / "samples.png") as picture:
        assert (picture.mode, picture.size) == (mode, (side, side))
    assert (out / "samples.png").stat().st_size <= 200 * 2**10


def test_a_model_conditioned_on_an_image_says_so(pictures, tmp_path):
    changes = {
        "config.image_shape": [3, 8, 8],
        "config.width": 2,
        "config.bottleneck": 4,
        "objective.width": 4,
        "steps": 1,
        "batch_size": 4,
        "precision": "32-true",
        "storage": "int8",
    }
    out = release.train("context-encoder", data=pictures, out=tmp_path / "filled", changes=changes)
    card = Card.read(out)
    assert card.front["pipeline_tag"] == "image-to-image"
    assert 'translate("photo.jpg", seed=0)' in card.body
    source = torch.rand(4, 9, 12, generator=torch.Generator().manual_seed(0))
    made = zoo.load(out).translate(source, seed=0)[0]
    known = source[3] >= 0.5
    assert torch.equal(made[:, known], source[:3, known])
    assert not torch.equal(made[:, ~known], source[:3, ~known])


def test_a_model_conditioned_on_a_text_learns_the_words_of_its_data(captioned, tmp_path):
    out = release.train("stackgan", data=captioned, out=tmp_path / "painted", changes=PAINTER | {"holdout": 2})
    card = Card.read(out)
    # The words of both captions of the pictures that were drawn for training; and the longest, "1 parts of red, …".
    held = {"shape": (3, 16, 16), "holdout": 2}
    drawn = loading.load("captioned-images", captioned, "train", **held).captions
    numbers = sorted(word for own in drawn for text in own for word in words(text) if word.isdecimal())
    assert len(numbers) == 2 * 11
    assert card.config["vocabulary"] == [*numbers, "black", "of", "on", "parts", "red"]
    assert (card.config["words"], card.config["text_dim"]) == (6, 4)
    assert (card.front["pipeline_tag"], card.dataset, card.shape) == ("text-to-image", "captioned", (3, 16, 16))
    assert (card.training["dataset"], card.weights["images"]) == ("captioned-images", 11)
    assert 'zoo.load("' in card.body
    assert 'model.generate(8, condition="…", seed=0)' in card.body
    model = zoo.load(out)
    assert model.generate(condition=["red parts", "black on red"], seed=0).shape == (2, 3, 16, 16)
    assert model.generate(condition="red", seed=0, stage=1).shape == (1, 3, 8, 8)
    with Image.open(out / "samples.png") as picture:
        assert picture.size == (5 * (8 * (16 + 2) + 2), 5 * (8 * (16 + 2) + 2))
    from zoo import golden

    golden.verify(model, out / "golden.safetensors")


def test_samples_show_held_out_pictures_under_their_own_captions(captioned, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        release, "portrait", lambda model, data, train, **_: seen.append(data) or Image.new("L", (8, 8))
    )
    release.train("stackgan", data=captioned, out=tmp_path / "r", changes=PAINTER | {"holdout": 2})
    assert seen[0].split == "test"
    held = loading.load("captioned-images", captioned, "test", shape=(3, 16, 16), holdout=2)
    assert (len(seen[0]), seen[0].captions) == (2, held.captions)


def test_a_release_trained_at_a_constant_rate_can_be_trained_for_longer(captioned, tmp_path):
    whole = release.train("stackgan", data=captioned, out=tmp_path / "whole", changes=PAINTER)
    with pytest.warns(ShortRun, match="begins at step 2"):
        out = release.train("stackgan", data=captioned, out=tmp_path / "longer", changes=PAINTER | {"steps": 2})
    assert Card.read(out).training["steps"] == 2
    assert zoo.load(out).stages == 1
    release.train("stackgan", data=captioned, out=out, changes=PAINTER, resume=True)
    assert Card.read(out).training["steps"] == 3
    assert zoo.load(out).stages == 2
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


# Interrupted, begun anew ----------------------------------------------------------------------------------------------


def test_a_run_that_was_interrupted_early_goes_on(pictures, tmp_path, monkeypatch):
    changes = SMALL | {"steps": 4}
    whole = release.train("dcgan", data=pictures, out=tmp_path / "whole", changes=changes)
    interrupted(pictures, tmp_path / "early", monkeypatch, 1, changes)
    with pytest.raises(
        TrainingError, match=r"already holds run\. Go on with that run \(--resume\), write over it \(--force\)"
    ):
        release.train("dcgan", data=pictures, out=tmp_path / "early", changes=changes)
    early = release.train("dcgan", data=pictures, out=tmp_path / "early", changes=changes, resume=True)
    for name in ("model.safetensors", "golden.safetensors", "samples.png", "run/checkpoint.safetensors"):
        assert (early / name).read_bytes() == (whole / name).read_bytes(), name


def test_what_ends_while_the_release_is_written_says_how_to_write_it(pictures, tmp_path, monkeypatch):
    whole = release.train("dcgan", data=pictures, out=tmp_path / "whole", changes=SMALL)

    def ended(*args):
        raise Interrupted(number=15)

    out = tmp_path / "r"
    with monkeypatch.context() as patch:
        patch.setattr(release, "write", ended)
        with pytest.raises(Interrupted) as caught:
            release.train("dcgan", data=pictures, out=out, changes=SMALL)
    assert (caught.value.number, str(caught.value)) == (
        15,
        f"The steps are done and saved in {out / 'run'}; write the release by --resume.",
    )
    with pytest.raises(WeightsNotFound, match=r"holds a training run, and no release yet\. Go on with it: .* --resume"):
        zoo.load(out)
    release.train("dcgan", data=pictures, out=out, changes=SMALL, resume=True)
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_without_a_checkpoint_begins_anew_and_says_so(pictures, tmp_path, monkeypatch, resume):
    out = tmp_path / "r"
    interrupted(pictures, out, monkeypatch, 0)
    assert [path.name for path in (out / "run").iterdir()] == ["log.jsonl"]
    with pytest.warns(BegunAnew, match=r"r/run holds no checkpoint; the run begins anew\."):
        release.train("dcgan", data=pictures, out=out, changes=SMALL, resume=resume)
    assert (out / "model.safetensors").exists()


def test_resume_never_begins_over_a_release_that_has_no_run(pictures, tmp_path):
    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)
    before = (out / "model.safetensors").read_bytes()
    shutil.rmtree(out / "run")
    with pytest.raises(
        TrainingError, match=r"already holds README\.md, .*samples\.png\. Write over it \(--force\), or choose"
    ):
        release.train("dcgan", data=pictures, out=out, changes=SMALL | {"seed": 1}, resume=True)
    assert (out / "model.safetensors").read_bytes() == before


def test_force_begins_anew_over_a_release_and_its_run(pictures, tmp_path):
    other = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL | {"seed": 1, "steps": 3})
    forced = release.train("dcgan", data=pictures, out=other, changes=SMALL, force=True)
    fresh = release.train("dcgan", data=pictures, out=tmp_path / "fresh", changes=SMALL)
    for name in ("model.safetensors", "run/checkpoint.safetensors"):
        assert (forced / name).read_bytes() == (fresh / name).read_bytes()
    pictures_of = [sorted(path.name for path in (each / "run/samples").iterdir()) for each in (forced, fresh)]
    assert pictures_of == [["000002.png"]] * 2


@pytest.mark.parametrize("step", ["golden.write", "write_picture", "Card.write"])
def test_a_release_is_as_it_was_until_all_of_the_new_one_is_written(pictures, tmp_path, monkeypatch, step):
    def fail(*_, **__):
        raise KeyboardInterrupt

    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(f"zoo.training.release.{step}", fail)
        with pytest.raises(KeyboardInterrupt):
            release.train("dcgan", data=pictures, out=out, changes=SMALL | {"seed": 1}, force=True)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert {path.name for path in out.iterdir()} == {*before, "run"}
    zoo.load(out)
    release.train("dcgan", data=pictures, out=out, changes=SMALL | {"seed": 1}, resume=True)
    assert (out / "model.safetensors").read_bytes() != before["model.safetensors"]


def test_a_damaged_checkpoint_can_be_begun_anew(pictures, tmp_path):
    out = release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)
    (out / "run/checkpoint.safetensors").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match=r"no checkpoint to resume from.*with --force instead of --resume"):
        release.train("dcgan", data=pictures, out=out, changes=SMALL, resume=True)
    release.train("dcgan", data=pictures, out=out, changes=SMALL, force=True)
    release.train("dcgan", data=pictures, out=out, changes=SMALL, resume=True)


def test_the_process_that_trains_into_the_folder_is_named(pictures, tmp_path):
    with (
        lock.holding(tmp_path / "r" / "run"),
        pytest.raises(TrainingError, match=rf"process {os.getpid()} on .* is training"),
    ):
        release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)


def test_a_release_is_not_written_among_the_files_of_others(pictures, tmp_path):
    out = tmp_path / "album"
    (out / "old").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "c.txt", ".hidden"):
        (out / name).write_bytes(b"mine")
    with pytest.raises(
        TrainingError, match=r"album holds a\.jpg, b\.jpg, c\.txt and 1 more, of which .*--out.*--force"
    ):
        release.train("dcgan", data=pictures, out=out, changes=SMALL)
    assert not (out / "run").exists()
    release.train("dcgan", data=pictures, out=out, changes=SMALL, force=True)
    assert [(out / name).read_bytes() for name in ("a.jpg", ".hidden")] == [b"mine"] * 2
    assert (out / "model.safetensors").exists()


def test_hidden_files_keep_no_release_from_a_folder(pictures, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / ".gitattributes").write_text("mine")
    assert release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL)


def test_what_another_process_made_while_data_were_read_is_kept(pictures, tmp_path, monkeypatch):
    plain, out = planning.fit_data, tmp_path / "r"

    def meanwhile(*arguments):
        out.mkdir()
        (out / "model.safetensors").write_bytes(b"theirs")
        return plain(*arguments)

    monkeypatch.setattr(planning, "fit_data", meanwhile)
    with pytest.raises(TrainingError, match=r"already holds model\.safetensors\. Write over it"):
        release.train("dcgan", data=pictures, out=out, changes=SMALL)
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("model.safetensors", b"theirs")]


def test_checkpoints_come_as_often_as_asked_for(pictures, tmp_path, monkeypatch):
    from zoo.training import loop

    seen, plain = [], loop.checkpoint.save
    monkeypatch.setattr(
        loop.checkpoint, "save", lambda path, step, *rest: seen.append(step) or plain(path, step, *rest)
    )
    release.train("dcgan", data=pictures, out=tmp_path / "r", changes=SMALL | {"steps": 5}, checkpoint_every=2)
    assert seen == [2, 4, 5]


def test_bad_files_are_named_all_at_once_and_without_them_a_batch_is_what_is_left(pictures, tmp_path):
    for k in range(10, 30):
        shutil.copy(pictures / f"{k % 10}.png", pictures / f"{k}.png")
    wrong = ["11.png", "14.png", "17.png", "20.png", "23.png"]
    for name in wrong:
        (pictures / name).write_bytes(b"no picture")
    changes = {key: value for key, value in SMALL.items() if key not in ("holdout", "batch_size")}
    with pytest.raises(DataError) as told:
        release.train("dcgan", data=pictures, out=tmp_path / "made", changes=changes)
    assert [name for name in wrong if f"{name} is not" in str(told.value)] == wrong
    bad = []
    card = Card.read(release.train("dcgan", data=pictures, out=tmp_path / "made", changes=changes, bad=bad))
    assert len(bad) == len(wrong)
    assert card.training["batch_size"] == card.weights["images"] < 25


def test_pictures_that_a_recipe_leaves_out_are_not_trained_on_and_stand_on_the_card(pictures, tmp_path):
    names = sorted(file.name for file in pictures.iterdir())
    changes = {**SMALL, "exclude": [names[0], names[2].rpartition(".")[0]]}
    card = Card.read(release.train("dcgan", data=pictures, out=tmp_path / "r", changes=changes))
    assert card.training["exclude"] == changes["exclude"]
    assert card.weights["images"] == len(names) - 2


def test_what_the_loop_lacks_is_told_before_the_data_are_read(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "zoo.training.loop", raising=False)
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    monkeypatch.setattr(loading, "load", lambda *_, **__: pytest.fail("it reads"))
    with pytest.raises(MissingExtra, match=r"pip install 'generative-zoo\[train\]'"):
        zoo.train("vae", torch.rand(20, 1, 8, 8), steps=1, progress=False)

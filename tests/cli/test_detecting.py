"""`zoo outliers` and `zoo neighbours`: which images they compare, and what they say about them."""

import json
import shutil

import pytest
import torch
from PIL import Image

import zoo
from tests.cli.conftest import write
from zoo import images
from zoo.data import loading as data
from zoo.metrics import neighbours
from zoo.metrics.outliers import compare
from zoo.releases.cards import Card


@pytest.fixture
def flow(shelf, tmp_path):
    """A folder with the tiny flow, whose card holds out the last 4 of the images it was trained on."""
    folder = shutil.copytree(shelf / "realnvp-mnist", tmp_path / "flow")
    Card.read(folder).replace(training={"dataset": "image-folder", "holdout": 4}).write()
    return folder


@pytest.fixture
def known(tmp_path):
    """Nine dark gradients."""
    return _gradients(tmp_path / "known", [100 + 5 * i for i in range(9)])


@pytest.fixture
def strange(tmp_path):
    """Six bright ones."""
    return _gradients(tmp_path / "strange", [200 + 5 * i for i in range(6)])


def _gradients(folder, brightest):
    folder.mkdir()
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    for i, level in enumerate(brightest):
        images.to_pil(level / 255 * ramp)[0].save(folder / f"{i}.png")
    return folder


def test_held_out_images_against_all_outsiders(run, flow, known, strange):
    words = ("--data", known, "--against", "image-folder", "--against-data", strange)
    result = run("outliers", flow, *words, "--json")
    assert (result.status, result.err) == (0, "")
    shown = json.loads(result.out)
    train, inside = (
        data.load("image-folder", known, s, shape=(1, 8, 8), holdout=4, holdout_seed=None) for s in ("train", "test")
    )
    outside = data.load("image-folder", strange, "train", shape=(1, 8, 8))
    expected = compare(zoo.load(flow), train, inside, outside)
    assert shown == {"release": "flow", **expected.to_dict()}
    assert (shown["n_train"], shown["n_inside"], shown["n_outside"]) == (5, 4, 6)
    table = run("outliers", flow, *words).out.splitlines()
    assert table[0].split() == ["score", "known", "strange", "AUROC", "turned", "round"]
    for line, score in zip(table[1:4], expected.scores, strict=True):
        means = [f"{score.inside:.4g}", f"{score.outside:.4g}"]
        assert line.split() == [score.name, *means, f"{score.auroc:.4f}", f"{1 - score.auroc:.4f}"]
    assert " ".join(table[4:]) == (
        "4 held-out images against 6 outsiders, judged 1 at a time, in bits per dimension; "
        "what is typical was taken from 5 training images."
    )


def test_options_are_passed_on(run, flow, known, strange):
    options = ("-n", "3", "--together", "2", "--seed", "5", "--json")
    words = ("--data", known, "--against", "image-folder", "--against-data", strange, *options)
    shown = json.loads(run("outliers", flow, *words).out)
    counts = ("n_train", "n_inside", "n_outside", "together", "seed")
    assert [shown[name] for name in counts] == [3, 3, 3, 2, 5]


def test_outsiders_that_have_a_test_split_are_taken_from_it(run, flow, known, strange):
    (strange / "train").mkdir()
    (strange / "test").mkdir()
    for i in range(6):
        (strange / f"{i}.png").rename(strange / ("test" if i < 2 else "train") / f"{i}.png")
    words = ("--data", known, "--against", "image-folder", "--against-data", strange)
    assert json.loads(run("outliers", flow, *words, "--json").out)["n_outside"] == 2


def test_without_a_folder_of_their_own_outsiders_are_sought_beside_the_data(run, flow, known):
    shown = json.loads(run("outliers", flow, "--data", known, "--against", "image-folder", "--json").out)
    assert (shown["inside"], shown["outside"], shown["n_outside"]) == ("known", "known", 9)


def test_a_model_that_reconstructs_is_judged_by_that_as_well(run, shelf, tmp_path, known, strange):
    folder = shutil.copytree(shelf / "vae-fashion-mnist", tmp_path / "vae")
    Card.read(folder).replace(training={"dataset": "image-folder", "holdout": 4}).write()
    result = run("outliers", folder, "--data", known, "--against", "image-folder", "--against-data", strange)
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["likelihood", "typicality", "complexity", "reconstruction"]
    assert "in bits per dimension, reconstruction by its mean squared error; what is typical" in " ".join(lines)


def test_a_model_that_reconstructs_and_has_no_density(run, tmp_path, known, strange):
    small = {"image_shape": (1, 8, 8), "hidden": (8,), "latent_dim": 4, "components": 2}
    write(tmp_path / "plain", "autoencoder", small)
    Card.read(tmp_path / "plain").replace(training={"dataset": "image-folder", "holdout": 4}).write()
    result = run(
        "outliers", tmp_path / "plain", "--data", known, "--against", "image-folder", "--against-data", strange
    )
    _, score, *said = result.out.splitlines()
    assert score.split()[0] == "reconstruction"
    assert " ".join(said) == (
        "4 held-out images against 6 outsiders, judged 1 at a time, reconstruction by its mean squared error."
    )


def test_mistakes(mistake, flow, known, shelf):
    words = ("--data", known, "--against")
    assert "'mnist'" in mistake("outliers", flow, *words, "mnits")
    assert "MNIST is what is read here" in mistake("outliers", flow, *words, "mnist")
    assert "has no log_prob" in mistake("outliers", shelf / "dcgan-celeba", *words, "image-folder")
    assert "nowhere is not a folder" in mistake("outliers", flow, "--data", "nowhere", "--against", "image-folder")


def test_the_nearest_are_listed_and_drawn(run, vae, shades):
    words = ("neighbours", vae, "--data", shades, "-n", "3", "--by", "pixels", "--seed", "2", "--quiet")
    result = run(*words)
    assert result.status == 0
    with Image.open("vae-neighbours-seed2.png") as picture:
        assert picture.size == (3 * 10 + 2, 18 + 2)
    lines = result.out.splitlines()
    assert lines[0].split() == ["sample", "training", "image", "distance", "held-out", "image"]
    assert " ".join(lines[4:]).startswith("The nearest of 14 samples to 26 training images, by pixels;")
    shown = json.loads(run(*words, "--json", "--out", "deep/p.png").out)
    assert (shown["picture"], shown["by"], shown["n"], len(shown["pairs"])) == ("deep/p.png", "pixels", 14, 3)
    for line, pair in zip(lines[1:4], shown["pairs"], strict=True):
        numbers = [f"{pair['distance']:.4g}", f"{pair['held_out']:.4g}"]
        assert line.split() == [str(pair["sample"]), str(pair["training_image"]), *numbers]
    assert run(*words).status == 2  # the picture is there already
    assert run(*words, "--force").status == 0


def test_features_are_what_is_compared_unless_said_otherwise(run, vae, shades, monkeypatch):
    asked = []
    plain = neighbours.closest
    monkeypatch.setattr(neighbours, "closest", lambda *given, by: asked.append(by) or plain(*given, by="pixels"))
    assert run("neighbours", vae, "--data", shades).status == 0
    assert asked == ["features"]


def test_mistakes_of_neighbours(mistake, vae, shades, tmp_path):
    write(tmp_path / "moons", "flow-2d", {"steps": 2, "width": 4})
    Card.read(tmp_path / "moons").replace(training={"dataset": "two-moons"}).write()
    assert "moons generates no images, of which alone neighbours are shown" in mistake("neighbours", tmp_path / "moons")
    words = ("neighbours", vae, "--data", shades)
    assert "by='looks'; expected features or pixels" in mistake(*words, "--by", "looks")
    assert "count=15; expected 1 to 14" in mistake(*words, "-n", "15", "--by", "pixels")
    assert "expected a name such as faces.png" in mistake(*words, "--out", "p.csv")

"""The commands on models of vectors: tables in, tables out, and nothing about pixels."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo import tables
from zoo.releases.cards import Card
from zoo.reports import plots
from zoo.training import release

QUICK = ("--set", "steps=2", "--device", "cpu")
SMALL = {
    "flow-2d": ("--set", "config.steps=1", "--set", "config.width=4"),
    "maf": ("--set", "config.hidden=[8]", "--set", "config.layers=1"),
}


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    """60 rows of two columns."""
    path = tmp_path_factory.mktemp("data") / "body.csv"
    values = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([10.0, 1]) + 100
    return tables.save(values, path, ("height", "weight"))


@pytest.fixture(scope="module")
def body(csv, tmp_path_factory):
    """A release trained on it."""
    changes = {"steps": 2, "config.steps": 1, "config.width": 4}
    return release.train("flow-2d", data=csv, out=tmp_path_factory.mktemp("made") / "body-flow", changes=changes)


@pytest.mark.parametrize("name", SMALL)
def test_from_a_table_to_a_measured_release(run, csv, tmp_path, name):
    folder = tmp_path / f"my-{name}"
    assert run("train", name, "--data", csv, "--out", folder, *QUICK, *SMALL[name]).status == 0
    assert run("verify", folder).status == 0
    result = run("evaluate", folder, "--data", csv, "--n", "6", "--json")
    measured = [record["name"] for record in json.loads(result.out)]
    assert measured == ["nats per sample", "energy distance", "precision", "recall", "density", "coverage"]
    result = run("evaluate", folder, "--data", csv, "--write")
    assert result.status == 0, result.err
    card = Card.read(folder)
    assert [metric["args"]["n_real"] for metric in card.metrics] == [6, 54, 6, 6, 6, 6]
    assert "bits" not in card.render_measured()


def test_generate_writes_a_table_with_the_columns_names(run, body):
    result = run("generate", body, "-n", "5", "--seed", "3", "--out", "points.csv")
    assert result.out == "Wrote points.csv (5 rows), seed 3.\n"
    table = tables.load("points.csv")
    assert table.columns == ("height", "weight")
    assert torch.equal(table.values, zoo.load(body).generate(5, seed=3))
    assert run("generate", body, "-n", "5", "--seed", "3").out == "Wrote body-flow-seed3-5.csv (5 rows), seed 3.\n"
    assert run("generate", body, "-n", "5", "--seed", "3", "--out", "points.npy").status == 0
    assert np.array_equal(np.load("points.npy"), table.values.numpy())


def test_score_tells_the_nats_of_each_row_and_no_bits(run, body, csv):
    expected = zoo.load(body).log_prob(tables.load(csv).values)
    result = run("score", body, csv)
    assert "bits" not in result.out
    assert f"{csv}:60" in result.out
    scores = json.loads(run("score", body, csv, "--json").out)
    assert scores[0].keys() == {"file", "log_prob", "kind"}
    assert [score["log_prob"] for score in scores] == pytest.approx(expected.tolist())


def test_encode_writes_the_latents_of_the_rows(run, body, csv):
    assert run("encode", body, csv, csv, "--out", "codes.csv").out == "Wrote codes.csv (120 rows).\n"
    codes = tables.load("codes.csv").values
    assert torch.equal(codes[:60], codes[60:])
    assert torch.allclose(zoo.load(body).decode(codes[:60]), tables.load(csv).values, atol=1e-2)


def test_interpolate_leads_from_row_to_row(run, body, csv):
    result = run("interpolate", body, "--from", csv, "--to", "7", "--steps", "4")
    assert result.out == f"Wrote body-flow-path-body-seed7-4.csv (4 rows), from {csv} to 7.\n"
    path = tables.load("body-flow-path-body-seed7-4.csv").values
    assert torch.allclose(path[0], tables.load(csv).values[0], atol=1e-2)


def test_pictures_of_points_are_plots(run, body):
    result = run("generate", body, "-n", "50", "--seed", "0", "--out", "points.png")
    assert (result.status, result.out) == (0, "Wrote points.png (plots of 50 rows), seed 0.\n")
    model = zoo.load(body)
    expected = plots.drawn(model, model.generate(50, seed=0))
    with Image.open("points.png") as picture:
        assert picture.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "generate {body} --out points.txt",
            "points.txt is no file of rows, which this model makes; expected a name that ends in .csv or .npy.",
        ),
        ("generate {body} --out points/", "points is a folder, and rows go into one file"),
        ("interpolate {body} --out path.png", "path.png is no file of rows"),
        ("arithmetic {body} 3", "is a model of vectors; zoo arithmetic is about what images show"),
        (
            "encode {body} {csv} --reconstructions pairs.png",
            "--reconstructions draws images, this model is one of rows",
        ),
        ("score {body} {photos}", "holds no rows, but 3 .png. Name the files."),
        ("score {body} other.csv", "other.csv has the columns a, b; the model was trained on height, weight"),
        ("score {body} three.csv", "three.csv has 3 columns; the model was trained on height, weight"),
        ("score {body} bad.csv", "bad.csv, line 2, column 'weight': nan is no finite number"),
        (
            "generate dcgan-celeba --out faces.csv",
            "faces.csv is no file of images, which this model makes; expected a name that ends in .png or .jpg or .npy",
        ),
        ("score vae-fashion-mnist {csv}", "body.csv is a table, and this is a model of images"),
        ("generate {body} --out notes.csv", "notes.csv is there already. Write over it (--force)"),
        ("train {body} --out again --data nowhere.csv", "nowhere.csv is not there"),
        ("evaluate {body}", "table is read from a file. Pass --data that file"),
        ("train dcgan", "image-folder is read from a folder of images. Pass --data that folder"),
        ("train vae --data {photos}/0.png", "0.png is not a folder. Pass --data the folder of images of the data set"),
    ],
)
def test_mistakes(mistake, body, csv, photos, words, message, tmp_path):
    here = tmp_path / "here"
    (here / "other.csv").write_text("a,b\n1,2\n")
    (here / "three.csv").write_text("1,2,3\n")
    (here / "bad.csv").write_text("height,weight\n1,nan\n")
    (here / "notes.csv").write_text("a line of my own\nand another, longer one\n")
    assert message in mistake(*words.format(body=body, csv=csv, photos=photos).split())
    assert not list(here.glob("*.png"))


def test_listings_tell_columns_not_pixels(run, body):
    result = run("info", body)
    assert "columns: height, weight" in result.out
    assert Card.read(body).extent == "2 columns"

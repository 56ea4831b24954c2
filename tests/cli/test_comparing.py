"""`zoo compare`: tables for a terminal, as Markdown, as JSON, and on a page."""

import json
import re
import shutil

import pytest
import torch
from PIL import Image

import zoo
from tests.cli.conftest import write
from zoo.cli.sampling import watching
from zoo.releases.cards import Card

ARGS = {"features": "tiny", "sha256": "a" * 64, "n_generated": 10, "seed": 0, "floor": 0.5, "floor_train": 0.25}


def frechet(value, **args):
    return {"type": "frechet-distance", "name": "Fréchet distance (tiny)", "value": value, "args": {**ARGS, **args}}


def coverage(value):
    return {"type": "coverage", "name": "coverage (tiny)", "value": value, "args": {**ARGS, "floor": 0.97}}


@pytest.fixture
def measured(own_shelf, run, monkeypatch):
    """The shelf with numbers for the two releases of Fashion-MNIST; returns the folder."""
    numbers = {
        "cgan-fashion-mnist": [frechet(3.0), coverage(0.75)],
        "vae-fashion-mnist": [frechet(1.0, seeds={0: 1.0, 1: 3.0})],
    }
    for name, metrics in numbers.items():
        card = Card.read(own_shelf / name)
        card = card.replace(
            model_index=[{"name": name, "results": [{"metrics": metrics}]}],
            weights={**card.weights, "parameters": 1_234_567},
        )
        card.write()
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: own_shelf)
    return own_shelf


TABLE = """\
| rank | release | Fréchet distance | over seeds | coverage | parameters |
| ---: | --- | ---: | ---: | ---: | ---: |
| 1 | {vae} | **1** | 2 ± 1.4 (2 seeds) | – | 1.23 M |
| 2 | {cgan} | 3 | – | 0.75 | 1.23 M |
|  | real data, held out | 0.5 |  | 0.97 |  |
|  | real data, other training | 0.25 |  | 0.25 |  |

Measured with features tiny, sha256 aaaaaaaaaaaa…, n_generated 10, seed 0.
"""


def test_in_a_terminal_the_best_has_a_star(run, measured):
    result = run("compare", "fashion-mnist")
    assert (result.status, result.err) == (0, "")
    assert [line.split() for line in result.out.splitlines()[:3]] == [
        ["rank", "release", "Fréchet", "distance", "over", "seeds", "coverage", "parameters"],
        ["1", "vae-fashion-mnist", "1*", "2", "±", "1.4", "(2", "seeds)", "–", "1.23", "M"],
        ["2", "cgan-fashion-mnist", "3", "–", "0.75", "1.23", "M"],
    ]
    assert "* is the best of a column." in result.out


def test_as_markdown(run, measured):
    expected = TABLE.format(vae="vae-fashion-mnist", cgan="cgan-fashion-mnist")
    assert run("compare", "fashion-mnist", "--markdown").out == expected


def test_what_is_not_compared_is_listed_below(run, measured):
    card = Card.read(measured / "cgan-fashion-mnist")
    index = [{"name": "x", "results": [{"metrics": [frechet(3.0, n_generated=9)]}]}]
    card.replace(model_index=index).write()
    out = run("compare", "fashion-mnist", "--markdown").out
    told = "not compared: n_generated 10 instead of n_generated 9."
    assert out.endswith(f"\n\n- vae-fashion-mnist: Fréchet distance (tiny) 1 (real data 0.5), {told}\n")
    assert told in run("compare", "fashion-mnist").out


def test_as_json(run, measured):
    shown = json.loads(run("compare", "fashion-mnist", "--json").out)
    (table,) = shown["tables"]
    assert [(row["rank"], row["name"], row["values"]["frechet-distance"]) for row in table["rows"]] == [
        (1, "vae-fashion-mnist", 1.0),
        (2, "cgan-fashion-mnist", 3.0),
    ]
    assert shown["apart"] == []


def test_a_page_is_rendered_between_its_comments_from_the_folders_named(run, measured, tmp_path):
    page = tmp_path / "cards" / "README.md"
    before, after = "# Title\n\n<!-- zoo:compare fashion-mnist . -->\n", "<!-- /zoo:compare -->\n\nText.\n"
    page.write_text(f"{before}stale\n{after}", encoding="utf-8")
    result = run("compare", "--write", page)
    assert (result.status, result.out) == (0, f"Wrote the comparisons to {page}.\n")
    links = {name: f"[{name}-fashion-mnist]({name}-fashion-mnist/README.md)" for name in ("vae", "cgan")}
    assert page.read_text(encoding="utf-8") == before + TABLE.format(**links) + after
    # Once more changes nothing; from elsewhere the links lead to the same cards.
    run("compare", "--write", page)
    assert page.read_text(encoding="utf-8") == before + TABLE.format(**links) + after
    other = tmp_path / "page.md"
    other.write_text("<!-- zoo:compare fashion-mnist cards -->\n<!-- /zoo:compare -->", encoding="utf-8")
    run("compare", "--write", other)
    assert "[vae-fashion-mnist](cards/vae-fashion-mnist/README.md)" in other.read_text(encoding="utf-8")


def test_a_full_disk_leaves_the_page_as_it_was(mistake, measured, tmp_path, little_room):
    page = tmp_path / "cards" / "README.md"
    page.write_text("<!-- zoo:compare fashion-mnist . -->\n<!-- /zoo:compare -->\n", encoding="utf-8")
    before = page.read_bytes()
    with little_room(100):
        assert f"{page} could not be written: the disk is full" in mistake("compare", "--write", page)
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("", "has no <!-- zoo:compare DATASET FOLDER -->"),
        (
            "<!-- zoo:compare fashion . -->\n<!-- /zoo:compare -->",
            "no card in . is of 'fashion'. Did you mean 'fashion-",
        ),
        ("<!-- zoo:compare mnist -->\n<!-- /zoo:compare -->", "no card in no folder is of 'mnist'"),
        ("<!-- zoo:compare mnist gone -->\n<!-- /zoo:compare -->", "gone is no folder of releases"),
    ],
)
def test_a_page_that_cannot_be_rendered_is_left_alone(mistake, measured, part, told):
    page = measured / "README.md"
    page.write_text(part, encoding="utf-8")
    assert told in mistake("compare", "--write", page)
    assert page.read_text(encoding="utf-8") == part


def test_a_page_that_is_no_text_is_left_alone(mistake, measured):
    page = measured / "page.png"
    page.write_bytes(b"\x89PNG\r\n")
    assert f"{page} is no page: it is not text in UTF-8" in mistake("compare", "--write", page)
    assert page.read_bytes() == b"\x89PNG\r\n"


def test_a_page_beside_the_cards_is_no_release(run, measured):
    (measured / "README.md").write_text("# Title\n", encoding="utf-8")
    assert [entry["name"] for entry in json.loads(run("list", "--json").out)] == [
        "cgan-fashion-mnist", "dcgan-celeba", "realnvp-mnist", "vae-fashion-mnist",
    ]  # fmt: skip
    assert json.loads(run("plugins", "--json").out)[0]["faults"] == {}


def _names(markdown):
    return [line.split(" | ")[1] for line in markdown.splitlines()[2:] if re.match(r"\| \d", line)]


def test_releases_by_name_and_by_path(run, mistake, measured, tmp_path):
    mine = shutil.copytree(measured / "vae-fashion-mnist", tmp_path / "mine")
    assert _names(run("compare", mine, "cgan-fashion-mnist", "--markdown").out) == ["mine", "cgan-fashion-mnist"]
    again = shutil.copytree(mine, tmp_path / "again" / "mine")
    assert _names(run("compare", mine, again, "--markdown").out) == [str(again), str(mine)]
    assert "To compare releases, name two or more." in mistake("compare", "vae-fashion-mnist")


def test_releases_of_other_data_are_not_compared_unless_those_are_proved_the_same(run, measured, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(measured / "vae-fashion-mnist", mine)
    card = Card.read(mine).replace(data={**Card.read(mine).zoo["data"], "name": "clothes"})
    card.write()
    assert _names(run("compare", mine, "cgan-fashion-mnist", "--markdown").out) == ["mine", "cgan-fashion-mnist"]
    for folder in (mine, measured / "cgan-fashion-mnist"):
        metric = frechet(1.0)
        del metric["args"]["floor"]
        Card.read(folder).replace(model_index=[{"name": "x", "results": [{"metrics": [metric]}]}]).write()
    out = run("compare", mine, "cgan-fashion-mnist", "--markdown").out
    assert "- mine: Fréchet distance (tiny) 1, not compared: clothes instead of fashion-mnist." in out


def test_unknown_data_set_is_answered_with_the_nearest(mistake):
    assert "no dataset is called 'fashion-mnits'. Did you mean 'fashion-mnist'" in mistake("compare", "fashion-mnits")


@pytest.mark.parametrize("words", [[], ["mnist", "--write", "page.md"]])
def test_either_a_data_set_or_a_page(mistake, words):
    assert "name a data set" in mistake("compare", *words)
    assert "choose one of them" in mistake("compare", "mnist", "--markdown", "--json")
    # Nothing is made of a page that is not there.
    assert "page.md" in mistake("compare", "--write", "page.md")


@pytest.fixture
def rebuilding(measured):
    """The same with errors of reconstruction, by a network and by a search."""
    for name, value, encoder in (("vae", 0.02, "network"), ("cgan", 0.01, "optimisation")):
        card = Card.read(measured / f"{name}-fashion-mnist")
        args = {"split": "test", "n_real": 10, "encoder": encoder, "code": 4, "pca": 0.03, "seed": 0}
        own = {"type": "mse", "name": "reconstruction MSE", "value": value, "args": args}
        card.replace(model_index=[{"name": name, "results": [{"metrics": [*card.metrics, own]}]}]).write()
    return measured


EXPECTED = """\
| rank | release | MSE | MSE of PCA | numbers in a code | Fréchet distance | parameters |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
| 1 | {name} | 0.02 | 0.03 | 4 | 1 | 1.23 M |
|  | real data, held out |  |  |  | 0.5 |  |
|  | real data, other training |  |  |  | 0.25 |  |

Measured with split test, n_real 10, encoder network, seed 0.
"""


def test_by_a_number_as_it_was_measured(run, mistake, rebuilding):
    words = ("compare", "fashion-mnist", "--by", "mse", "--where", "encoder=network")
    assert run(*words, "--markdown").out == EXPECTED.format(name="vae-fashion-mnist")
    (table,) = json.loads(run(*words, "--json").out)["tables"]
    assert table["rows"][0]["values"]["mse code"] == 4
    assert "cannot be ranked by 'msq'. Did you mean 'mse'" in mistake("compare", "fashion-mnist", "--by", "msq")
    told = mistake("compare", "fashion-mnist", "--by", "mse", "--where", "encoder=none", "--where", "seed=3")
    assert "none of 2 releases was measured with encoder none, seed 3" in told
    assert "a page says itself what it ranks" in mistake("compare", "--by", "mse", "--write", "page.md")


def test_a_page_says_what_ranks(run, rebuilding):
    page = rebuilding / "README.md"
    head = "<!-- zoo:compare fashion-mnist . by=mse encoder=network -->\n"
    page.write_text(f"{head}<!-- /zoo:compare -->", encoding="utf-8")
    assert run("compare", "--write", page).status == 0
    link = "[vae-fashion-mnist](vae-fashion-mnist/README.md)"
    assert page.read_text(encoding="utf-8") == f"{head}{EXPECTED.format(name=link)}<!-- /zoo:compare -->"


SHARP = """
    from zoo.plugin import Column, hookimpl

    @hookimpl
    def zoo_register_metrics(register):
        register(
            "sharpness", "zoo_sharp:sharpness", needs=["generate", "images"], protocol=["window"],
            columns=[Column("sharpness", "sharp", 5, lower_is_better=True, headline=True)],
            references={"blank": "a blank page"},
        )
"""


def test_a_metric_of_a_plugin_has_its_column_in_both_tables(measured, run, install_plugin):
    """Between those of zoo by its place, marked where it is lowest; what was measured otherwise stands apart."""
    for name, value, window in (("cgan-fashion-mnist", 7.0, 3), ("vae-fashion-mnist", 8.0, 3)):
        card = Card.read(measured / name)
        args = {**ARGS, "window": window, "blank": 9.0}
        own = {"type": "sharpness", "name": "sharpness (tiny)", "value": value, "args": args}
        card.replace(model_index=[{"name": name, "results": [{"metrics": [*card.metrics, own]}]}]).write()
    assert "sharp" not in run("compare", "fashion-mnist", "--markdown").out.split("Measured")[0].split("release")[1]
    install_plugin("sharp", SHARP)
    lines = run("compare", "fashion-mnist", "--markdown").out.splitlines()
    assert lines[0] == "| rank | release | Fréchet distance | over seeds | sharp | coverage | parameters |"
    assert lines[2:4] == [
        "| 1 | vae-fashion-mnist | **1** | 2 ± 1.4 (2 seeds) | 8 | – | 1.23 M |",
        "| 2 | cgan-fashion-mnist | 3 | – | **7** | 0.75 | 1.23 M |",
    ]
    assert "|  | a blank page |  |  | 9 |  |  |" in lines
    (row,) = [line for line in run("list", "cgan*", "--markdown").out.splitlines() if "cgan-fashion-mnist" in line]
    assert "Fréchet distance (tiny) 3<br>sharpness (tiny) 7 |" in row


def test_what_a_plugin_s_metric_depends_on_keeps_numbers_apart(measured, run, install_plugin):
    install_plugin("sharp", SHARP)
    for name, window in (("cgan-fashion-mnist", 3), ("vae-fashion-mnist", 5)):
        card = Card.read(measured / name)
        own = {"type": "sharpness", "name": "sharpness", "value": 7.0, "args": {**ARGS, "window": window}}
        card.replace(model_index=[{"name": name, "results": [{"metrics": [*card.metrics, own]}]}]).write()
    assert "sharp 7, not compared: window 5 instead of window 3" in run("compare", "fashion-mnist", "--markdown").out


def test_samples_side_by_side(run, shelf, sharper, monkeypatch):
    drawn = []
    from zoo.reports import densities

    sheet = densities.sheet
    monkeypatch.setattr(densities, "sheet", lambda rows, title: drawn.append(rows) or sheet(rows, title))
    shown = []
    monkeypatch.setattr(
        "zoo.cli.comparing.watching", lambda what, **how: shown.append((what, how)) or watching(what, **how)
    )
    result = run("compare", "dcgan-celeba", "cgan-fashion-mnist", sharper, "--out", "sheet.png", "--quiet")
    assert result.status == 0, result.err
    assert shown == [("drawn", {"quiet": True})]
    assert result.out.startswith(
        "Wrote sheet.png (2 rows of 10 images). Left out, since they draw nothing of their own: "
    )
    assert str(sharper) in result.out
    (rows,) = drawn
    assert [(name, text) for name, text, _ in rows] == [
        ("dcgan-celeba", "Fréchet distance\n(tiny)\n12.35"),
        ("cgan-fashion-mnist", ""),
    ]
    assert torch.equal(rows[0][2], zoo.load("dcgan-celeba").generate(10, seed=0))
    with Image.open("sheet.png") as picture:
        assert picture.width > 500
    again = run("compare", "dcgan-celeba", "cgan-fashion-mnist", "--out", "sheet.png")
    assert "sheet.png is there already" in again.err
    assert "draws samples of its own" in run("compare", sharper, sharper, "--out", "none.png").err


def test_models_of_vectors_side_by_side(run, shelf, tmp_path, monkeypatch):
    """The points of models of one data set in one window, your own runs among them; images above."""
    from zoo.reports import plots

    drawn, beside = [], plots.beside
    monkeypatch.setattr(plots, "beside", lambda models, title: drawn.append((models, title)) or beside(models, title))
    for name, dataset in (("mine", "moons"), ("yours", "moons"), ("rings", "rings")):
        write(tmp_path / name, "flow-2d", {"steps": 1, "width": 4}, dataset)
    folders = [str(tmp_path / name) for name in ("mine", "rings", "yours")]
    result = run("compare", *folders, "dcgan-celeba", "--out", "sheet.png", "--quiet")
    assert result.out == "Wrote sheet.png (1 row of 10 images, 3 models of vectors).\n", result.err
    assert [title for _, title in drawn] == ["samples of seed 0: moons", "samples of seed 0: rings"]
    assert [[name for name, _, _ in models] for models, _ in drawn] == [[folders[0], folders[2]], [folders[1]]]
    assert torch.equal(drawn[0][0][0][2], zoo.load(folders[0]).generate(plots.POINTS, seed=0))
    assert run("compare", *folders[:2], "-o", "points.png", "-q").out == "Wrote points.png (2 models of vectors).\n"

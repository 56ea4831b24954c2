"""`zoo list` and `zoo info`: what they show, and that it fits."""

import json
import re

import pytest

import zoo
from zoo import registry
from zoo.cli.listing import _words

NAMES = ["cgan-fashion-mnist", "dcgan-celeba", "realnvp-mnist", "vae-fashion-mnist"]


@pytest.mark.parametrize(("width", "columns"), [("80", 6), ("100", 7), (None, 7)])
def test_list_has_a_line_for_each_release_by_family(run, monkeypatch, width, columns):
    if width:
        monkeypatch.setenv("COLUMNS", width)
    result = run("list")
    assert (result.status, result.err) == (0, "")
    head, *families, legend = result.out.split("\n\n")
    assert head.split() == ["name", "file", "can", "licence", "measured", "sample", "data"][:columns]
    found = {lines[0]: lines[1:] for lines in map(str.splitlines, families)}
    assert {family: [row.split()[0] for row in rows] for family, rows in found.items()} == {
        "autoencoders": ["vae-fashion-mnist"],
        "flows": ["realnvp-mnist"],
        "gans": ["cgan-fashion-mnist", "dcgan-celeba"],
    }
    assert max(map(len, result.out.splitlines())) <= int(width or 100)
    faces = found["gans"][1].split()
    assert (
        faces
        == ["dcgan-celeba", "2", "kB", "ged", "non-commercial", "Fréchet", "12.35", "8×8", "celeba"][: columns + 2]
    )
    assert " gedp " in found["flows"][0]
    assert " bits/dim 1.057 " in found["flows"][0], "an exact density is known by its bits per dimension"
    assert "zoo show NAME" in legend


def test_a_narrow_terminal_folds_but_keeps_names(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    out = run("list").out
    assert all(name in out for name in NAMES)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["*mnist"], NAMES[:1] + NAMES[2:]),
        (["--family", "gans"], NAMES[:2]),
        (["--capability", "log_prob"], NAMES[2:]),
        (["--dataset", "mnist"], ["realnvp-mnist"]),
        (["--license", "celeba-non-commercial-research"], ["dcgan-celeba"]),
        (["--condition", "label"], ["cgan-fashion-mnist"]),
        (["dcgan*", "--family", "gans"], ["dcgan-celeba"]),
        (["x*"], []),
    ],
)
def test_list_filters(run, words, names):
    assert [entry["name"] for entry in json.loads(run("list", *words, "--json").out)] == names


def test_list_says_when_nothing_fits(run):
    assert run("list", "x*").err == "No release fits.\n"
    assert "'dcgan*'" in run("list", "dcgan").err
    assert run("list", "--family", "translation").err == "No release fits.\n"  # it has architectures alone
    assert run("list", "--family", "translations").status == 2
    assert run("list", "--condition", "text").status == 0


def test_list_architectures(run, monkeypatch):
    """A line for each, by family; in narrow windows without the last columns."""
    lines = run("list", "--architectures").out.splitlines()
    assert [line for line in lines if line.startswith("vae ")] == ["vae                      variational autoencoder"]
    families = {registry.find_architecture(name).family for name in zoo.list_architectures()}
    assert len(lines) == 1 + len(zoo.list_architectures()) + 2 * len(families) + 2
    assert max(map(len, lines)) <= 100
    monkeypatch.setenv("COLUMNS", "160")
    (line,) = [line.split() for line in run("list", "--architectures").out.splitlines() if line.startswith("vae ")]
    assert line == ["vae", "variational", "autoencoder", "–", "lower-bound", "vae-fashion-mnist"]
    entries = json.loads(run("list", "c*", "--architectures", "--json").out)
    names = ["cgan", "cogan", "context-encoder", "contractive-autoencoder", "conv-autoencoder", "cyclegan"]
    assert [entry["name"] for entry in entries] == names
    assert entries[0]["capabilities"] == ["generate", "encode", "decode"]


def test_list_datasets(run, mistake):
    (line,) = [" ".join(line.split()) for line in run("list", "--datasets").out.splitlines() if "two-moons" in line]
    assert line == "two-moons none half circles in the plane, synthetic"
    (entry,) = json.loads(run("list", "table", "--datasets", "--json").out)
    assert entry == {"name": "table", "source": "file", "summary": "any .csv or .npy file of numbers"}
    assert "No data set is called 'moons'. Did you mean 'two-moons' or" in run("list", "moons", "--datasets").err
    assert "No data set is called 'two'. Patterns are globs: 'two*'" in run("list", "two", "--datasets").err
    assert "No release is called 'dcgan-celebs'. Did you mean 'dcgan-celeba'" in run("list", "dcgan-celebs").err
    assert "Leave out --datasets" in mistake("list", "--datasets", "--family", "gans")
    assert "Leave out --datasets" in mistake("list", "--datasets", "--architectures")
    for kind in ("--datasets", "--architectures"):
        assert "--markdown prints a table of releases" in mistake("list", kind, "--markdown")


def test_list_mentions_broken_cards(run, own_shelf, monkeypatch):
    (own_shelf / "dcgan-celeba" / "README.md").write_text("no front matter")
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: own_shelf)
    result = run("list")
    assert "dcgan-celeba" not in result.out
    assert result.err == "1 release cannot be loaded; see zoo plugins.\n"
    assert "  cannot be loaded: dcgan-celeba: " in run("plugins").out


def test_info_of_a_release(run, shelf):
    result = run("info", "dcgan-celeba")
    assert (result.status, result.err) == (0, "")
    facts = json.loads(run("info", "dcgan-celeba", "--json").out)
    assert facts["folder"] == str(shelf / "dcgan-celeba")
    for line in (
        "paper         Radford, Metz, Chintala 2015, arXiv:1511.06434",
        "license       celeba-non-commercial-research",
        "              license: of the data",
        "config        image_size: 8",
        f"weights       sha256: {facts['weights']['sha256']}",
        f"              bytes: {facts['weights']['bytes']}",
        "training      dataset: image-folder",
    ):
        assert f"\n{line}\n" in result.out
    assert "Fréchet distance (tiny)  12.35        1.5" in result.out
    assert facts["metrics"][0]["value"] == 12.3456


def test_info_of_an_objective_prints_each_option_with_default_and_help(run, shelf):
    lines = run("info", "wgan", "--objective").out.splitlines()
    options = [line.split()[0] for line in lines if line[0] != " "]
    assert options[:4] == ["option", "width", "batch_norm", "loss"]
    assert not {"beta1", "beta2"} & set(options), "RMSProp has neither"
    assert any(re.match(r"discriminator_steps +5 +a whole number .* +for each step of", line) for line in lines)
    rows = {row["name"]: row for row in json.loads(run("info", "wgan", "--objective", "--json").out)}
    assert rows["weight_clip"]["default"] == 0.01
    assert rows["width"] == {
        "name": "width",
        "default": 32,
        "help": "channels of the critic's first layer",
        "expected": "a whole number of at least 1",
    }
    recipe = json.loads(run("info", "flow-2d", "--objective", "--json").out)
    assert {row["name"]: row["default"] for row in recipe}["weight_decay"] == 5.0, "as the architecture's recipe has it"


def test_info_of_all_settings_by_their_full_names(run, shelf):
    rows = {row["name"]: row for row in json.loads(run("info", "wgan", "--settings", "--json").out)}
    assert rows["objective.weight_clip"]["default"] == 0.01
    assert rows["steps"]["expected"] == "a whole number of at least 1"
    assert rows["config.latent_dim"]["help"]
    assert "objective" not in rows
    assert all(row["help"] or row["expected"] for row in rows.values())
    card = {row["name"]: row["default"] for row in json.loads(run("info", "dcgan-celeba", "--settings", "--json").out)}
    assert (card["steps"], card["config.width"], card["batch_size"]) == (7, 2, 64), "as its card has them"
    lines = run("info", "wgan", "--settings").out.splitlines()
    assert lines[0].split() == ["setting", "default", "takes", "what", "it", "is"]
    assert any(re.match(r"config\.width +\d+ ", line) for line in lines)


def test_info_of_an_unmeasured_release_and_by_architecture(run):
    result = run("info", "vae")
    assert result.out.startswith("name          vae-fashion-mnist\n")
    assert "Not measured yet" in result.out


def test_info_of_an_architecture_without_release(run, install):
    install(
        "bare",
        "import zoo\n\n@zoo.hookimpl\ndef zoo_register_architectures(register):\n"
        "    register('bare', 'nowhere:Bare', family='gans', capabilities=['generate'], summary='nothing')\n",
    )
    facts = json.loads(run("info", "bare", "--json").out)
    assert (facts["name"], facts["capabilities"], facts["default"]) == ("bare:bare", ["generate"], None)
    assert "summary       nothing\n" in run("info", "bare").out


@pytest.mark.parametrize(("count", "shown"), [(24, "w23"), (25, "w23 … (25 in all)")])
def test_info_prints_some_of_a_long_list(count, shown):
    names = [f"w{k}" for k in range(count)]
    assert _words(names) == ", ".join([*names[:23], shown])

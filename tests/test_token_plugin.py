"""A plugin brings what zoo does not know: sequences of tokens, with files, a picture, a capability, data and a metric
of their own. The package in token_plugin/ is installed as pip leaves one, and all of it is reached by name alone."""

import copy
import importlib
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import zoo
from zoo import golden, registry
from zoo.cli import main
from zoo.testing import ContractError, check_model

PACKAGE = Path(__file__).parent / "token_plugin" / "zoo_tokens"


@pytest.fixture
def tokens(site):
    """The plugin, installed."""
    shutil.copytree(PACKAGE, site / "zoo_tokens", ignore=shutil.ignore_patterns("__pycache__"))
    info = site / "zoo_tokens-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-tokens\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zoo]\ntokens = zoo_tokens\n")
    importlib.invalidate_caches()
    registry.registry.cache_clear()
    return site / "zoo_tokens"


@pytest.fixture
def model(tokens):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return zoo.create("bigram", length=4).eval()


@pytest.fixture
def trained(tokens, tmp_path, capsys):
    """The folder of the release, trained for two steps."""
    out = tmp_path / "bigram-rhymes"
    assert main(["train", "bigram-rhymes", "--out", str(out)]) == 0, capsys.readouterr().err
    capsys.readouterr()
    return out


def test_it_is_listed(tokens, capsys):
    assert registry.find_architecture("bigram").capabilities == {"generate", "encode", "surprise"}
    assert "bigram-rhymes" in zoo.list_models(capability="surprise")
    assert main(["list", "bigram*"]) == 0
    assert "bigram-rhymes" in capsys.readouterr().out


def test_it_generates_and_encodes(model):
    drawn = model.generate(5, seed=0)
    assert (drawn.shape, drawn.dtype) == ((5, 4), torch.int64)
    assert set(drawn.unique().tolist()) <= {0, 1, 2}
    assert torch.equal(model.generate(2, seed=0, first=3), drawn[3:])
    assert model.encode(drawn).shape == (5, 3)
    with pytest.raises(zoo.errors.InvalidInput, match="expected int64"):
        model.encode(drawn.float())


def test_its_capability_is_one_like_any_other(model):
    assert model.capabilities() == {"generate", "encode", "surprise"}
    assert model.surprise(model.generate(3, seed=0)).shape == (3,)
    with pytest.raises(zoo.errors.CapabilityError, match=r"it can encode, generate, surprise"):
        model.decode(torch.zeros(1, 3))
    with pytest.raises(zoo.errors.CapabilityError, match=r"has no surprise.*bigram-rhymes"):
        zoo.create("dcgan", image_size=8, width=2).require("surprise")


def test_it_keeps_the_contract_and_its_own_check_is_among_the_checks(model):
    results = {result.name: result.status for result in check_model(model)}
    assert set(results.values()) == {"passed"}
    assert "check_surprise" in results


def test_its_own_check_fails_where_its_promise_is_broken(model, monkeypatch):
    monkeypatch.setattr(type(model), "_surprise", lambda self, x, condition, noise: self.scores.sum() + 0.0 * x.sum(1))
    with pytest.raises(ContractError, match=r"check_surprise: .*sum to 1"):
        check_model(model, expected_failures={"check_objective": "its loss is of no use", "check_gradients": "as that"})


def test_training_writes_a_release_that_loads(trained):
    assert {"README.md", "model.safetensors", "golden.safetensors", "samples.png"} <= {
        f.name for f in trained.iterdir()
    }
    assert main(["verify", str(trained)]) == 0
    assert zoo.load(trained).generate(2, seed=0).shape == (2, 6)


def test_it_is_generated_into_a_file_of_its_own_and_encoded_from_it(trained, tmp_path, capsys):
    out = tmp_path / "lines.txt"
    assert main(["generate", str(trained), "-n", "4", "--seed", "0", "--out", str(out)]) == 0, capsys.readouterr().err
    assert "(4 lines)" in capsys.readouterr().out
    model = zoo.load(trained)
    assert out.read_text().split() == model.space.lines(model.generate(4, seed=0))
    codes = tmp_path / "codes.npy"
    assert main(["encode", str(trained), str(out), "--out", str(codes)]) == 0, capsys.readouterr().err
    assert codes.is_file()
    assert model.space.preview(model.generate(4, seed=0)).size == (56, 56)


def test_it_is_measured_by_its_own_metric(trained, capsys):
    assert main(["evaluate", str(trained)]) == 0, capsys.readouterr().err
    assert "a before b" in capsys.readouterr().out


def test_it_is_checked(trained, capsys):
    assert main(["check", str(trained)]) == 0, capsys.readouterr().out
    assert "check_surprise" in capsys.readouterr().out


def test_its_condition_is_one_like_any_other(tokens, tmp_path, capsys):
    model = zoo.create("led", length=4).eval()
    assert {result.status for result in check_model(model)} == {"passed"}
    with pytest.raises(zoo.errors.InvalidInput, match="this model is conditioned on beginning"):
        model.generate(2)
    out, lines = str(tmp_path / "led-rhymes"), tmp_path / "lines.txt"
    for command in (
        ["train", "led", "--set", "dataset=rhymes", "--set", "steps=1", "--out", out],
        ["verify", out],
        ["evaluate", out],
        ["generate", out, "-n", "3", "--condition", "b", "--out", str(lines)],
    ):
        assert main(command) == 0, capsys.readouterr()
    assert "a before b" in capsys.readouterr().out
    assert [line[0] for line in lines.read_text().split()] == ["b"] * 3


@pytest.fixture
def mirror(tokens, tmp_path, capsys):
    """The folder of a release of what translates."""
    out = tmp_path / "mirror-rhymes"
    assert main(["train", "mirror", "--set", "config.alphabet=xyz", "--set", "steps=1", "--out", str(out)]) == 0
    capsys.readouterr()
    return out


def test_what_the_data_say_of_the_config_is_taken_from_them(mirror):
    assert zoo.load(mirror).config.alphabet == "abc"


def test_samples_of_its_space_are_translated(mirror, tmp_path, capsys):
    model = zoo.load(mirror)
    assert {result.status for result in check_model(model)} == {"passed"}
    x = model.generate(3, seed=0)
    assert torch.equal(model.translate(x), x.flip(1))
    assert torch.equal(model.translate(x[:1], 4), x[:1].flip(1).expand(4, -1))
    with pytest.raises(zoo.errors.InvalidInput, match=r"3 lines came for 2 samples"):
        model.translate(x, 2)
    lines, out = tmp_path / "lines.txt", tmp_path / "made.txt"
    lines.write_text("abcabc\nccccca\n")
    assert main(["translate", str(mirror), str(lines)]) == 0, capsys.readouterr()
    assert capsys.readouterr().out == "cbacba\naccccc\n"
    assert main(["translate", str(mirror), str(lines), "--out", str(out)]) == 0
    assert (out.read_text(), capsys.readouterr().out) == ("cbacba\naccccc\n", f"Wrote {out} (2 lines).\n")
    assert main(["translate", str(mirror), str(lines), "--out", str(out)]) != 0
    assert "is there already" in capsys.readouterr().err
    assert main(["verify", str(mirror)]) == 0


def test_sources_of_another_number_than_samples_break_the_contract(mirror, monkeypatch):
    model = zoo.load(mirror)
    assert "check_wrong_counts_refused" in {result.name for result in check_model(model, report=True)}
    plain = type(model).check_sources
    monkeypatch.setattr(
        type(model), "check_sources", lambda self, sources, n, *, strict=False: plain(self, sources[:1], n)
    )
    with pytest.raises(ContractError, match="another number"):
        check_model(model)


def test_lines_are_printed_where_no_file_is_named(mirror, capsys):
    assert main(["generate", str(mirror), "-n", "2", "--seed", "0"]) == 0
    out, err = capsys.readouterr()
    model = zoo.load(mirror)
    assert out.split() == model.space.lines(model.generate(2, seed=0))
    assert "seed 0" in err


def test_a_picture_of_its_own_stands_on_its_card(mirror):
    with Image.open(mirror / "samples.png") as picture:
        assert picture.height == 8 + 12 * 3


def test_words_that_are_drawn_otherwise_are_no_loss(model):
    # Which letter is drawn is another as soon as a weight is; that says nothing of how near the weights are.
    other = copy.deepcopy(model)
    other.scores.data += 5 * torch.eye(4, 3)
    assert not torch.equal(model.generate(8, seed=0), other.generate(8, seed=0))
    assert set(golden.lost(model, other)) == {"encode"}

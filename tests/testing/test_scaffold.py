"""`zoo plugin new`: what it writes works as it is, whatever it is called, and what cannot be called so is refused."""

import ast
import shutil
import tomllib

import pytest
import torch

import zoo
from zoo import building, registry
from zoo.cli import main
from zoo.errors import InvalidInput, WeightsNotFound
from zoo.hub import publish
from zoo.recipe import Recipe
from zoo.releases import hub_card
from zoo.testing import check_model, scaffold

FILES = {
    ".gitignore",
    "README.md",
    "pyproject.toml",
    "tests/test_contract.py",
    "zoo_cat_2d/__init__.py",
    "zoo_cat_2d/cat_2d.py",
    "zoo_cat_2d/cards/cat-2d-mnist/README.md",
}


@pytest.fixture
def plugin(tmp_path, site, install_plugin):
    """The folder of the plugin cat-2d, installed."""
    folder = tmp_path / "zoo-cat-2d"
    scaffold.write("cat-2d", folder)
    shutil.copytree(folder / "zoo_cat_2d", site / "zoo_cat_2d")
    install_plugin("cat-2d", "", package="zoo-cat-2d", target="zoo_cat_2d")
    (site / "zoo_cat_2d.py").unlink()  # a module of that name, in the place of the package
    return folder


def test_it_writes_a_package_under_its_own_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = scaffold.write("cat-2d")
    assert {file.relative_to("zoo-cat-2d").as_posix() for file in files} == FILES
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path / file for file in files}
    assert [path.name for path in tmp_path.iterdir()] == ["zoo-cat-2d"]
    text = "".join(file.read_text() for file in files)
    assert "my-model" not in text.lower().replace("_", "-").replace("mymodel", "my-model")
    project = tomllib.loads((tmp_path / "zoo-cat-2d" / "pyproject.toml").read_text())
    assert project["project"]["name"] == "zoo-cat-2d"
    assert project["project"]["entry-points"]["zoo"] == {"cat-2d": "zoo_cat_2d"}
    assert project["project"]["dependencies"] == [f"generative-zoo>={zoo.__version__}"]


def test_it_imports_no_torch(python, tmp_path):
    source = "import sys\nfrom zoo.testing import scaffold\nscaffold.write('cat')\nprint('torch' in sys.modules)"
    assert python(source).strip() == "False"
    assert (tmp_path / "zoo-cat" / "zoo_cat" / "cat.py").is_file()


def test_what_it_registers_is_what_is_there(plugin):
    architecture = registry.find_architecture("cat-2d")
    cls = building.resolve(architecture)
    assert cls.__name__ == "Cat2d"
    assert cls.capabilities() == architecture.capabilities
    assert cls.log_prob_kind == architecture.log_prob
    found = zoo.info("cat-2d-mnist").release
    assert (found.architecture, found.plugin) == (architecture, "cat-2d")
    assert found.card.config == {"image_shape": [1, 28, 28], "hidden": 256, "latent_dim": 16}
    # The card's recipe is that of the class, on a data set.
    recipe = Recipe.parse(found.card.training)
    assert recipe == cls.recipe.override({"dataset": "mnist", "objective.learning_rate": 0.001})


def test_the_model_keeps_the_contract(plugin):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert check_model(zoo.create("cat-2d", image_shape=(1, 8, 8), hidden=16))


def test_the_test_it_writes_has_three_lines(plugin):
    tree = ast.parse((plugin / "tests" / "test_contract.py").read_text())
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    assert function.end_lineno - function.decorator_list[0].lineno + 1 == 3


@pytest.mark.parametrize(
    ("config", "message"),
    [({"hidden": 0}, "at least 1"), ({"image_shape": (8, 8)}, r"expected \(channels, height, width\)")],
)
def test_a_wrong_config_of_the_model_is_refused(plugin, config, message):
    with pytest.raises(zoo.errors.ConfigError, match=message):
        zoo.create("cat-2d", **config)


@pytest.mark.parametrize("samples", [0, 2.5])
def test_a_wrong_number_of_samples_is_refused(plugin, samples):
    with torch.random.fork_rng():
        model = zoo.create("cat-2d", image_shape=(1, 4, 4), hidden=4)
    with pytest.raises(InvalidInput, match="samples"):
        model.log_prob(torch.zeros(1, 1, 4, 4), samples=samples)


def test_the_card_says_what_is_to_be_said(plugin, capsys):
    licence, data, text = hub_card.problems(zoo.info("cat-2d-mnist").card)
    assert "license is 'unknown'" in licence
    assert "zoo.data.license is 'unknown'" in data
    assert "still the one to be replaced" in text
    assert main(["card", "cat-2d-mnist", "--check"]) == 1
    assert "3 problems" in capsys.readouterr().out


def test_publishing_it_as_it_is_tells_all_that_is_missing(plugin, site):
    told = publish.plan(site / "zoo_cat_2d" / "cards" / "cat-2d-mnist", "me/cat").problems
    beginnings = ["license is", "zoo.data.license is", "the text under", "golden", "samples", "model.safetensors"]
    assert [problem.startswith(beginning) for problem, beginning in zip(told, beginnings, strict=True)] == [True] * 6


def test_before_training_the_release_says_how_to_train_it(plugin):
    assert "cat-2d-mnist" in zoo.list_models()
    with pytest.raises(WeightsNotFound, match="zoo train cat-2d-mnist --data DIR"):
        zoo.load("cat-2d-mnist")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Cat", "for example cat"),
        ("two cats", "for example two-cats"),
        ("my_model", "for example my-model"),
        ("2d-cat", "for example d-cat"),
        ("", "for example my-model"),
        ("-", "for example my-model"),
        ("cat-", "for example cat"),
        ("a--b", "for example a-b"),
        ("../cat", "for example cat"),
        ("katze-ä", "for example katze"),
        ("cat\n", "for example cat"),
        (None, "expected lower-case letters"),
        ("zoo", "begins like the package"),
        ("zoo-cat", "begins like the package"),
        ("class", "make class a name"),
        ("none", "make None a name"),
        ("model", "make Model a name"),
        ("config", "make Config a name"),
        ("tensor", "make Tensor a name"),
        ("dcgan", "generative-zoo has dcgan"),
        ("vae-fashion-mnist", "generative-zoo has vae-fashion-mnist"),
    ],
)
def test_names_that_cannot_be(tmp_path, name, message):
    with pytest.raises(InvalidInput, match=message):
        scaffold.write(name, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("package", "message"),
    [("zoo-echo", "the package zoo-echo 1.2 is installed"), ("echoes", "the package echoes has a plugin of that name")],
)
@pytest.mark.parametrize("source", ["", "raise RuntimeError"])
@pytest.mark.parametrize("loaded", ["echo", ""])
def test_names_of_installed_plugins_broken_and_hidden_ones_included(
    install_plugin, monkeypatch, package, message, source, loaded
):
    monkeypatch.setenv("ZOO_PLUGINS", loaded)
    install_plugin("echo", source, package=package)
    with pytest.raises(InvalidInput, match=message):
        scaffold.check("echo")


def test_names_that_plugins_register(install_plugin, release, tmp_path):
    shutil.copytree(release, tmp_path / "cards" / "song-mnist")
    source = f"""
        import zoo

        @zoo.hookimpl
        def zoo_register_architectures(register):
            register("sound", "zoo_echo:Sound", family="toys", capabilities=["generate"])

        @zoo.hookimpl
        def zoo_register_cards(register):
            register({str(tmp_path / "cards")!r})
    """
    install_plugin("echo", source)
    with pytest.raises(InvalidInput, match="the package zoo-echo has sound"):
        scaffold.check("sound")
    with pytest.raises(InvalidInput, match="the package zoo-echo has song-mnist"):
        scaffold.check("song")
    install_plugin("other", source)
    with pytest.raises(InvalidInput, match="several plugins have sound"):
        scaffold.check("sound")


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_left_alone(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "folder":
        out.mkdir()
    elif kind == "file":
        out.write_text("mine")
    else:
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="exists"):
        scaffold.write("cat", out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert kind != "folder" or not list(out.iterdir())


def test_folders_on_the_way_are_made(tmp_path):
    scaffold.write("cat", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "pyproject.toml").is_file()


def test_a_place_that_is_none_is_a_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        scaffold.write("cat", tmp_path / "file" / "out")


def test_what_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    copied = []

    def copy(source, target, spellings):
        if copied:
            raise OSError(28, "No space left on device")
        copied.append(real(source, target, spellings))
        return copied[0]

    real = scaffold._copy
    monkeypatch.setattr(scaffold, "_copy", copy)
    with pytest.raises(OSError, match="No space left") as caught:  # which the command line says as what it is
        scaffold.write("cat", tmp_path / "out")
    assert caught.value.filename == str(tmp_path / "out")
    assert len(copied) == 1
    assert list(tmp_path.iterdir()) == []

"""Names: what each spelling means, what is near a wrong one, and what happens when two plugins have one name."""

import shutil
from pathlib import Path

import pytest

import zoo
from zoo import registry, releases
from zoo.errors import (
    CardError,
    DuplicateName,
    InvalidInput,
    PluginError,
    UnknownArchitecture,
    UnknownName,
    WeightsNotFound,
)
from zoo.releases.cards import Card


@pytest.fixture
def shelf(tmp_path, front):
    """Make a folder of release folders without weights: `shelf("name", …)`, fields of the card replaced."""

    def make(*names, place="cards", **changes):
        folder = tmp_path / place
        for name in names:
            (folder / name).mkdir(parents=True)
            Card(folder / name, {**front, **changes}, "").write()
        return folder

    return make


def source(name, *, cards=None, default=None, target="never_imported:Model", condition=None):
    hook = "import zoo\n@zoo.hookimpl\ndef zoo_register_architectures(register):\n"
    hook += f"    register({name!r}, {target!r}, family='gans', capabilities=['generate', 'encode'], "
    hook += f"default={default!r}, condition={condition!r})\n"
    if cards is not None:
        hook += f"@zoo.hookimpl\ndef zoo_register_cards(register): register({str(cards)!r})\n"
    return hook


# Listing -------------------------------------------------------------------------------------------------------------


def test_list_models_is_sorted_and_globs_match_whole_names():
    names = zoo.list_models()
    assert names == sorted(names)
    assert "dcgan-celeba" in names
    assert zoo.list_models("dcgan-*") == [name for name in names if name.startswith("dcgan-")]
    assert zoo.list_models("dcgan") == []
    assert zoo.list_models("DCGAN-*") == []
    assert zoo.list_models("*-mnist*") == [name for name in names if "-mnist" in name]
    assert zoo.list_models("[") == []
    assert zoo.list_models("zoo:dcgan-*") == zoo.list_models("dcgan-*")


def test_filters_combine(install_plugin, shelf):
    folder = shelf("mood-a", "mood-b")
    shelf("mood-c", license="mit")
    install_plugin("mood", source("mood", cards=folder, condition="text"))
    for name in ("mood-b", "mood-c"):
        card = Card.read(folder / name)
        data = {**card.zoo["data"], "name": "songs"}
        card.replace(architecture="mood:mood", data=data).write()
    assert zoo.list_models("mood-*") == ["mood-a", "mood-b", "mood-c"]
    assert zoo.list_models("mood-*", dataset="songs") == ["mood-b", "mood-c"]
    assert zoo.list_models("mood-*", dataset="songs", license="mit") == ["mood-c"]
    assert zoo.list_models("mood-*", condition="text") == ["mood-b", "mood-c"]
    assert zoo.list_models("mood-*", capability="decode") == ["mood-a"]
    assert zoo.list_models("mood-*", family="gans", capability="generate") == ["mood-a", "mood-b", "mood-c"]
    assert zoo.list_models("mood-*", family="flows") == []


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"capability": "genrate"}, "'genrate'.*'generate'"),
        ({"capability": 3}, "capability=3; expected a string"),
        ({"condition": "lable"}, "'lable'.*'label'"),
        (
            {"condition": "zoo:label"},
            "'zoo:label'.*'label'.*conditions have no plugin before them",
        ),
        ({"capability": "zoo:encode"}, "'zoo:encode'. Did you mean 'encode'"),
        ({"pattern": 3}, "pattern=3"),
    ],
)
def test_filters_that_mean_nothing_are_refused(filters, message):
    with pytest.raises(InvalidInput, match=message):
        zoo.list_models(**filters)


def test_every_listed_name_is_found_even_when_two_plugins_share_it(install_plugin, shelf):
    install_plugin("one", source("one", cards=shelf("same-x", "dcgan-celeba", place="one")))
    install_plugin("two", source("two", cards=shelf("same-x", place="two")))
    names = zoo.list_models()
    assert {"one:same-x", "two:same-x", "dcgan-celeba", "one:dcgan-celeba"} <= set(names)
    assert "same-x" not in names
    assert len({releases.find(name).folder for name in names}) == len(names)


def test_broken_cards_are_left_out_and_reported_once(install_plugin, shelf):
    folder = shelf("fine-x", "broken-x", "foreign-x")
    (folder / "broken-x" / "README.md").write_text("no front matter")
    Card.read(folder / "foreign-x").replace(architecture="unheard-of").write()
    install_plugin("echo", source("echo", cards=folder))
    for _ in range(2):
        assert zoo.list_models("*-x") == ["fine-x"]
    echo = next(p for p in registry.registry().plugins if p.name == "echo")
    assert list(echo.faults) == ["broken-x", "fine-x", "foreign-x"]
    assert "broken-x/README.md has no front matter" in echo.faults["broken-x"]
    assert "'unheard-of'" in echo.faults["foreign-x"]
    assert "pip install --upgrade zoo-echo" in echo.faults["foreign-x"]
    assert "there is no model.safetensors in" in echo.faults["fine-x"]
    assert not any(p.faults for p in registry.registry().plugins if p is not echo)
    with pytest.raises(CardError, match="broken-x"):
        _ = zoo.info("broken-x").card
    with pytest.raises(UnknownArchitecture, match=r"foreign-x.*'unheard-of'"):
        _ = zoo.info("foreign-x").architecture


def test_folders_that_are_no_releases_are_passed_over(install_plugin, shelf):
    folder = shelf("fine-x", ".hidden")
    (folder / "empty").mkdir()
    (folder / "README.md").write_text("about these cards")
    install_plugin("echo", source("echo", cards=folder))
    assert [r.name for r in (releases.find(n) for n in zoo.list_models()) if r.plugin == "echo"] == ["fine-x"]


# Finding -------------------------------------------------------------------------------------------------------------


def test_a_release_by_name_and_by_its_architecture(install_plugin, shelf):
    install_plugin("echo", source("echo", cards=shelf("echo-x"), default="echo-x"))
    assert zoo.info("echo-x").folder == zoo.info("echo").folder
    assert releases.find("echo:echo-x") == releases.find("echo:echo") == releases.find("echo-x")
    assert releases.find("zoo:dcgan-celeba") == releases.find("dcgan-celeba")


def test_an_architecture_without_default_release(install_plugin):
    install_plugin("echo", source("echo"))
    assert zoo.info("echo").architecture.qualified == "echo:echo"
    with pytest.raises(UnknownName, match=r"'echo' is an architecture without.*zoo.create\('echo'\)"):
        releases.find("echo")


@pytest.mark.parametrize("default", ["echo", "echo-gone"])
def test_a_default_release_that_is_not_there(install_plugin, default):
    install_plugin("echo", source("echo", default=default))
    with pytest.raises(UnknownName, match=f"default release '{default}' is not installed"):
        releases.find("echo")
    # Until there is a release there is still the architecture to be told of.
    for name in ("echo", "echo:echo"):
        assert zoo.info(name) == releases.Info(registry.find_architecture("echo"))
    assert zoo.info("echo").architecture.default == default


def test_what_an_architecture_means_once_its_default_release_is_there(install_plugin, shelf):
    install_plugin("echo", source("echo", cards=shelf("echo-x"), default="echo-x"))
    assert zoo.info("echo").release == releases.find("echo-x")


def test_the_default_release_is_the_plugins_own(install_plugin, shelf):
    folder = shelf("dcgan-celeba")
    install_plugin("mine", source("dcgan", cards=folder, default="dcgan-celeba"))
    assert releases.find("mine:dcgan").folder == folder / "dcgan-celeba"
    assert releases.find("dcgan").plugin == "zoo"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dcgan-celeb", "'dcgan-celeb'.*Did you mean 'dcgan-celeba'"),
        ("DCGAN-CelebA", "'dcgan-celeba'"),
        ("dcgn", "'dcgan'"),
        ("nobody:dcgan", "'nobody:dcgan'"),
        (":dcgan", "':dcgan'"),
        ("org/dcgan-celeba", r"'./org/dcgan-celeba'.*'hf:org/dcgan-celeba'"),
        ("runs/mine/", r"'./runs/mine/'\?$"),
        ("runs\\mine", "is no release"),
    ],
)
def test_unknown_names_get_help(name, message):
    for look in (releases.find, zoo.info, zoo.load):
        with pytest.raises(UnknownName, match=message):
            look(name)


def test_unknown_name_mentions_plugins_that_failed(install_plugin):
    install_plugin("bad", "raise ValueError")
    with pytest.raises(UnknownName, match="failed to load: bad; see zoo plugins"):
        releases.find("bad-release")


@pytest.mark.parametrize("name", ["", None, 3, ["dcgan-celeba"], b"dcgan-celeba"])
def test_what_is_no_name_at_all(name):
    for look in (releases.find, zoo.info, zoo.load):
        with pytest.raises(InvalidInput, match="is no name"):
            look(name)
    with pytest.raises(InvalidInput, match="no architecture's name"):
        zoo.create(name)


def test_what_is_no_address_on_the_hub():
    with pytest.raises(InvalidInput, match="'hf:repo' is no address on the Hub; expected 'hf:org/repo'"):
        releases.find("hf:repo")


def test_release_folders_by_path(shelf, monkeypatch):
    folder = shelf("mine-x") / "mine-x"
    assert releases.find(folder).name == "mine-x"
    assert releases.find(str(folder)).folder == folder
    monkeypatch.chdir(folder.parent)
    assert releases.find("./mine-x").name == "mine-x"
    monkeypatch.chdir(folder)
    assert releases.find(".").name == "mine-x"
    monkeypatch.setenv("HOME", str(folder.parent))
    assert releases.find("~/mine-x").folder == folder
    assert releases.find(Path("~/mine-x")).folder == folder


@pytest.mark.parametrize("name", ["./nowhere", "~nobody-here/nowhere", "/nowhere"])
def test_a_path_that_is_not_there(name):
    with pytest.raises(WeightsNotFound, match="nowhere is not a folder"):
        releases.find(name)


def test_a_folder_without_a_card(tmp_path):
    with pytest.raises(WeightsNotFound, match=r"has no README.md; expected a release folder") as caught:
        releases.find(tmp_path)
    assert str(tmp_path) in str(caught.value)


# One name, two owners ------------------------------------------------------------------------------------------------


def test_two_plugins_with_one_name_is_an_error_that_names_both_packages(install_plugin, shelf):
    install_plugin("one", source("same", cards=shelf("same-x", place="one")), package="package-one")
    install_plugin("two", source("same", cards=shelf("same-x", place="two")), package="package-two")
    for look, name in ((releases.find, "same-x"), (registry.find_architecture, "same"), (zoo.info, "same")):
        with pytest.raises(DuplicateName) as caught:
            look(name)
        for word in ("package-one", "package-two", f"'one:{name}'", f"'two:{name}'"):
            assert word in str(caught.value)
    assert registry.find_architecture("two:same").plugin == "two"
    assert releases.find("one:same-x").plugin == "one"


def test_a_plugin_cannot_shadow_a_built_in_but_is_reachable(install_plugin, shelf):
    install_plugin("aaa", source("dcgan", cards=shelf("dcgan-celeba"), target="zoo.models.gans.dcgan:DCGAN"))
    assert registry.find_architecture("dcgan").plugin == "zoo"
    assert releases.find("dcgan-celeba").plugin == "zoo"
    assert registry.find_architecture("aaa:dcgan").qualified == "aaa:dcgan"
    assert releases.find("aaa:dcgan-celeba").plugin == "aaa"
    assert zoo.create("aaa:dcgan", image_size=8, width=2).provenance.architecture == "aaa:dcgan"


def test_a_strangers_model_is_created_saved_and_loaded(install_plugin, tmp_path):
    model = """
        from dataclasses import dataclass
        import torch
        from zoo import Model
        from zoo.spaces import Images

        @dataclass(frozen=True)
        class Config:
            size: int = 4

        class Echo(Model):
            config_class = Config
            def __init__(self, config):
                super().__init__(config)
                self.space, self.latent_shape = Images((1, config.size, config.size)), (config.size**2,)
                self.shift = torch.nn.Parameter(torch.zeros(()))
            def _decode(self, z, condition):
                return torch.sigmoid(z + self.shift).view(-1, *self.space.shape)
    """
    install_plugin("parts", model)
    # The class is registered under a module that only re-exports it.
    hook = "import zoo\n@zoo.hookimpl\ndef zoo_register_architectures(register):\n"
    hook += "    register('echo', 'zoo_echo_front:Echo', family='toys', capabilities=['generate', 'decode'])\n"
    install_plugin("echo", hook)
    install_plugin("front", "from zoo_parts import Echo", package="zoo-echo-front")
    echo = zoo.create("echo", size=3)
    assert registry.architecture_of(type(echo)).qualified == "echo:echo"
    echo.save(tmp_path / "echo.safetensors")
    from zoo import building

    again = building.read(tmp_path / "echo.safetensors")
    assert again.provenance.architecture == "echo:echo"
    assert (again.generate(2, seed=0) == echo.generate(2, seed=0)).all()


@pytest.mark.parametrize("target", ["os:path", "fractions:Fraction", "zoo.model:Model"])
def test_a_target_that_is_no_model(install_plugin, target):
    install_plugin("odd", source("odd", target=target))
    with pytest.raises(PluginError, match=f"'{target}' of odd:odd is no model"):
        zoo.create("odd")


def test_a_class_that_is_not_registered():
    class Own(zoo.Model):
        pass

    with pytest.raises(UnknownArchitecture, match=r"Own is not registered.*zoo_register_architectures"):
        registry.architecture_of(Own)


def test_a_release_is_the_same_when_its_folder_was_moved(release, tmp_path):
    moved = shutil.move(release, tmp_path / "elsewhere")
    assert releases.find(moved).name == "elsewhere"


def test_a_malformed_data_set_takes_the_plugin_s_architecture_with_it(install_plugin):
    code = """
import zoo

@zoo.hookimpl
def zoo_register_architectures(register):
    register("halfnet", "zoo.models.gans.dcgan:DCGAN", family="gans", capabilities=("generate",))

@zoo.hookimpl
def zoo_register_datasets(register):
    register("half", wrong=1)
"""
    install_plugin("half", code)
    assert "halfnet" not in {architecture.name for architecture in registry.list_entries("architectures")}
    (plugin,) = (plugin for plugin in registry.registry().plugins if plugin.name == "half")
    assert plugin.error

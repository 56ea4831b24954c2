"""Aliases and former names: understood wherever a name is, never in the way of a real one."""

import json
import warnings

import pytest

import zoo
from zoo import building, registry, releases
from zoo.cli import main
from zoo.errors import DuplicateName, UnknownName
from zoo.releases.cards import Card

MODEL = """
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
            self.space, self.latent_shape = Images((1, config.size, config.size)), (1,)
            self.shift = torch.nn.Parameter(torch.zeros(()))
        def _decode(self, z, condition):
            return torch.sigmoid(z + self.shift).view(-1, 1, 1, 1).expand(-1, *self.space.shape)
"""


@pytest.fixture
def install(install_plugin, tmp_path, front):
    """`install("echo", calls)`: a plugin with the architecture and the release `echo`, `echo-x` and these aliases."""

    def make(name, *calls, package=None):
        folder = tmp_path / name / f"{name}-x"
        folder.mkdir(parents=True)
        data = {**front["zoo"]["data"], "shape": [1, 4, 4]}
        block = {**front["zoo"], "architecture": f"{name}:{name}", "config": {"size": 4}, "data": data}
        Card(folder, {**front, "zoo": block}, "# Echo\n").write()
        source = "import zoo\n@zoo.hookimpl\ndef zoo_register_architectures(register):\n"
        source += (
            f"    register({name!r}, 'zoo_model_of_{name}:Echo', family='toys', capabilities=['generate', 'decode']"
        )
        source += f", default='{name}-x')\n"
        source += f"@zoo.hookimpl\ndef zoo_register_cards(register): register({str(folder.parent)!r})\n"
        source += "@zoo.hookimpl\ndef zoo_register_aliases(register):\n    pass\n"
        source += "".join(f"    register({call})\n" for call in calls)
        install_plugin(f"model-of-{name}", MODEL)
        install_plugin(name, source, package=package)
        return folder

    return make


def plugin(name):
    (found,) = [p for p in registry.registry().plugins if p.name == name and not p.built_in]
    return found


def test_an_alias_is_silent_and_works_wherever_a_name_does(install, capsys):
    folder = install("echo", "'hall', 'echo'", "'hall-x', 'echo-x'")
    zoo.create("echo").save(folder / "model.safetensors")
    assert plugin("echo").adds["aliases"] == ["hall", "hall-x"]
    for name in ("hall", "hall-x", "echo:hall", "echo:hall-x"):
        assert releases.describe(name) == releases.find("echo-x")
        assert zoo.load(name).provenance.release == "echo-x"
    assert zoo.create("hall").provenance.architecture == "echo:echo"
    assert main(["info", "hall-x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "echo-x"
    assert not [name for name in zoo.list_models() if "hall" in name]


def test_a_former_name_is_told_once_and_where_it_was_used(install):
    install("echo", "'old', 'echo', renamed=True", "'old-x', 'echo-x', renamed=True")
    uses = {
        "old": (zoo.create, releases.find, zoo.info),
        "old-x": (releases.find, zoo.info),
        "echo:old": (zoo.create, zoo.info),
    }
    for name, calls in uses.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for call in calls:
                call(name)
        (warning,) = caught
        assert issubclass(warning.category, FutureWarning)
        new = {"old": "echo", "old-x": "echo-x", "echo:old": "echo"}[name]
        assert str(warning.message) == f"{name!r} is now called {new!r}. Use that name."
        assert warning.filename == __file__


def test_the_new_name_is_told_so_that_it_works_though_another_plugin_has_it_too(install, install_plugin):
    install("echo", "'old', 'echo', renamed=True")
    hook = "import zoo\n@zoo.hookimpl\ndef zoo_register_architectures(register):\n"
    install_plugin("aaa", f"{hook}    register('echo', 'm:C', family='f', capabilities=['generate'])")
    with pytest.warns(FutureWarning, match="'old' is now called 'echo:echo'"):
        assert registry.find_architecture("old").plugin == "echo"


@pytest.mark.filterwarnings("default")
def test_the_command_line_tells_a_former_name_in_a_line_of_its_own(install, capsys):
    install("echo", "'old-x', 'echo-x', renamed=True")
    assert main(["info", "old-x", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["name"] == "echo-x"
    assert err == "'old-x' is now called 'echo-x'. Use that name.\n"


@pytest.mark.filterwarnings("default")
def test_the_command_line_leaves_other_warnings_alone(install_plugin):
    hook = "import zoo\n@zoo.hookimpl\ndef zoo_register_commands(cli):\n    import warnings\n"
    install_plugin(
        "warner", hook + "    cli.command('warn')(lambda: warnings.warn('of something else', FutureWarning))"
    )
    with pytest.warns(FutureWarning, match="of something else"):
        assert main(["warn"]) == 0


def test_files_may_hold_a_former_name_of_the_architecture(install):
    folder = install("echo", "'olde', 'echo', renamed=True")
    path = folder / "model.safetensors"
    zoo.create("echo").save(path)
    content = path.read_bytes()
    assert b"echo:echo" in content
    path.write_bytes(content.replace(b"echo:echo", b"echo:olde"))  # as long, so that the header's length stays right
    Card.read(folder).replace(architecture="olde").write()
    assert "echo-x" in zoo.list_models()
    assert zoo.load("echo-x").provenance.architecture == "echo:echo"
    assert building.read(path).provenance.architecture == "echo:echo"


def test_a_default_release_may_go_by_a_former_name(install, install_plugin):
    install("echo", "'old-x', 'echo-x', renamed=True")
    hook = "import zoo\n@zoo.hookimpl\ndef zoo_register_architectures(register):\n"
    hook += "    register('other', 'm:C', family='f', capabilities=['generate'], default='old-x')"
    install_plugin("other", hook)
    assert releases.find("other").name == "echo-x"


def test_a_real_name_is_never_hidden(install):
    install("echo", "'dcgan', 'echo'", "'dcgan-celeba', 'echo-x'", "'other-x', 'echo-x'")
    install("other")
    assert releases.describe("dcgan").plugin == releases.find("dcgan-celeba").plugin == "zoo"
    assert registry.find_architecture("dcgan").plugin == "zoo"
    assert releases.find("other-x").plugin == "other"
    assert releases.find("echo:dcgan-celeba").name == "echo-x"
    assert registry.find_architecture("echo:dcgan").name == "echo"


def test_an_alias_may_stand_for_something_of_another(install):
    install("echo", "'faces', 'dcgan-celeba'", "'theirs', 'other:other-x'", "'mine', 'zoo:dcgan'")
    install("other")
    assert releases.find("faces").name == "dcgan-celeba"
    assert releases.find("theirs").name == "other-x"
    assert registry.find_architecture("mine").name == "dcgan"


def test_what_it_stands_for_is_looked_for_at_home_first(install, tmp_path, front):
    install("one", "'best', 'same-x'")
    for name in ("one", "two"):
        (tmp_path / name / "same-x").mkdir(parents=True, exist_ok=True)
        Card(tmp_path / name / "same-x", front, "").write()
    install("two")
    assert releases.find("best").plugin == "one"


def test_one_alias_of_two_plugins_must_be_qualified(install):
    install("one", "'first', 'one-x'", package="package-one")
    install("two", "'first', 'two-x'", package="package-two")
    with pytest.raises(DuplicateName, match=r"package-one.*package-two.*'one:first' or 'two:first'"):
        releases.find("first")
    assert releases.find("one:first").name == "one-x"


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        (
            ["'gone', 'echo-y'"],
            "stands for 'echo-y', but no release or architecture is called so. Did you mean 'echo-x'",
        ),
        (["'a', 'b'", "'b', 'echo'"], "the alias 'a' stands for 'b', but no release or architecture is called so"),
        (["'a', 'a'"], "the alias 'a' stands for 'a', but no release or architecture is called so"),
        (["'echo', 'echo-x'"], "the alias 'echo' is the name of something of its own"),
        (["'echo-x', 'echo'"], "the alias 'echo-x' is the name of something of its own"),
        (["'a', 'echo'", "'a', 'echo-x'"], "echo has aliases of one name: a."),
        (["'a:b', 'echo'"], "name of 'a:b' is 'a:b'; expected letters, digits, dots and hyphens."),
        (["3, 'echo'"], "name of 3 is 3; expected letters"),
        (["'a', None"], "target of 'a' is None; expected 'name' or 'plugin:name'."),
        (["'a', ''"], "target of 'a' is ''; expected 'name' or 'plugin:name'."),
        (["'a', 'echo', renamed='yes'"], "renamed of 'a' is 'yes'; expected True or False."),
        (["'a'"], "missing a required argument: 'target'"),
        (["'a', 'echo', since=2"], "unexpected keyword argument 'since'"),
    ],
)
def test_what_is_wrong_with_an_alias_sets_the_plugin_aside(install, calls, reason):
    install("echo", *calls)
    install("other")
    assert reason in plugin("echo").error
    assert plugin("other").error is None
    assert not [name for name in [*zoo.list_models(), *registry.registry().architectures] if "echo" in name]
    with pytest.raises(UnknownName):
        releases.find("a")


def test_an_alias_goes_with_the_plugin_of_what_it_stands_for(install, install_plugin):
    install("echo", "'gone', 'nowhere'")
    install("other", "'theirs', 'echo:echo'")
    assert "stands for 'echo:echo', but no release" in plugin("other").error
    assert plugin("echo").error

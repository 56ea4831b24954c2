"""Every hook is documented, used here through an installed package, and described to authors with its signatures."""

import inspect
import json
import re
from pathlib import Path

import pytest

import zoo
from zoo import registry, releases
from zoo.cli.application import application
from zoo.data import loading as data
from zoo.errors import InvalidInput
from zoo.hub import sources
from zoo.hub.address import Address
from zoo.nn import features
from zoo.registry import entries, hookspecs, plugins
from zoo.registry.names import pick
from zoo.reports.gallery import widgets
from zoo.training import logs

PAGE = (Path(__file__).parents[2] / "plugins" / "README.md").read_text()
HOOKS = {name: hook for name, hook in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("zoo_")}
each_hook = pytest.mark.parametrize("name", HOOKS)


def section(name):
    """What the page for authors says below the hook's heading."""
    heading = f"\n### `{name}({', '.join(inspect.signature(HOOKS[name]).parameters)})`\n"
    assert PAGE.count(heading) == 1, f"plugins/README.md has no section headed {heading.strip()!r}"
    return re.split(r"^##", PAGE.partition(heading)[2], maxsplit=1, flags=re.MULTILINE)[0]


def quoted(text, function):
    """The first call of `function` in backticks, in one line; None if there is none."""
    found = re.search(rf"`({function}\([^`]*\))`", text)
    return " ".join(found[1].split()) if found else None


def signature(make):
    """How `register` is called so that `make` takes it, as one would write it down."""
    parts = []
    for parameter in entries.signature(make).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = parameter.default
        shown = json.dumps(default) if isinstance(default, str) else repr(default)
        parts.append(parameter.name if default is parameter.empty else f"{parameter.name}={shown}")
    return f"register({', '.join(parts)})"


def test_there_are_hooks():
    assert "zoo_register_architectures" in HOOKS
    assert len(HOOKS) >= 8


@each_hook
def test_every_hook_has_a_docstring_of_one_paragraph(name):
    documentation = inspect.getdoc(HOOKS[name])
    assert len(documentation) > 80
    assert "\n\n" not in documentation


@each_hook
def test_every_hook_is_described_to_authors_with_its_signatures(name):
    documentation, described = inspect.getdoc(HOOKS[name]), section(name)
    assert len(described) > 80
    if name != plugins.COMMANDS:
        assert quoted(documentation, "register") == quoted(described, "register") == signature(entries.KINDS[name][1])
    assert quoted(documentation, "function") == quoted(described, "function")


@each_hook
def test_every_hook_is_used_here_through_an_installed_package(name):
    test = globals()[f"test_{name.removeprefix('zoo_register_')}_of_an_installed_plugin"]
    assert "install_plugin" in inspect.signature(test).parameters
    assert f"def {name}(" in inspect.getsource(test)


@each_hook
def test_a_hook_of_every_kind_is_called_once_and_by_its_name(name, install_plugin):
    """That the tests below, which call for one hook each, could not be content with another."""
    calls = "".join(f"\n@zoo.hookimpl\ndef {hook}(): calls.append('{hook}')\n" for hook in HOOKS)
    install_plugin("caller", f"import zoo\ncalls = []\n{calls}")
    application()
    (caller,) = [p for p in registry.registry().plugins if p.name == "caller"]
    assert caller.module.calls.count(name) == 1


# Each hook through an installed package ------------------------------------------------------------------------------


def test_architectures_of_an_installed_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_architectures(register):
            register(
                "stripes", "zoo.models.gans.dcgan:DCGAN", family="toys", capabilities=["generate", "log_prob"],
                condition="text", log_prob="exact", summary="made up", paper="none", default="stripes-x",
            )
    """
    install_plugin("stripes", source)
    found = registry.find_architecture("stripes")
    assert (found.qualified, found.family, found.capabilities) == ("stripes:stripes", "toys", {"generate", "log_prob"})
    assert (found.condition, found.log_prob, found.summary, found.paper) == ("text", "exact", "made up", "none")
    assert (found.default, found.plugin, found.distribution) == ("stripes-x", "stripes", "zoo-stripes")
    model = zoo.create("stripes", image_size=8, channels=3, latent_dim=4, width=2)
    assert model.provenance.architecture == "stripes:stripes"


def test_cards_of_an_installed_plugin(install_plugin, release):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_cards(register):
            register({folder!r})
    """
    install_plugin("tiny", source.format(folder=str(release.parent)))
    assert releases.find("tiny:tiny-made-up").folder == release
    assert zoo.load("tiny-made-up").provenance.release == "tiny-made-up"


def test_aliases_of_an_installed_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_aliases(register):
            register("faces", "dcgan-celeba", renamed=True)
    """
    install_plugin("other-names", source)
    with pytest.warns(FutureWarning, match="'faces' is now called 'dcgan-celeba'"):
        assert releases.find("faces").name == "dcgan-celeba"


def test_sources_of_an_installed_plugin(install_plugin, tmp_path):
    source = """
        from pathlib import Path
        import zoo

        @zoo.hookimpl
        def zoo_register_sources(register):
            register("mirror", "zoo_share:mirror", summary="made up")

        def mirror(repo, revision, filename, *, offline):
            return Path({folder!r}) / filename
    """
    install_plugin("share", source.format(folder=str(tmp_path)))
    (tmp_path / "model.safetensors").write_bytes(b"made up")
    address = Address("org/name", "a" * 40)
    found = sources.fetch("some-x", address, "model.safetensors", offline=True)
    assert found.path == tmp_path / "model.safetensors"
    assert found.source.qualified == "share:mirror"


def test_datasets_of_an_installed_plugin(install_plugin, tmp_path):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_datasets(register):
            register("stripes", "zoo_stripes:stripes", summary="made up")

        def stripes(root, split, *, shape, holdout, download):
            import torch
            from zoo.data.dataset import TensorDataset
            return TensorDataset("stripes", split, torch.zeros(3, *shape, dtype=torch.uint8))
    """
    install_plugin("stripes", source)
    for name in ("stripes", "stripes:stripes"):
        assert data.load(name, tmp_path, "train", shape=(1, 4, 4)).images.shape == (3, 1, 4, 4)


def test_metrics_of_an_installed_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_metrics(register):
            register("sharpness", "zoo_sharp:sharpness", needs=["generate"], summary="made up")

        def sharpness(subject):
            return [subject]
    """
    install_plugin("sharp", source)
    found = pick("sharp:sharpness", registry.list_entries("metrics"), "metric")
    assert found.needs == {"generate"}
    assert found.resolve()("a subject") == ["a subject"]


def test_features_of_an_installed_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_features(register):
            register("edges", "zoo_sharp:edges", summary="made up")

        def edges():
            return "a feature network"
    """
    install_plugin("sharp", source)
    assert features.load("edges") == features.load("sharp:edges") == "a feature network"


def test_loggers_of_an_installed_plugin(install_plugin, tmp_path):
    source = """
        import contextlib
        import zoo

        @zoo.hookimpl
        def zoo_register_loggers(register):
            register("diary", "zoo_diary:log", summary="made up")

        @contextlib.contextmanager
        def log(folder, *, settings):
            with open(folder / "diary", "w") as file:
                yield lambda line, model: file.write(f"{settings['steps']} {line['step']}")
    """
    install_plugin("diary", source)
    (found,) = logs.chosen(["diary:diary"], tmp_path)
    assert (found.qualified, found.summary) == ("diary:diary", "made up")
    with found.resolve()(tmp_path, settings={"steps": 4}) as report:
        report({"step": 2}, None)
    assert (tmp_path / "diary").read_text() == "4 2"


def test_spaces_of_an_installed_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_spaces(register):
            register("tokens", "zoo_tokens:Tokens", task="text-generation")

        @zoo.hookimpl
        def zoo_register_architectures(register):
            register("bigram", "m:C", family="texts", capabilities=["generate"], space="tokens")

        @zoo.hookimpl
        def zoo_register_metrics(register):
            register("grammar", "m:f", needs=["generate", "tokens"])

        class Tokens: pass
    """
    install_plugin("tokens", source)
    tokens = pick("tokens", registry.list_entries("spaces"), "space")
    assert (tokens.task, tokens.resolve().__name__) == ("text-generation", "Tokens")
    assert registry.find_architecture("bigram").space == "tokens"
    assert registry.find_architecture("dcgan").space == "images"
    assert pick("grammar", registry.list_entries("metrics"), "metric").needs == {"generate", "tokens"}


def test_conditions_of_an_installed_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_conditions(register):
            register("mood", "zoo_moody:Moods", summary="made up")

        @zoo.hookimpl
        def zoo_register_architectures(register):
            register("poet", "m:C", family="texts", capabilities=["generate"], condition="mood")

        class Moods: pass
    """
    install_plugin("moody", source)
    assert pick("mood", registry.list_entries("conditions"), "condition").resolve().__name__ == "Moods"
    assert registry.find_architecture("poet").condition == "mood"
    assert zoo.list_models(condition="mood") == []
    with pytest.raises(InvalidInput, match=r"no condition is called 'moon'\. Did you mean 'mood'"):
        zoo.list_models(condition="moon")


def test_capabilities_of_an_installed_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_capabilities(register):
            register("caption", "zoo_talker:Talker.caption")

        class Talker:
            def caption(self): return "a sentence"
    """
    uses = """
        import zoo

        @zoo.hookimpl
        def zoo_register_architectures(register):
            register("show-and-tell", "m:C", family="texts", capabilities=["caption"])
    """
    install_plugin("before", uses)  # loaded before the plugin that it speaks of
    install_plugin("talker", source)
    assert pick("caption", registry.list_entries("capabilities"), "capability").resolve()(None) == "a sentence"
    assert registry.find_architecture("show-and-tell").capabilities == {"caption"}
    assert zoo.list_models(capability="caption") == []
    with pytest.raises(InvalidInput, match=r"no capability is called 'captions'\. Did you mean 'caption'"):
        zoo.list_models(capability="captions")


def test_widgets_of_an_installed_plugin(install_plugin, tmp_path):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_widgets(register):
            register("knob", "zoo_knobs:knob", summary="made up")

        def knob(model, folder):
            (folder / "widget.js").write_text(f"export default () => {{}} // {model}")
            return "A knob"
    """
    install_plugin("knobs", source)
    made, failed = widgets.write("a model", tmp_path)
    assert (made, failed) == ([{"title": "A knob", "script": "widget-knobs-knob/widget.js"}], [])
    assert (tmp_path / made[0]["script"]).read_text() == "export default () => {} // a model"


def test_commands_of_an_installed_plugin(install_plugin, capsys):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_commands(cli):
            @cli.command()
            def hello() -> None:
                print("hello")
    """
    install_plugin("greeter", source)
    application().main(["hello"], standalone_mode=False)
    assert capsys.readouterr().out == "hello\n"

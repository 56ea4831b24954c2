"""Every hook is documented, used by a test through an installed plugin, and described to authors with its signature."""

import inspect
from pathlib import Path

import pytest

from zoo import hookspecs, plugins, registered, registry
from zoo.training import data

ROOT = Path(__file__).parent.parent
HOOKS = {name: hook for name, hook in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("zoo_")}


def test_there_are_hooks():
    assert "zoo_register_architectures" in HOOKS
    assert len(HOOKS) >= 6


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_docstring_of_one_paragraph(name):
    documentation = inspect.getdoc(HOOKS[name])
    assert len(documentation) > 80
    assert "\n\n" not in documentation


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_used_by_a_test(name):
    used = [
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__) and f"def {name}" in path.read_text()
    ]
    here = Path(__file__).read_text().count(f"def {name}(")
    assert used or here


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_described_to_authors_with_its_signature(name):
    page = (ROOT / "plugins" / "README.md").read_text()
    assert f"{name}({', '.join(inspect.signature(HOOKS[name]).parameters)})" in page


def test_cards_of_a_plugin(install_plugin, release, tmp_path):
    install_plugin(
        "tiny", f"import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): register({str(release.parent)!r})"
    )
    assert registry.find("tiny:tiny-made-up").folder == release


def test_data_sets_of_a_plugin(install_plugin, tmp_path):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_datasets(register):
            register("stripes", "zoo_stripes:stripes", summary="made up")

        def stripes(root, split, *, shape, holdout, download):
            import torch
            from zoo.training.data import Dataset
            return Dataset("stripes", split, torch.zeros(3, *shape, dtype=torch.uint8))
    """
    install_plugin("stripes", source)
    found = data.load("stripes", tmp_path, "train", shape=(1, 4, 4))
    assert found.images.shape == (3, 1, 4, 4)


def test_metrics_and_feature_networks_of_a_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_metrics(register):
            register("sharpness", "zoo_sharp:sharpness", needs=["generate"], summary="made up")

        @zoo.hookimpl
        def zoo_register_features(register):
            register("edges", "zoo_sharp:edges", summary="made up")
    """
    install_plugin("sharp", source)
    assert registered.pick("sharpness", registered.metrics(), "metric").plugin == "sharp"
    assert registered.pick("edges", registered.feature_networks(), "feature network").plugin == "sharp"


def test_commands_of_a_plugin(install_plugin):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_commands(cli):
            @cli.command()
            def hello() -> None:
                print("hello")
    """
    install_plugin("greeter", source)
    from zoo.cli.application import application

    assert "hello" in application().commands
    assert next(p for p in plugins.manager().plugins if p.name == "greeter").error is None

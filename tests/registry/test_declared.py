"""What is read of the source of architectures is what their classes declare, once they are imported."""

import pytest

from zoo import building, registry
from zoo._util.config import settings
from zoo.registry.declared import declared

ARCHITECTURES = {each.qualified: each for each in registry.list_entries("architectures")}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_read_is_what_is_declared(name):
    found, model = declared(ARCHITECTURES[name].target), building.resolve(ARCHITECTURES[name])
    assert settings(found.config) == settings(model.config_class)
    if hasattr(model, "objective_class"):
        assert settings(found.options) == settings(model.objective_class.options_class)
        assert found.recipe == model.recipe
    else:  # there for weights from elsewhere alone
        assert found.options is None


def test_what_is_written_in_other_ways_is_left_to_be_imported(tmp_path, monkeypatch):
    (tmp_path / "other_ways.py").write_text(
        "import torch\n"
        "from dataclasses import dataclass\n"
        "from zoo.plugin import setting\n"
        "@dataclass(frozen=True)\nclass Config:\n    width: int = setting(8, at_least=torch.get_num_threads())\n"
        "class Computed:\n    config_class = Config\n"
        "class Nothing:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert declared("other_ways:Computed") is None
    assert declared("other_ways:Nothing") is None
    assert declared("zoo.no_module:Class") is None


def test_nothing_is_imported_for_it(python):
    source = """
        import sys
        from zoo.registry.declared import declared
        print(declared("zoo.models.gans.stackgan:StackGAN").options.__name__, "torch" in sys.modules)
    """
    assert python(source).split() == ["Options", "False"]

"""The shelf of what models may be: what each name stands for, and that it is there."""

import pytest

from zoo import registry
from zoo.model import Model
from zoo.registry.plugins import resolve

SHELF = {
    "spaces": {"images", "binary-images", "vectors"},
    "conditions": {"label", "text", "embedding", "image"},
    "capabilities": {"generate", "encode", "decode", "log_prob", "translate", "classify"},
}


@pytest.mark.parametrize(("what", "names"), SHELF.items())
def test_what_is_built_in(what, names):
    assert {entry.name for entry in registry.registry().of(what) if entry.plugin == "zoo"} == names


@pytest.mark.parametrize("what", SHELF)
def test_a_name_is_that_of_what_it_stands_for_and_its_checks_are_there(what):
    for entry in registry.registry().of(what):
        found = resolve(entry.target)
        if what == "capabilities":
            assert found is getattr(Model, entry.name)
            assert entry.name in Model.hooks
        else:
            assert found.name == entry.name
        assert not entry.checks or callable(resolve(entry.checks))

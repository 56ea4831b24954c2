"""zoo.plugin: everything it names is there, and what an author of a plugin needs is named."""

import re
from pathlib import Path

import pytest

from zoo import conditions, plugin
from zoo.testing import contract

ROOT = Path(__file__).parents[1]
SHOWN = [
    path
    for folder in ("plugins", "zoo/testing/template", "tests/token_plugin")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".md")
]


@pytest.mark.parametrize("name", plugin.__all__)
def test_every_name_is_there(name):
    assert getattr(plugin, name) is not None


def test_conditions_checks_and_adversarial_training_are_named():
    assert plugin.Condition is conditions.Condition
    assert plugin.expect is contract.expect
    assert {"AdversarialObjective", "AdversarialOptions"} <= set(dir(plugin))


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_shows_how_plugins_are_written_takes_all_from_here(path):
    """And the contract tests' own parts from `zoo.testing`."""
    imported = re.findall(r"^\s*(from zoo(?:\.[\w.]+)?|import zoo(?:\.[\w.]+)?)\b", path.read_text(), re.MULTILINE)
    assert set(imported) <= {"import zoo", "from zoo.plugin", "from zoo.testing"}


def test_there_are_plugins_that_show_it():
    assert {"ddpm.py", "rbm.py", "my_model.py", "bigram.py", "README.md"} <= {path.name for path in SHOWN}

"""zoo.plugin: everything it names is there, and what an author of a plugin needs is named."""

import pytest

from zoo import conditions, plugin
from zoo.testing import contract


@pytest.mark.parametrize("name", plugin.__all__)
def test_every_name_is_there(name):
    assert getattr(plugin, name) is not None


def test_conditions_checks_and_adversarial_training_are_named():
    assert plugin.Condition is conditions.Condition
    assert plugin.expect is contract.expect
    assert {"AdversarialObjective", "AdversarialOptions"} <= set(dir(plugin))

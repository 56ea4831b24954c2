"""Data sets, metrics and feature networks that plugins add: found by name, never in the way of a built-in."""

import pytest

from zoo.errors import DuplicateName, PluginError, UnknownName
from zoo.registry import entries as registered
from zoo.registry import plugins

ADDS = """
    import zoo

    @zoo.hookimpl
    def zoo_register_datasets(register):
        register("{thing}-data", "{module}:dataset", summary="made up")

    @zoo.hookimpl
    def zoo_register_metrics(register):
        register("{thing}-metric", "{module}:metric", needs=["generate", "encode"])

    @zoo.hookimpl
    def zoo_register_features(register):
        register("{thing}-net", "{module}:network")

    def dataset(): return "data of {module}"
    def metric(): return "metric of {module}"
    def network(): return "network of {module}"
"""
SHADOWS = """
    import zoo

    @zoo.hookimpl
    def zoo_register_datasets(register):
        register("image-folder", "{module}:mine")

    @zoo.hookimpl
    def zoo_register_metrics(register):
        register("frechet", "{module}:mine", needs=[])

    @zoo.hookimpl
    def zoo_register_features(register):
        register("grey28", "{module}:mine")

    def mine(): return "mine"
"""

KINDS = [
    (registered.datasets, "data", "image-folder", "data set"),
    (registered.metrics, "metric", "frechet", "metric"),
    (registered.feature_networks, "net", "grey28", "feature network"),
]
each_kind = pytest.mark.parametrize(("entries", "suffix", "built_in", "what"), KINDS)


@each_kind
def test_a_plugins_things_follow_the_built_in_ones(install_plugin, entries, suffix, built_in, what):
    before = entries()
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_echo"))
    after = entries()
    assert after[:-1] == before
    assert (after[-1].name, after[-1].plugin, after[-1].qualified) == (f"echo-{suffix}", "echo", f"echo:echo-{suffix}")
    assert registered.pick(f"echo-{suffix}", after, what) is after[-1]
    assert registered.pick(f"echo:echo-{suffix}", after, what) is after[-1]
    assert after[-1].resolve()().endswith("of zoo_echo")


def test_summary_and_needs_are_kept(install_plugin):
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_echo"))
    assert registered.pick("echo-data", registered.datasets(), "data set").summary == "made up"
    assert registered.pick("echo-metric", registered.metrics(), "metric").needs == {"generate", "encode"}


@each_kind
def test_a_built_in_is_not_shadowed_but_both_can_be_had(install_plugin, entries, suffix, built_in, what):
    install_plugin("thief", SHADOWS.format(module="zoo_thief"))
    known = entries()
    assert registered.pick(built_in, known, what).plugin == plugins.BUILT_IN
    assert registered.pick(f"thief:{built_in}", known, what).resolve()() == "mine"


@each_kind
def test_one_name_of_two_plugins_must_be_qualified(install_plugin, entries, suffix, built_in, what):
    for name in ("one", "two"):
        install_plugin(name, ADDS.format(thing="same", module=f"zoo_{name}"))
    known = entries()
    name = f"same-{suffix}"
    with pytest.raises(DuplicateName, match=f"{what} '{name}' is registered by one .*'one:{name}' or 'two:{name}'"):
        registered.pick(f"same-{suffix}", known, what)
    assert registered.pick(f"two:same-{suffix}", known, what).resolve()().endswith("of zoo_two")


@each_kind
def test_unknown_name_is_answered_with_the_nearest(install_plugin, entries, suffix, built_in, what):
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_echo"))
    with pytest.raises(UnknownName, match=f"no {what} is called '{built_in}x'.*'{built_in}'"):
        registered.pick(f"{built_in}x", entries(), what)
    with pytest.raises(UnknownName, match=f"echo:echo-{suffix}"):
        registered.pick(f"ecko:echo-{suffix}", entries(), what)


@pytest.mark.parametrize(
    ("needs", "shown"), [("'generate'", "needs 'generate'"), ("['dream']", "dream"), ("7", "TypeError")]
)
def test_a_metric_with_wrong_needs_sets_its_plugin_aside(install_plugin, needs, shown):
    good = ADDS.format(thing="odd", module="zoo_odd")
    install_plugin("odd", good.replace("needs=['generate', 'encode']".replace("'", '"'), f"needs={needs}"))
    assert "odd" not in {entry.plugin for entry in registered.metrics()}
    (odd,) = [plugin for plugin in plugins.manager().plugins if plugin.name == "odd"]
    assert shown in odd.error
    assert "odd" not in {entry.plugin for entry in registered.datasets()}
    assert registered.pick("frechet", registered.metrics(), "metric").plugin == plugins.BUILT_IN


def test_a_target_that_is_not_there_says_so_when_used(install_plugin):
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_gone"))
    with pytest.raises(PluginError, match=r"zoo_gone:dataset.*ModuleNotFoundError"):
        registered.pick("echo-data", registered.datasets(), "data set").resolve()


def test_every_built_in_target_is_there():
    entries = [*registered.datasets(), *registered.metrics(), *registered.feature_networks()]
    assert {entry.name for entry in entries} >= {"image-folder", "frechet", "grey28"}
    assert all(callable(entry.resolve()) for entry in entries)


@pytest.mark.parametrize(
    "call", ['register("m", None)', 'register("m", "no colon")', 'register(3, "a:b")', 'register("a b", "a:b")']
)
def test_a_malformed_registration_sets_the_plugin_aside(install_plugin, call):
    install_plugin("odd", f"import zoo\n@zoo.hookimpl\ndef zoo_register_datasets(register): {call}")
    assert "odd" not in {entry.plugin for entry in registered.datasets()}
    (plugin,) = (plugin for plugin in plugins.manager().plugins if plugin.name == "odd")
    assert "odd: " in plugin.error

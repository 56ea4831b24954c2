"""Data sets, metrics and feature networks that plugins add: found by name, never in the way of a built-in."""

import pytest

from zoo import registry
from zoo.errors import DuplicateName, PluginError, UnknownName
from zoo.registry import plugins
from zoo.registry.names import pick

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
    ("data sets", "data", "image-folder", "data set"),
    ("metrics", "metric", "frechet", "metric"),
    ("feature networks", "net", "grey28", "feature network"),
]
each_kind = pytest.mark.parametrize(("entries", "suffix", "built_in", "what"), KINDS)


@each_kind
def test_a_plugins_things_follow_the_built_in_ones(install_plugin, entries, suffix, built_in, what):
    before = list(registry.list_entries(entries))
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_echo"))
    after = registry.list_entries(entries)
    assert after[:-1] == before
    assert (after[-1].name, after[-1].plugin, after[-1].qualified) == (f"echo-{suffix}", "echo", f"echo:echo-{suffix}")
    assert pick(f"echo-{suffix}", after, what) is after[-1]
    assert pick(f"echo:echo-{suffix}", after, what) is after[-1]
    assert after[-1].resolve()().endswith("of zoo_echo")


def test_summary_and_needs_are_kept(install_plugin):
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_echo"))
    assert pick("echo-data", registry.list_entries("data sets"), "data set").summary == "made up"
    assert pick("echo-metric", registry.list_entries("metrics"), "metric").needs == {"generate", "encode"}


@each_kind
def test_a_built_in_is_not_shadowed_but_both_can_be_had(install_plugin, entries, suffix, built_in, what):
    install_plugin("thief", SHADOWS.format(module="zoo_thief"))
    known = registry.list_entries(entries)
    assert pick(built_in, known, what).plugin == plugins.BUILT_IN
    assert pick(f"thief:{built_in}", known, what).resolve()() == "mine"


@each_kind
def test_one_name_of_two_plugins_must_be_qualified(install_plugin, entries, suffix, built_in, what):
    for name in ("one", "two"):
        install_plugin(name, ADDS.format(thing="same", module=f"zoo_{name}"))
    known = registry.list_entries(entries)
    name = f"same-{suffix}"
    with pytest.raises(DuplicateName, match=f"{what} '{name}' is registered by one .*'one:{name}' or 'two:{name}'"):
        pick(f"same-{suffix}", known, what)
    assert pick(f"two:same-{suffix}", known, what).resolve()().endswith("of zoo_two")


@each_kind
def test_unknown_name_is_answered_with_the_nearest(install_plugin, entries, suffix, built_in, what):
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_echo"))
    with pytest.raises(UnknownName, match=f"no {what} is called '{built_in}x'.*'{built_in}'"):
        pick(f"{built_in}x", registry.list_entries(entries), what)
    with pytest.raises(UnknownName, match=f"echo:echo-{suffix}"):
        pick(f"ecko:echo-{suffix}", registry.list_entries(entries), what)


@pytest.mark.parametrize(
    ("needs", "shown"),
    [
        ("'generate'", "needs of 'odd-metric' is 'generate'"),
        ("['dream']", "dream"),
        ("7", "needs of 'odd-metric' is 7"),
    ],
)
def test_a_metric_with_wrong_needs_sets_its_plugin_aside(install_plugin, needs, shown):
    good = ADDS.format(thing="odd", module="zoo_odd")
    install_plugin("odd", good.replace("needs=['generate', 'encode']".replace("'", '"'), f"needs={needs}"))
    assert "odd" not in {entry.plugin for entry in registry.list_entries("metrics")}
    (odd,) = [plugin for plugin in registry.registry().plugins if plugin.name == "odd"]
    assert shown in odd.error
    assert "odd" not in {entry.plugin for entry in registry.list_entries("data sets")}
    assert pick("frechet", registry.list_entries("metrics"), "metric").plugin == plugins.BUILT_IN


def test_a_target_that_is_not_there_says_so_when_used(install_plugin):
    install_plugin("echo", ADDS.format(thing="echo", module="zoo_gone"))
    with pytest.raises(PluginError, match=r"zoo_gone:dataset.*ModuleNotFoundError"):
        pick("echo-data", registry.list_entries("data sets"), "data set").resolve()


def test_every_built_in_target_is_there():
    kinds = ("data sets", "metrics", "feature networks", "spaces", "conditions", "capabilities")
    entries = [entry for kind in kinds for entry in registry.list_entries(kind)]
    known = {"image-folder", "frechet", "grey28", "vectors", "label", "classify"}
    assert {entry.name for entry in entries} >= known
    assert all(callable(entry.resolve()) for entry in entries)
    checked = [entry for entry in entries if getattr(entry, "checks", "")]
    assert {entry.name for entry in checked} >= {"binary-images", "label", "classify"}
    assert all(callable(plugins.resolve(entry.checks)) for entry in checked)
    for kind in ("spaces", "conditions"):
        assert all(entry.resolve().name == entry.name for entry in registry.list_entries(kind))
    assert all(entry.target.endswith(f".{entry.name}") for entry in registry.list_entries("capabilities"))


@pytest.mark.parametrize(
    "call", ['register("m", None)', 'register("m", "no colon")', 'register(3, "a:b")', 'register("a b", "a:b")']
)
def test_a_malformed_registration_sets_the_plugin_aside(install_plugin, call):
    install_plugin("odd", f"import zoo\n@zoo.hookimpl\ndef zoo_register_datasets(register): {call}")
    assert "odd" not in {entry.plugin for entry in registry.list_entries("data sets")}
    (plugin,) = (plugin for plugin in registry.registry().plugins if plugin.name == "odd")
    assert "odd: " in plugin.error

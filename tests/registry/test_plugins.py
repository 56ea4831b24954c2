"""Plugins: strangers come in by installed entry points, the good ones work and the bad ones are set apart, whole."""

import os

import pytest

import zoo
from zoo import registry
from zoo.errors import MissingExtra, PluginError
from zoo.registry import hookspecs, plugins
from zoo.registry.entries import KINDS
from zoo.registry.packages import Package

GOOD = """
    import zoo

    @zoo.hookimpl
    def zoo_register_architectures(register):
        register("{name}", "{name}_never_imported:Model", family="gans", capabilities=["generate"])
"""


def architectures():
    return [architecture.qualified for architecture in registry.list_entries("architectures")]


def plugin(name):
    found = [p for p in registry.registry().plugins if p.name == name and not p.built_in]
    assert len(found) == 1
    return found[0]


def test_an_installed_plugin_adds_its_architecture(install_plugin):
    install_plugin("echo", GOOD.format(name="echo"))
    assert "echo:echo" in architectures()
    echo = plugin("echo")
    assert (echo.package, echo.error) == (Package("zoo-echo", "1.2"), None)
    assert echo.adds["architectures"] == ["echo"]


def test_in_a_fresh_process_listing_imports_neither_torch_nor_the_model(install_plugin, site, python):
    install_plugin("echo", GOOD.format(name="echo"))
    install_plugin("bad", "raise ValueError('on import')")
    source = """
        import sys, zoo
        from zoo import registry
        zoo.list_models()
        print("echo:echo" in [a.qualified for a in registry.list_entries("architectures")])
        print([m for m in sys.modules if "never_imported" in m or m == "torch"])
        print([p.error for p in registry.registry().plugins if p.error])
    """
    assert python(source, PYTHONPATH=str(site)).splitlines() == ["True", "[]", "['ValueError: on import']"]


# What can be wrong with a plugin, and the reason shown for it.
BROKEN = {
    "raises on import": ("raise RuntimeError('no such GPU')", "RuntimeError: no such GPU"),
    "exits on import": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "lacks a dependency": ("import a_module_that_is_not_installed", "ModuleNotFoundError"),
    "has a syntax error": ("def broken(:", "SyntaxError"),
    "misspells a hook": (
        "import zoo\n@zoo.hookimpl\ndef zoo_register_architecture(register): pass",
        "'zoo_register_architecture', no hook of zoo. Did you mean 'zoo_register_architectures'",
    ),
    "forgets the mark": ("def zoo_register_cards(register): pass", "without @zoo.hookimpl"),
    "asks for an unknown argument": (
        "import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register, colour): pass",
        "colour",
    ),
    "raises half-way": (GOOD.format(name="half") + "        raise KeyError('half-way')", "KeyError: 'half-way'"),
    "raises in another hook": (
        GOOD.format(name="half")
        + "\n    @zoo.hookimpl\n    def zoo_register_datasets(register): raise OSError('late')",
        "OSError: late",
    ),
    "exits in a hook": ("import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): raise SystemExit", "SystemExit"),
    "registers a broken target after a good one": (
        GOOD.format(name="half") + "        register('x', 3, family='gans', capabilities=['generate'])",
        "target of 'x' is 3",
    ),
    "registers one name twice": (
        GOOD.format(name="half") + "        register('half', 'm:C', family='f', capabilities=['generate'])",
        "architectures of one name: half",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_set_apart_whole_and_all_else_works(install_plugin, case):
    source, reason = BROKEN[case]
    before = zoo.list_models()
    install_plugin("bad", source)
    install_plugin("aaa", GOOD.format(name="aaa"))
    install_plugin("zzz", GOOD.format(name="zzz"))
    found = architectures()
    assert {"aaa:aaa", "zzz:zzz", "dcgan"} <= set(found)
    assert not [name for name in found if name.startswith("bad:")]
    assert zoo.list_models() == before
    bad = plugin("bad")
    assert reason in bad.error
    assert "Traceback" in bad.details or "Error" in bad.details
    assert bad.adds == {}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "calls register of zoo_register_architectures wrongly: missing a required argument: 'name'"),
        ("'x'", "missing a required argument: 'target'"),
        ("'x', 'm:C', family='f'", "missing a required argument: 'capabilities'"),
        ("'x', 'm:C', capabilities=['generate']", "argument: 'family'"),
        ("'x', 'm:C', family='f', capabilities=['fly']", "capabilities"),
        ("'x', 'm:C', family='f', capabilities='generate'", "capabilities"),
        ("'x', 'm:C', family='f', capabilities=[]", "capabilities"),
        ("'x', 'm:C', family='f', capabilities=None", "capabilities of 'x' is None"),
        ("'x', 'm:C', family='f', capabilities=['generate'], condition='mood'", "condition of 'x'"),
        ("'x', 'm:C', family='f', capabilities=['log_prob']", "log_prob="),
        ("'x', 'm:C', family='f', capabilities=['generate'], log_prob='exact'", "log_prob="),
        ("'x', 'm:C', family='f', capabilities=['generate'], colour='red'", "unexpected keyword argument 'colour'"),
        ("'x', 'm:C', family='f', capabilities=['generate'], plugin='zoo'", "plugin"),
        (
            "'x', 'm:C', family='f', capabilities=['generate'], distribution='d'",
            "unexpected keyword argument 'distribution'",
        ),
        ("'x', 'm:C', family=3, capabilities=['generate']", "family of 'x' is 3"),
        ("'x', 'm:C', family='f', capabilities=['generate'], summary=3", "summary of 'x' is 3"),
        ("'x', 'm:C', family='f', capabilities=['generate'], default=3", "default of 'x' is 3"),
        ("'', 'm:C', family='f', capabilities=['generate']", "name of '' is ''; expected letters, "),
        ("'a:b', 'm:C', family='f', capabilities=['generate']", "name of 'a:b' is 'a:b'; expected letters, "),
        ("'a/b', 'm:C', family='f', capabilities=['generate']", "name of 'a/b' is 'a/b'; expected letters, "),
        ("'./a', 'm:C', family='f', capabilities=['generate']", "name of './a' is './a'; expected letters, "),
        ("'a b', 'm:C', family='f', capabilities=['generate']", "name of 'a b' is 'a b'; expected letters, "),
        ("None, 'm:C', family='f', capabilities=['generate']", "name of None is None; expected letters, "),
        ("'x', 'm.C', family='f', capabilities=['generate']", "expected the string 'module:Class'"),
        ("'x', 'm:', family='f', capabilities=['generate']", "expected the string 'module:Class'"),
        ("'x', dict, family='f', capabilities=['generate']", "expected the string 'module:Class'"),
    ],
)
def test_malformed_registrations_are_refused_with_a_reason(install_plugin, arguments, reason):
    install_plugin("bad", f"import zoo\n@zoo.hookimpl\ndef zoo_register_architectures(register): register({arguments})")
    assert reason in plugin("bad").error


@pytest.mark.parametrize("folder", ["'nowhere'", "3", "__file__"])
def test_a_card_folder_must_be_there(install_plugin, folder):
    install_plugin("bad", f"import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): register({folder})")
    assert plugin("bad").error


def test_a_hook_that_gains_an_argument_does_not_break_old_plugins(install_plugin, monkeypatch):
    def zoo_register_commands(cli, colour):
        """As it might be one day."""

    monkeypatch.setattr(hookspecs, "zoo_register_commands", zoo_register_commands)
    hook = "import zoo\n@zoo.hookimpl\ndef zoo_register_commands"
    install_plugin("old", f"{hook}(cli): cli.append('old')")
    install_plugin("new", f"{hook}(colour, cli): cli.append('new ' + colour)")
    install_plugin("none", f"{hook}(): pass")
    said = []
    known = registry.registry()
    known.each("zoo_register_commands", lambda owner, call: owner.built_in or call(cli=said, colour="red"))
    assert said == ["new red", "old"]
    assert not [p.error for p in registry.registry().plugins if p.error]


def test_a_hook_that_registers_and_gains_an_argument_does_not_break_old_plugins(install_plugin, monkeypatch):
    def zoo_register_architectures(register, wings):
        """As it might be one day."""

    monkeypatch.setattr(hookspecs, "zoo_register_architectures", zoo_register_architectures)
    install_plugin("echo", GOOD.format(name="echo"))
    assert "echo:echo" in architectures()
    assert "dcgan" in architectures()


def test_a_hook_may_ask_for_fewer_arguments(install_plugin):
    install_plugin("lazy", "import zoo\n@zoo.hookimpl\ndef zoo_register_cards(): pass")
    assert plugin("lazy").error is None


def test_a_hook_may_take_whatever_else_comes(install_plugin):
    install_plugin("open", "import zoo\n@zoo.hookimpl\ndef zoo_register_spaces(register, *rest, **more): pass")
    assert plugin("open").error is None


def test_what_a_metric_refers_to_stays_a_mapping():
    metrics = registry.list_entries("metrics")
    assert {"unchanged": "sources as they are"} in [metric.references for metric in metrics]
    assert hash(metrics[0]) == hash(metrics[0])


def test_a_plugin_may_be_an_object_even_without_a_hash(install_plugin):
    source = """
        from dataclasses import dataclass
        import zoo

        @dataclass
        class Hooks:
            @zoo.hookimpl
            def zoo_register_architectures(self, register):
                register("object", "m:C", family="gans", capabilities=["generate"])

        HOOKS = Hooks()
    """
    install_plugin("object", source, target="zoo_object:HOOKS")
    install_plugin("dictionary", "HOOKS = {}", target="zoo_dictionary:HOOKS")
    install_plugin("echo", GOOD.format(name="echo"))
    assert {"object:object", "echo:echo"} <= set(architectures())


def test_two_packages_with_a_plugin_of_one_name(install_plugin):
    install_plugin("twin", GOOD.format(name="first"), package="alpha")
    install_plugin("twin", GOOD.format(name="second"), package="beta")
    assert "twin:first" in architectures()
    assert "twin:second" not in architectures()
    error = next(p.error for p in registry.registry().plugins if p.package.name == "beta")
    assert "alpha" in error
    assert "beta" in error


def test_the_name_of_the_built_ins_is_taken(install_plugin):
    install_plugin("zoo", GOOD.format(name="dcgan"), package="impostor")
    assert registry.find_architecture("dcgan").target == "zoo.models.gans.dcgan:DCGAN"
    assert registry.find_architecture("zoo:dcgan").target == "zoo.models.gans.dcgan:DCGAN"
    impostor = plugin("zoo")
    assert "generative-zoo and impostor" in impostor.error


def test_one_module_named_by_two_entry_points_registers_once(install_plugin, site):
    install_plugin("one", GOOD.format(name="echo"))
    info = site / "zoo_one-1.2.dist-info" / "entry_points.txt"
    info.write_text("[zoo]\none = zoo_one\ntwo = zoo_one\n")
    registry.registry.cache_clear()
    assert "one:echo" in architectures()
    assert "already registered" in plugin("two").error


def test_a_package_with_damaged_metadata_still_loads(install_plugin, site):
    install_plugin("echo", GOOD.format(name="echo"))
    (site / "zoo_echo-1.2.dist-info" / "METADATA").unlink()
    assert "echo:echo" in architectures()


@pytest.mark.parametrize(
    ("wanted", "loaded"),
    [
        (None, {"a:a", "b:b", "c:c"}),
        ("", set()),
        (" , ", set()),
        ("b", {"b:b"}),
        ("a,b", {"a:a", "b:b"}),
        (" c , a ", {"a:a", "c:c"}),
        ("a,a,,a ", {"a:a"}),
        ("zoo", set()),
        ("zoo,a", {"a:a"}),
    ],
)
def test_zoo_plugins_limits_what_is_loaded(install_plugin, monkeypatch, wanted, loaded):
    for name in "abc":
        install_plugin(name, GOOD.format(name=name))
    if wanted is not None:
        monkeypatch.setenv("ZOO_PLUGINS", wanted)
    assert {name for name in architectures() if name[:2] in ("a:", "b:", "c:")} == loaded
    assert "dcgan" in architectures()


def test_zoo_plugins_that_loads_none_does_not_even_import_them(install_plugin, monkeypatch, tmp_path):
    install_plugin("noisy", f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    monkeypatch.setenv("ZOO_PLUGINS", "")
    registry.registry()
    assert not (tmp_path / "imported").exists()


def test_zoo_plugins_with_an_unknown_name_says_so(install_plugin, monkeypatch):
    install_plugin("echo", GOOD.format(name="echo"))
    monkeypatch.setenv("ZOO_PLUGINS", "ecko")
    assert "'ecko', which is not installed. Did you mean 'echo'" in plugin("ecko").error


def test_order_is_that_of_package_and_name_whatever_the_installation_order(install_plugin):
    for name in ("c", "a", "b"):
        install_plugin(name, GOOD.format(name="same"))
    names = [p.name for p in registry.registry().plugins]
    assert [name for name in names if name in ("a", "b", "c")] == ["a", "b", "c"]
    assert [a.plugin for a in registry.registry().architectures["same"]] == ["a", "b", "c"]


def test_each_quarantines_the_plugin_whose_turn_raises(install_plugin):
    install_plugin("bad", "import zoo\n@zoo.hookimpl\ndef zoo_register_commands(cli): raise ValueError('no command')")
    install_plugin("good", "import zoo\n@zoo.hookimpl\ndef zoo_register_commands(cli): cli.append('good')")
    commands = []

    def use(owner, hook):
        if not owner.built_in:
            hook(cli=commands)

    registry.registry().each("zoo_register_commands", use)
    assert commands == ["good"]
    assert "no command" in plugin("bad").error


def test_a_failing_built_in_is_not_hidden(monkeypatch):
    def fail(*arguments, **keywords):
        raise PluginError("a defect of zoo")

    monkeypatch.setitem(KINDS, "zoo_register_architectures", ("architectures", fail))
    with pytest.raises(PluginError, match="a defect of zoo"):
        registry.Registry()


def test_resolve_reaches_nested_names_and_explains_failures(install_plugin):
    assert plugins.resolve("os:path.join") is os.path.join
    install_plugin("extra", "from zoo.errors import MissingExtra\nraise MissingExtra('pip install extra')")
    install_plugin("crash", "raise RuntimeError('boom')")
    with pytest.raises(MissingExtra, match="pip install extra"):
        plugins.resolve("zoo_extra:Model")
    for target, reason in (
        ("zoo_crash:Model", "RuntimeError: boom"),
        ("nowhere:Model", "nowhere"),
        ("os:Model", "AttributeError"),
    ):
        with pytest.raises(PluginError, match=reason) as caught:
            plugins.resolve(target)
        assert repr(target) in str(caught.value)

"""What a plugin can break stays in the plugin: each way to be wrong, with the reason and the pip line shown for it."""

import json
import os
import signal
import sys

import pytest

import zoo
from zoo import registry, releases
from zoo.cli import main
from zoo.errors import PluginError
from zoo.releases.cards import Card

ARCHITECTURE = """
    import zoo

    @zoo.hookimpl
    def zoo_register_architectures(register):
        register("{name}", "{name}_never_imported:Model", family="gans", capabilities=["generate"])
"""
CARDS = """
    import zoo

    @zoo.hookimpl
    def zoo_register_cards(register):
        register({folder!r})
"""
HOOK = "import zoo\n@zoo.hookimpl\ndef "
UPGRADE, REMOVE = "pip install --upgrade zoo-bad", "pip uninstall zoo-bad"
MEND = f"{UPGRADE}, or {REMOVE}"
LATER = "pip install --upgrade generative-zoo"

# What is wrong: the plugin's source, the reason shown, the pip line shown.
BROKEN = {
    "raises on import": ("raise RuntimeError('no such GPU')", "RuntimeError: no such GPU", MEND),
    "cannot even say what is wrong": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
        "Mute: its message cannot be shown",
        MEND,
    ),
    "lacks a module": ("import zebra_stripes.dark", "No module named 'zebra_stripes'", "pip install zebra_stripes"),
    "lacks a well-known module": ("import cv2", "No module named 'cv2'", "pip install opencv-python"),
    "lacks a module of its own": ("import zoo_bad.models", "'zoo_bad' is not a package", MEND),
    "raises in a hook": (f"{HOOK}zoo_register_cards(register): raise OSError('late')", "OSError: late", MEND),
    "registers garbage": (
        f"{HOOK}zoo_register_architectures(register): register('x', 3, family='f', capabilities=['generate'])",
        "target of 'x' is 3",
        MEND,
    ),
    "registers a card folder that depends on where zoo runs": (
        f"{HOOK}zoo_register_cards(register): register('cards')",
        "'cards', which depends on where zoo runs",
        MEND,
    ),
    "misspells a hook": (
        f"{HOOK}zoo_register_card(register): pass",
        "'zoo_register_card', no hook of zoo. Did you mean 'zoo_register_cards'",
        LATER,
    ),
    "imports what a later zoo has": ("from zoo import wings", "cannot import name 'wings'", LATER),
    "imports a module of a later zoo": ("import zoo.wings", "No module named 'zoo.wings'", LATER),
    "uses what a later zoo has": ("import zoo\nzoo.wings()", "no attribute 'wings'", LATER),
    "asks for an argument of a later hook": (f"{HOOK}zoo_register_cards(register, wings): pass", "wings", LATER),
    "gives a field of a later architecture": (
        f"{HOOK}zoo_register_architectures(register): register('x', 'm:C', family='f', capabilities=[], wings=2)",
        "got an unexpected keyword argument 'wings'",
        LATER,
    ),
    "gives a field of a later data set": (
        f"{HOOK}zoo_register_datasets(register): register('x', 'm:f', wings=2)",
        "bad calls register of zoo_register_datasets wrongly: got an unexpected keyword argument 'wings'",
        LATER,
    ),
    "panics": ("class Panic(BaseException): pass\nraise Panic('rust')", "Panic: rust", MEND),
    "names no module that it lacks": ("raise ModuleNotFoundError('odd', name=3)", "ModuleNotFoundError: odd", MEND),
    "lacks an attribute of what cannot be looked at": (
        "class Odd:\n    def __getattr__(self, name): raise OSError\nraise AttributeError('odd', obj=Odd())",
        "AttributeError: odd",
        MEND,
    ),
    "lists models on import": ("import zoo\nzoo.list_models()", "while it is loading plugins", MEND),
    "lists models in a hook": (
        f"{HOOK}zoo_register_cards(register): zoo.list_models()",
        "while it is loading plugins",
        MEND,
    ),
    "has a hook that yields": (
        f"{HOOK}zoo_register_datasets(register): yield register('x', 'm:f')",
        "zoo_register_datasets is a generator or a coroutine",
        MEND,
    ),
    "has a hook to be awaited": (
        "import zoo\n@zoo.hookimpl\nasync def zoo_register_datasets(register): register('x', 'm:f')",
        "zoo_register_datasets is a generator or a coroutine",
        MEND,
    ),
    "has capabilities that can be read once": (
        f"{HOOK}zoo_register_architectures(register): register('x', 'm:C', family='f', capabilities=iter(['encode']))",
        "capabilities of 'x' is <list_iterator",
        MEND,
    ),
    "has needs that can be read once": (
        f"{HOOK}zoo_register_metrics(register): register('x', 'm:f', needs=iter(['generate']))",
        "needs of 'x' is <list_iterator",
        MEND,
    ),
    "is malformed and has two of one name": (
        f"{HOOK}zoo_register_datasets(register):\n    register('x', 'm:f')\n    register('x', 'm:g')\n"
        "@zoo.hookimpl\ndef zoo_register_sources(register): register('x', 3)",
        "target of 'x' is 3",
        MEND,
    ),
    "has two data sets of one name": (
        f"{HOOK}zoo_register_datasets(register):\n    register('x', 'm:f')\n    register('x', 'm:g')",
        "bad has data sets of one name: x.",
        MEND,
    ),
}


@pytest.fixture
def cards(tmp_path, front):
    """`cards("a", "b")`: a folder of release folders whose cards pin weights, without any."""

    def make(*names, **block):
        pinned = {"sha256": "0" * 64, "bytes": 9, "repo": "org/name", "revision": "a" * 40}
        for name in names:
            (tmp_path / "cards" / name).mkdir(parents=True)
            zoo = {**front["zoo"], "weights": pinned, **block}
            Card(tmp_path / "cards" / name, {**front, "zoo": zoo}, "").write()
        return tmp_path / "cards"

    return make


def plugin(name):
    releases.list_releases()
    (found,) = [p for p in registry.registry().plugins if p.name == name and not p.built_in]
    return found


def architectures():
    return {architecture.qualified for architecture in registry.list_entries("architectures")}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_set_apart_with_a_reason_and_a_cure(install_plugin, case):
    source, reason, cure = BROKEN[case]
    before = zoo.list_models()
    install_plugin("aaa", ARCHITECTURE.format(name="aaa"))
    install_plugin("bad", source)
    install_plugin("zzz", ARCHITECTURE.format(name="zzz"))
    assert zoo.list_models() == before
    assert {"aaa:aaa", "zzz:zzz", "dcgan"} <= architectures()
    assert [p.name for p in registry.registry().plugins if p.error] == ["bad"]
    bad = plugin("bad")
    assert reason in bad.error
    assert bad.cure == cure
    assert bad.details.strip()
    assert bad.adds == {}


@pytest.mark.parametrize("case", BROKEN)
def test_when_strict_the_same_is_raised(install_plugin, monkeypatch, case):
    source, reason, cure = BROKEN[case]
    install_plugin("bad", source)
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError) as caught:
        zoo.list_models()
    message = str(caught.value)
    assert message.startswith("the plugin bad (package zoo-bad 1.2) is broken: ")
    assert reason in message
    assert f"This may help: {cure}." in message
    assert isinstance(caught.value.__cause__, BaseException)


@pytest.mark.parametrize("value", ["", "0", "False", None])
def test_not_strict(install_plugin, monkeypatch, value):
    install_plugin("bad", "raise ValueError")
    if value is not None:
        monkeypatch.setenv("ZOO_STRICT_PLUGINS", value)
    assert plugin("bad").error == "ValueError: "


def test_strict_and_sound(install_plugin, cards, monkeypatch):
    install_plugin("echo", CARDS.format(folder=str(cards("echo-x"))))
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    assert "echo-x" in zoo.list_models()


def test_whoever_interrupts_means_zoo(install_plugin):
    install_plugin("slow", "import signal; signal.raise_signal(signal.SIGINT)")
    with pytest.raises(KeyboardInterrupt):
        registry.registry()


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN, lambda *_: None])
def test_a_plugin_that_interrupts_by_itself_is_set_aside(install_plugin, handler):
    install_plugin("bad", "raise KeyboardInterrupt")
    usual = signal.signal(signal.SIGINT, handler)
    try:
        registry.registry()
        before = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert before is handler
    assert plugin("bad").error == "RuntimeError: it raises KeyboardInterrupt, though nobody interrupted it"
    assert "raise KeyboardInterrupt" in plugin("bad").details


def test_what_a_plugin_writes_past_python_is_no_output(install_plugin, capfd):
    install_plugin("bad", "import os; os.write(1, b'noise'); print('more')")
    registry.registry()
    os.write(1, b"output")
    assert capfd.readouterr() == ("output", "noisemore\n")


def test_what_compiled_code_prints_is_no_output_where_it_is_buffered(install_plugin, python, tmp_path, monkeypatch):
    install_plugin("bad", "import ctypes; ctypes.CDLL(None).puts(b'noise')")
    path = os.pathsep.join(sys.path)
    shown = python(
        "from zoo import registry; registry.registry(); print('output')",
        ZOO_PLUGINS="bad", PYTHONUNBUFFERED="", PYTHONPATH=path,
    )  # fmt: skip
    assert shown.split() == ["output"]


def test_nothing_but_hooks_is_asked_of_a_plugin(install_plugin):
    source = """
    import zoo

    @zoo.hookimpl
    def zoo_register_architectures(register):
        register("{0}", "m:C", family="gans", capabilities=["generate"])

    def __dir__(): return ["Model", *globals()]
    def __getattr__(name): raise AssertionError(name)

    class Plugin:
        @property
        def costly(self): raise AssertionError

        @staticmethod
        @zoo.hookimpl
        def zoo_register_architectures(register): register("of-an-object", "m:C", family="f", capabilities=["encode"])

        @classmethod
        @zoo.hookimpl
        def zoo_register_features(cls, register): register("of-a-class", "m:f")

        @zoo.hookimpl
        def zoo_register_metrics(self, register): register("of-a-method", "m:f", needs=[])
    plugin = Plugin()
    """
    install_plugin("lazy", source.format("lazy"))
    install_plugin("object", source.format("object"), target="zoo_object:plugin")
    assert plugin("lazy").adds == {"architectures": ["lazy"]}
    assert plugin("object").adds == {
        "architectures": ["of-an-object"],
        "feature networks": ["of-a-class"],
        "metrics": ["of-a-method"],
    }


def test_what_a_plugin_prints_when_it_is_loaded_is_no_part_of_the_output(install_plugin, capsys):
    install_plugin("noisy", f"print('hello')\n{HOOK}zoo_register_cards(register): print('hello again')")
    assert main(["plugins", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[-1]["name"] == "noisy"
    assert err == "hello\nhello again\n"


def test_a_hook_that_may_be_missing_is_passed_over(install_plugin):
    optional = "\n    @zoo.hookimpl(optionalhook=True)\n    def {0}(register): raise AssertionError('called')\n"
    install_plugin("ahead", ARCHITECTURE.format(name="ahead") + optional.format("zoo_register_wings"))
    install_plugin("known", ARCHITECTURE.format(name="known") + optional.format("zoo_register_metrics"))
    assert plugin("ahead").adds == {"architectures": ["ahead"]}
    assert plugin("known").error == "AssertionError: called"


def test_a_target_that_leaves_python_is_an_error_that_names_it(install_plugin):
    install_plugin("echo", ARCHITECTURE.format(name="echo").replace("_never_imported", "_leaves"))
    install_plugin("leaves", "raise SystemExit(3)", package="echo-leaves")
    with pytest.raises(PluginError, match="'echo_leaves:Model' fails with SystemExit: 3"):
        zoo.create("echo")


def test_damaged_entry_points_hide_none_of_the_packages_without_metadata(install_plugin, site):
    for name in ("bad", "one", "two"):
        install_plugin(name, ARCHITECTURE.format(name=name))
        (site / f"zoo_{name}-1.2.dist-info" / "METADATA").unlink()
    (site / "zoo_bad-1.2.dist-info" / "entry_points.txt").write_text("[zoo]\nno equals sign\n")
    assert {"one:one", "two:two"} <= architectures()


@pytest.mark.parametrize("content", [b"[zoo]\nx = \xff\n", b"[zoo]\nno equals sign\n"])
def test_damaged_entry_points_of_one_package_do_not_hide_the_others(install_plugin, site, monkeypatch, content):
    install_plugin("echo", ARCHITECTURE.format(name="echo"))
    install_plugin("bad", "raise AssertionError('imported')")
    (site / "zoo_bad-1.2.dist-info" / "entry_points.txt").write_bytes(content)
    assert {"echo:echo", "dcgan"} <= architectures()
    bad = plugin("zoo-bad")
    assert bad.error == "the package zoo-bad has damaged entry points."
    assert (bad.package.version, bad.cure) == ("1.2", MEND)
    monkeypatch.setenv("ZOO_PLUGINS", "ecko")
    registry.registry.cache_clear()
    assert "Did you mean 'echo'" in plugin("ecko").error


# Taken names ---------------------------------------------------------------------------------------------------------


def test_the_second_of_two_plugins_of_one_name_is_set_apart(install_plugin):
    install_plugin("twin", ARCHITECTURE.format(name="first"), package="alpha")
    install_plugin("twin", ARCHITECTURE.format(name="second"), package="beta")
    registry.registry()
    first, second = (p for p in registry.registry().plugins if p.name == "twin")
    assert first.error is None
    assert "alpha and beta both have a plugin called 'twin'" in second.error
    assert second.cure == "pip uninstall beta"
    assert first.adds == {"architectures": ["first"]}


@pytest.mark.parametrize("name", ["hf", "timm", "zoo"])
def test_names_that_mean_something_to_zoo_are_taken(install_plugin, name):
    install_plugin(name, ARCHITECTURE.format(name="x"), package="bad")
    assert plugin(name).cure == "pip uninstall bad"
    assert "x" not in {architecture.name for architecture in registry.list_entries("architectures")}


BARE = """
    import zoo

    @zoo.hookimpl
    def zoo_register_{kind}(register): register("{name}", "m:{name}")

    @zoo.hookimpl
    def zoo_register_features(register): register("net", "m:f")
"""


@pytest.mark.parametrize(
    ("kind", "name", "owner"),
    [
        ("spaces", "images", "spaces"),
        ("conditions", "label", "conditions"),
        ("capabilities", "generate", "capabilities"),
        ("capabilities", "images", "spaces"),  # a metric that needs images would take a model of that capability
        ("spaces", "generate", "capabilities"),
    ],
)
def test_a_name_that_stands_alone_is_not_taken_from_zoo(install_plugin, kind, name, owner):
    before = registry.list_entries(kind)
    install_plugin("thief", BARE.format(kind=kind, name=name))
    thief = plugin("thief")
    assert f"thief (package zoo-thief) has '{name}' among its {kind}" in thief.error
    assert f"that zoo (package generative-zoo) has among its {owner}" in thief.error
    assert thief.cure == "pip uninstall zoo-thief"
    assert registry.list_entries(kind) == before
    assert "thief" not in {entry.plugin for entry in registry.list_entries("feature networks")}


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("spaces", "spaces"),
        ("conditions", "conditions"),
        ("capabilities", "capabilities"),
        ("spaces", "capabilities"),
        ("capabilities", "spaces"),
    ],
)
def test_a_name_that_stands_alone_is_of_the_plugin_that_comes_first(install_plugin, first, later):
    install_plugin("b", BARE.format(kind=later, name="mood"), package="beta")
    install_plugin("a", BARE.format(kind=first, name="mood"), package="alpha")
    assert plugin("a").error is None
    for word in (f"b (package beta) has 'mood' among its {later}", f"a (package alpha) has among its {first}"):
        assert word in plugin("b").error
    assert plugin("b").cure == "pip uninstall beta"
    assert [entry.plugin for entry in registry.list_entries(first) if entry.name == "mood"] == ["a"]
    assert [entry.plugin for entry in registry.list_entries("feature networks")][-1] == "a"


def test_a_name_of_a_plugin_that_is_set_aside_for_something_else_is_free(install_plugin):
    wrong = '\n    @zoo.hookimpl\n    def zoo_register_aliases(register): register("x", "nothing-is-called-so")\n'
    install_plugin("a", BARE.format(kind="spaces", name="mood") + wrong)
    install_plugin("b", BARE.format(kind="spaces", name="mood"))
    assert "nothing-is-called-so" in plugin("a").error
    assert plugin("b").error is None


def test_a_condition_may_be_called_as_a_space(install_plugin):
    install_plugin("a", BARE.format(kind="conditions", name="images"))
    assert plugin("a").error is None


@pytest.mark.parametrize(
    ("spoken", "kinds"),
    [
        (
            'zoo_register_architectures(register): register("x", "m:C", family="f", capabilities=["own:mood"])',
            "capabilities",
        ),
        ('zoo_register_metrics(register): register("x", "m:f", needs=["own:mood"])', "capabilities and spaces"),
    ],
)
def test_a_name_that_stands_alone_is_never_reached_by_its_plugin(install_plugin, spoken, kinds):
    source = BARE.format(kind="capabilities", name="mood")
    install_plugin("own", f"{source}\n    @zoo.hookimpl\n    def {spoken}\n")
    hint = f"nobody registered 'own:mood'. Did you mean 'mood'? Names of {kinds} have no plugin before them."
    assert hint in plugin("own").error


def test_what_is_no_name_of_a_plugin(install_plugin):
    install_plugin("a/b", ARCHITECTURE.format(name="x"), package="bad")
    assert plugin("a/b").error == "'a/b' is no plugin's name. Use letters, digits, dots and hyphens."


def test_a_taken_command_takes_all_of_the_plugin_with_it(install_plugin):
    thief = "\n    @zoo.hookimpl\n    def zoo_register_commands(cli): cli.command('list')(lambda: None)"
    install_plugin("thief", ARCHITECTURE.format(name="thief") + thief)
    assert "thief:thief" in architectures(), "nobody has asked for commands yet"
    from zoo.cli.application import application

    application()
    assert plugin("thief").error == "thief adds the command 'list', which zoo itself has. Rename it."
    assert plugin("thief").cure == "pip uninstall zoo-thief"
    assert "thief:thief" not in architectures()


def test_taken_names_of_models_are_reached_by_the_plugins_name(install_plugin, cards):
    source = ARCHITECTURE.format(name="dcgan") + CARDS.format(folder=str(cards("dcgan-celeba"))).replace(
        "import zoo", ""
    )
    install_plugin("aaa", source)
    assert plugin("aaa").error is None
    for name in ("dcgan-celeba", "zoo:dcgan-celeba"):
        assert releases.find(name).plugin == "zoo"
        assert releases.find(f"aaa:{name.rpartition(':')[2]}").plugin == "aaa"
    for name in ("dcgan", "zoo:dcgan"):
        assert registry.find_architecture(name).plugin == "zoo"


# Cards ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def faulty(install_plugin, cards):
    """A plugin with a sound release, one whose card is broken and one without weights."""
    folder = cards("echo-broken", "echo-fine", "echo-light")
    (folder / "echo-broken" / "README.md").write_text("no front matter")
    card = Card.read(folder / "echo-light")
    card.replace(weights={}).write()
    install_plugin("echo", CARDS.format(folder=str(folder)))
    return folder


def test_broken_cards_and_missing_weights_are_told_and_all_else_works(faulty, capsys):
    assert zoo.list_models("echo-*") == ["echo-fine", "echo-light"]
    assert "dcgan-celeba" in zoo.list_models()
    echo = plugin("echo")
    assert echo.error is None
    assert echo.adds["releases"] == ["echo-broken", "echo-fine", "echo-light"]
    assert list(echo.faults) == ["echo-broken", "echo-light"]
    assert "echo-broken/README.md has no front matter" in echo.faults["echo-broken"]
    assert "there is no model.safetensors in" in echo.faults["echo-light"]
    assert "zoo train echo:echo-light --data DIR makes it." in echo.faults["echo-light"]
    assert all(fault.endswith("pip install --upgrade zoo-echo") for fault in echo.faults.values())
    assert main(["plugins", "--json"]) == 0
    shown = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert shown["echo"]["faults"] == echo.faults
    assert shown["zoo"]["faults"] == {}
    assert main(["plugins"]) == 0
    assert "\n  cannot be loaded: echo-light: there is no model.safetensors in" in capsys.readouterr().out
    assert main(["list", "echo-*"]) == 0
    assert capsys.readouterr().err == "2 releases cannot be loaded; see zoo plugins.\n"


def test_cards_that_are_links_to_nowhere_or_no_files_are_told(install_plugin, cards):
    folder = cards("echo-fine")
    (folder / "echo-folder" / "README.md").mkdir(parents=True)
    (folder / "echo-gone").mkdir()
    (folder / "echo-gone" / "README.md").symlink_to("not-there")
    (folder / "echo-loop").mkdir()
    (folder / "echo-loop" / "README.md").symlink_to("README.md")
    (folder / "no-card").mkdir()
    install_plugin("echo", CARDS.format(folder=str(folder)))
    assert zoo.list_models("echo-*") == ["echo-fine"]
    faults = plugin("echo").faults
    assert list(faults) == ["echo-folder", "echo-gone", "echo-loop"]
    assert "README.md cannot be read: it is no regular file." in faults["echo-folder"]
    assert all("README.md cannot be read: " in faults[name] for name in ("echo-gone", "echo-loop"))


def test_weights_beside_the_card_are_enough(faulty):
    (faulty / "echo-light" / "model.safetensors").write_bytes(b"")
    assert list(plugin("echo").faults) == ["echo-broken"]


@pytest.mark.parametrize(
    ("left", "reason"), [("echo-broken", "has no front matter"), ("echo-light", "there is no model")]
)
def test_when_strict_a_release_that_cannot_be_loaded_is_an_error(faulty, monkeypatch, left, reason):
    for other in {"echo-broken", "echo-light"} - {left}:
        (faulty / other / "README.md").unlink()
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    with pytest.raises(
        PluginError, match=rf"the release {left} of the plugin echo \(package zoo-echo 1.2\) .*{reason}"
    ):
        zoo.list_models()


def test_built_in_releases_too(monkeypatch, cards):
    folder = cards("here", "there")
    (folder / "there" / "README.md").write_text("no front matter")
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: folder)
    registry.registry.cache_clear()
    try:
        assert zoo.list_models() == ["here"]
        (shelf,) = [p for p in registry.registry().plugins if p.faults]
        assert shelf.built_in
        assert "pip" not in shelf.faults["there"]
    finally:
        registry.registry.cache_clear()


def test_two_plugins_of_one_architecture_do_not_break_the_listing(install_plugin, cards):
    folder = cards("same-x", architecture="same")
    install_plugin("one", ARCHITECTURE.format(name="same") + CARDS.format(folder=str(folder)).replace("import zoo", ""))
    install_plugin("two", ARCHITECTURE.format(name="same"))
    install_plugin("who", CARDS.format(folder=str(folder)))
    assert zoo.list_models("*same-x") == ["one:same-x"]
    assert zoo.info("one:same-x").architecture.qualified == "one:same"
    assert "'one:same' or 'two:same'" in plugin("who").faults["same-x"]


# Rollback and order --------------------------------------------------------------------------------------------------


def test_nothing_of_a_plugin_that_fails_late_is_left(install_plugin, cards, monkeypatch):
    source = """
        import zoo

        @zoo.hookimpl
        def zoo_register_datasets(register): register("half-data", "m:f")

        @zoo.hookimpl
        def zoo_register_metrics(register): register("half-metric", "m:f", needs=[])

        @zoo.hookimpl
        def zoo_register_features(register): register("half-net", "m:f")

        @zoo.hookimpl
        def zoo_register_sources(register): register("half-source", "m:f")

        @zoo.hookimpl
        def zoo_register_architectures(register):
            register("half", "m:C", family="gans", capabilities=["generate"])

        @zoo.hookimpl
        def zoo_register_cards(register): register({folder!r})

        @zoo.hookimpl
        def zoo_register_commands(cli): cli.command("half-command")(lambda: None)

        @zoo.hookimpl
        def zoo_register_aliases(register):
            register("whole", "half")
            register("gone", "nothing-is-called-so")
    """.format(folder=str(cards("half-x")))
    install_plugin("half", source)
    from zoo.cli.application import application

    kinds = ("data sets", "metrics", "feature networks", "weight sources")
    assert "half-command" not in application().commands
    assert "stands for 'nothing-is-called-so'" in plugin("half").error
    assert not [thing for kind in kinds for thing in registry.list_entries(kind) if thing.plugin == "half"]
    assert not [name for name in [*registry.registry().architectures, *zoo.list_models()] if "half" in name]
    for name in ("half", "whole", "half-x"):
        with pytest.raises(zoo.errors.UnknownName, match="failed to load: half"):
            releases.find(name)


def test_order_does_not_depend_on_sys_path(install_plugin, monkeypatch, site):
    for name in ("b", "a"):
        install_plugin(name, ARCHITECTURE.format(name="same"))
    info = site / "zoo_b-1.2.dist-info" / "entry_points.txt"
    info.write_text("[zoo]\nz = zoo_b\ny = zoo_b_too\n")
    (site / "zoo_b_too.py").write_text("import zoo_b\nzoo_register_architectures = zoo_b.zoo_register_architectures\n")
    other = site / "elsewhere"  # where what is imported is forgotten afterwards, too
    other.mkdir()
    for path in site.glob("zoo_a*"):
        path.rename(other / path.name)
    orders = []
    for paths in ([str(site), str(other)], [str(other), str(site)]):
        monkeypatch.setattr(sys, "path", paths + [path for path in sys.path if path not in paths])
        registry.registry.cache_clear()
        orders.append([a.plugin for a in registry.registry().architectures["same"]])
    assert orders == [["a", "y", "z"]] * 2


# Speed, as far as it can be told without a clock ---------------------------------------------------------------------


def test_many_plugins_import_neither_torch_nor_a_model_and_cards_are_parsed_once(install_many, site, python):
    install_many(5)
    source = """
        import sys, yaml
        from zoo.releases import index
        from zoo.cli import main
        index.SETTLED = 0
        parsed, load = [], yaml.load
        yaml.load = lambda *words: parsed.append(words) or load(*words)
        print(main(["list", "many*"]))
        print([name for name in ("torch", "torchvision", "timm", "huggingface_hub") if name in sys.modules])
        print([name for name in sys.modules if name.endswith(".never")])
        print(len(parsed) >= 50, len(parsed))
    """
    first, second = (python(source, PYTHONPATH=str(site)).splitlines() for _ in range(2))
    assert first[:-4] == second[:-4]
    assert len([line for line in first if line.startswith("many0")]) == 50
    assert first[-4:-1] == second[-4:-1] == ["0", "[]", "[]"]
    assert first[-1].startswith("True")
    assert second[-1] == "False 0"

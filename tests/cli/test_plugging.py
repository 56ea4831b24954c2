"""`zoo plugins`: what each adds, and why one is broken."""

import json

from tests.cli.test_application import BROKEN, HELLO, plugin


def test_plugins_in_words(run, install):
    install("broken", BROKEN)
    install("hello", HELLO)
    result = run("plugins")
    assert result.status == 0
    assert result.out.startswith("zoo (package generative-zoo ")
    assert "\n  data sets: mnist, " in result.out
    assert "\n  metrics: frechet, " in result.out
    assert "\nbroken (package zoo-broken 1.2): broken\n  RuntimeError: half-made\n" in result.out
    assert "\nhello (package zoo-hello 1.2)\n  commands: hello, more\n" in result.out
    assert "Traceback" not in result.out
    assert "--verbose" in result.err
    verbose = run("plugins", "--verbose")
    assert "    Traceback (most recent call last):" in verbose.out
    assert verbose.err == ""


def test_a_broken_plugin_shows_what_would_help(run, install):
    install("broken", BROKEN)
    shown = plugin(run, "broken")
    assert shown["cure"] == "pip install --upgrade zoo-broken, or pip uninstall zoo-broken"
    assert shown["faults"] == {}
    assert f"\n  RuntimeError: half-made\n  this may help: {shown['cure']}\n" in run("plugins").out


def test_none_is_loaded_when_forbidden(run, install, monkeypatch):
    install("hello", HELLO)
    monkeypatch.setenv("ZOO_PLUGINS", "")
    assert [entry["name"] for entry in json.loads(run("plugins", "--json").out)] == ["zoo"]
    assert run("hello").status == 2

"""Commands of plugins: added through the hook, set apart when they break or take a name."""

import json

import pytest

HELLO = """
import typer
import zoo

@zoo.hookimpl
def zoo_register_commands(cli):
    @cli.command()
    def hello(name: str = "you"):
        "Greet."
        print(f"hello {name}")

    sub = typer.Typer(help="More.")
    cli.add_typer(sub, name="more")

    @sub.command("words")
    def words():
        print("more words")

    @sub.command("other")
    def other():
        raise zoo.errors.DataError("no more words. Bring some.")
"""
BROKEN = """
import zoo

@zoo.hookimpl
def zoo_register_commands(cli):
    cli.command("half")(lambda: None)
    raise RuntimeError("half-made")
"""
MALFORMED = """
import zoo

@zoo.hookimpl
def zoo_register_commands(cli):
    @cli.command()
    def odd(value: int | str = 0):
        pass
"""
THIEF = """
import zoo

@zoo.hookimpl
def zoo_register_commands(cli):
    cli.command("fine")(lambda: None)
    cli.command("generate")(lambda: print("mine now"))
"""
HALF_WRONG = """
import zoo

@zoo.hookimpl
def zoo_register_commands(cli):
    cli.command("fine")(lambda: None)

@zoo.hookimpl
def zoo_register_architectures(register):
    register("x", "no-colon", family="f", capabilities=["generate"])
"""


def plugin(run, name):
    (shown,) = [entry for entry in json.loads(run("plugins", "--json").out) if entry["name"] == name]
    return shown


def test_commands_of_a_plugin(run, install):
    install("hello", HELLO)
    assert run("hello", "--name", "me").out == "hello me\n"
    assert run("more", "words").out == "more words\n"
    assert "\n  hello " in run("--help").out
    failed = run("more", "other")
    assert (failed.status, failed.err) == (2, "zoo: no more words. Bring some.\n")
    assert plugin(run, "hello")["adds"] == {"commands": ["hello", "more"]}


def test_a_plugin_that_raises_is_set_apart_whole(run, install):
    install("broken", BROKEN)
    install("hello", HELLO)
    assert run("half").status == 2
    assert run("hello").status == 0
    shown = plugin(run, "broken")
    assert shown["error"] == "RuntimeError: half-made"
    assert "Traceback" in shown["details"]
    assert shown["adds"] == {}


def test_a_malformed_command_is_set_apart(run, install):
    install("malformed", MALFORMED)
    assert run("list").status == 0
    assert plugin(run, "malformed")["error"]


def test_a_built_in_command_cannot_be_replaced(run, install):
    install("thief", THIEF)
    assert run("generate", "dcgan-celeba", "-n", "1", "--seed", "0").out.startswith("Wrote")
    assert run("fine").status == 2
    assert plugin(run, "thief")["error"] == "thief adds the command 'generate', which zoo itself has. Rename it."


def test_the_second_of_two_plugins_with_one_command_is_set_apart(run, install):
    install("hello", HELLO)
    install("howdy", HELLO)
    assert run("hello").status == 0
    assert plugin(run, "hello")["error"] is None
    reason = "howdy adds the command 'hello', which hello (package zoo-hello) has. Rename it."
    assert plugin(run, "howdy")["error"] == reason


def test_commands_go_with_a_plugin_that_is_broken_elsewhere(run, install):
    install("wrong", HALF_WRONG)
    assert "No such command 'fine'" in run("fine").err
    assert "no-colon" in plugin(run, "wrong")["error"]


def test_when_strict_a_broken_plugin_is_a_mistake_in_one_line(mistake, install, monkeypatch):
    install("broken", BROKEN)
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    assert "the plugin broken (package zoo-broken 1.2) is broken: RuntimeError: half-made" in mistake("list")


@pytest.mark.parametrize(
    ("command", "message"),
    [("convert", "comes with the package zoo-convert: pip install"), ("create", "zoo.create(NAME); zoo train NAME")],
)
def test_what_is_elsewhere_is_said_of_commands_that_are_not_there(mistake, monkeypatch, command, message):
    monkeypatch.setenv("ZOO_PLUGINS", "")
    said = mistake(command, "stylegan2")
    assert said.startswith(f"zoo: No such command '{command}'. ")
    assert message in said

"""The `zoo` command as one group: the commands of zoo itself and those of plugins, each with its owner."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup

import zoo
from zoo import registry
from zoo.cli import completing
from zoo.cli.output import note
from zoo.errors import Converted, NameTaken
from zoo.registry.plugins import Plugin


def application() -> TyperGroup:
    """All commands, built-in ones first.

    Each plugin adds its commands to a `Typer` of its own. If it raises, or one of its names is taken, it is
    quarantined and none of its commands is there.
    """
    root = typer.main.get_command(_root())
    assert isinstance(root, TyperGroup)
    owners: dict[str, tuple[Plugin, Any]] = {}

    def add(plugin: Plugin, hook: Callable[..., Any]) -> None:
        commands = _of_zoo(plugin.module) if plugin.built_in else _commands(hook)
        for name in commands:
            if name in owners:
                owner = owners[name][0]
                raise NameTaken(f"{plugin.name} adds the command {name!r}, which {_named(owner)} has. Rename it.")
        owners.update({name: (plugin, command) for name, command in commands.items()})
        if not plugin.built_in:
            plugin.adds["commands"] = list(commands)

    registry.registry().each("zoo_register_commands", add)
    for plugin in registry.registry().plugins:
        if plugin.error and not plugin.package.name:  # ZOO_PLUGINS names what is not there
            note(plugin.error)
    for name, (plugin, command) in owners.items():
        if plugin.error is None:
            root.add_command(command, name)
    return root


def _commands(hook: Callable[..., Any]) -> dict[str, Any]:
    """What `hook` adds, by name. Here a malformed command shows itself."""
    own = typer.Typer(rich_markup_mode=None, add_completion=False)
    hook(cli=own)
    return dict(typer.main.get_group(own).commands)


@functools.cache
def _of_zoo(module: ModuleType) -> dict[str, Any]:
    """What a module of zoo itself adds; read once in a process, which takes longer than most commands do."""
    return _commands(module.zoo_register_commands)


def _root() -> typer.Typer:
    completing.mend_scripts()
    root = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})

    @root.callback(invoke_without_command=True)
    def start(
        context: typer.Context,
        version: bool = typer.Option(False, "--version", "-V", help="Show the version and stop."),
        traceback: bool = typer.Option(False, "--traceback", help="Show a traceback when something goes wrong."),
    ) -> None:
        """Classic generative models: list them, draw from them, encode, score, train and measure."""
        context.with_resource(_plain_warnings())
        if version:
            typer.echo(f"zoo {zoo.__version__}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return root


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Say zoo's own warnings in plain lines, without the place in the code where something was noticed; each sentence
    once in a command, and once that images are converted."""
    with warnings.catch_warnings():
        show, said = warnings.showwarning, set[str]()

        def tell(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if not any(base.__module__ == "zoo.errors" for base in category.__mro__):
                show(message, category, *where, **more)
            elif (kind := "converted" if issubclass(category, Converted) else str(message)) not in said:
                said.add(kind)
                note(str(message))

        warnings.showwarning = tell
        warnings.simplefilter("default", Converted)  # no mistake of anybody's, whatever filters make of warnings
        yield


def _named(owner: Plugin) -> str:
    return "zoo itself" if owner.built_in else f"{owner.name} (package {owner.package.name})"

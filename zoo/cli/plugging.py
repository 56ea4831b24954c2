"""What is plugged in: `zoo plugins`. It imports no torch."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

import zoo
from zoo import registry, releases
from zoo.cli.options import Json
from zoo.cli.output import note, say, say_json
from zoo.registry.plugins import Plugin


def plugins(
    as_json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of a broken plugin.")] = False,
) -> None:
    """Show the plugins, what each adds, and why one is broken."""
    shown = _plugins()
    if as_json:
        keys = ("adds", "faults", "error", "cure", "details")
        say_json(
            [
                {"name": plugin.name, "version": plugin.package.version, "distribution": plugin.package.name}
                | {key: getattr(plugin, key) for key in keys}
                for plugin in shown
            ]
        )
        return
    for plugin in shown:
        say(f"{plugin}{': broken' if plugin.error else ''}")
        for what, names in plugin.adds.items():
            say(f"  {what}: {', '.join(names)}")
        for release, fault in plugin.faults.items():
            say(f"  cannot be loaded: {release}: {fault}")
        if plugin.error:
            say(f"  {' '.join(plugin.error.split())}")
            if plugin.cure:
                say(f"  this may help: {plugin.cure}")
            if verbose:
                say("\n".join(f"    {line}" for line in plugin.details.splitlines()))
    if not verbose and any(plugin.error for plugin in shown):
        note("Tracebacks: zoo plugins --verbose. Load without them: ZOO_PLUGINS='' zoo …")


COMMANDS = {"plugins": plugins}


def _plugins() -> list[Plugin]:
    """All plugins with everything they add filled in, those that are built in put together."""
    releases.select()  # reads every card, and so finds the broken ones
    built_in = [plugin for plugin in registry.registry().plugins if plugin.built_in]
    return [
        dataclasses.replace(
            built_in[0],
            package=dataclasses.replace(built_in[0].package, version=zoo.__version__),
            adds={what: names for each in built_in for what, names in each.adds.items()},
            faults={release: fault for each in built_in for release, fault in each.faults.items()},
        ),
        *(plugin for plugin in registry.registry().plugins if not plugin.built_in),
    ]

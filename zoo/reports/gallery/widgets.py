"""Widgets that plugins bring to rooms: a module for browsers each, and what it needs, in a folder of the room."""

from __future__ import annotations

import shutil
from pathlib import Path

from zoo import registry
from zoo._util.hosting import hosted
from zoo.errors import PluginError
from zoo.model import Model
from zoo.registry.entries import Entry
from zoo.registry.plugins import raise_if_strict, text_of

SCRIPT = "widget.js"


def write(model: Model, room: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Write what plugins have for the room of `model` into folders below `room`: of each its `title` and `script`; and
    why others fail, a sentence for each. Raises PluginError instead when ZOO_STRICT_PLUGINS is set."""
    made, failed = list[dict[str, str]](), list[str]()
    for entry in registry.list_entries("widgets"):
        folder = room / f"widget-{entry.plugin}-{entry.name}"
        folder.mkdir()
        try:
            with hosted(f"{entry.plugin} (package {entry.distribution})"):
                title = _asked(entry, model, folder)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = " ".join(text_of(error).split())
            said = f"The widget {entry.qualified} (package {entry.distribution}) fails: {reason}"
            raise_if_strict(said.rstrip("."), error, otherwise="the room is written without it")
            failed.append(said)
            title = None
        if title is None:
            shutil.rmtree(folder)
        else:
            made.append({"title": title, "script": f"{folder.name}/{SCRIPT}"})
    return made, failed


def _asked(entry: Entry, model: Model, folder: Path) -> str | None:
    """The title of a widget, None if it has nothing for this model. Raises whatever it raises, and PluginError."""
    title: object = entry.resolve()(model, folder)
    if title is None:
        return None
    if not isinstance(title, str) or not title.strip():
        raise PluginError(f"it returned {title!r}; expected a heading, or None where it has nothing for a model.")
    if not (folder / SCRIPT).is_file():
        raise PluginError(f"it wrote no {SCRIPT} into the folder that it was given.")
    return title

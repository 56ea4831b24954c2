"""How a model shows itself: a line for terminals, a table for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.model.chunks import Chunks


def line(model: Chunks) -> str:
    """What a model is, in a line."""
    return (
        f"{type(model).__name__}({model.name!r}: {model.space}, {model.condition}; can {_can(model)}; "
        f"{_count(model):,} parameters, {_kind(model)} on {model.device})"
    )


def table(model: Chunks) -> str:
    """The same as a table of HTML, with the data and how well it was measured to do."""
    found = model.provenance
    facts = {
        "architecture": found.architecture,
        "samples": str(model.space),
        "condition": str(model.condition),
        "latents": " × ".join(map(str, model.latent_shape)),
        "can": _can(model),
        "parameters": f"{_count(model):,}",
        "weights": f"{_kind(model)} on {model.device}",
        "trained on": found.dataset,
        **{str(each["name"]): f"{each['value']:.4g}" for each in found.metrics[:1]},
    }
    rows = "".join(_row(key, value) for key, value in facts.items() if value)
    return f"<table><caption>{html.escape(model.name)}</caption>{rows}</table>"


def _row(key: str, value: str) -> str:
    left = 'style="text-align:left"'
    return f"<tr><th {left}>{html.escape(key)}</th><td {left}>{html.escape(value)}</td></tr>"


def _can(model: Chunks) -> str:
    return ", ".join(sorted(model.capabilities())) or "nothing"


def _count(model: Chunks) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _kind(model: Chunks) -> str:
    return str(model.dtype).removeprefix("torch.")

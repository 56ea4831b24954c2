"""What the rooms of Boltzmann machines in `zoo gallery` have of their own: the Gibbs chain, step by step."""

from __future__ import annotations

import shutil
from pathlib import Path

from zoo.plugin import Model
from zoo_rbm.rbm import RBM

SCRIPT = Path(__file__).parent / "widget.js"


def chain(model: Model, folder: Path) -> str | None:
    """Write the widget into `folder`, for a machine; its heading."""
    if not isinstance(model, RBM):
        return None
    shutil.copyfile(SCRIPT, folder / SCRIPT.name)
    return "The Gibbs chain, step by step"

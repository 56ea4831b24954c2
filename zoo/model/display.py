"""How a model shows itself, as a line in terminals and a table in notebooks; and samples, as a picture in notebooks."""

from __future__ import annotations

import html
import io
import sys
from typing import TYPE_CHECKING

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from zoo import images
from zoo.errors import ZooError
from zoo.spaces import Space, Vectors

if TYPE_CHECKING:
    from zoo.model.chunks import Chunks

MOST = 64  # samples in a picture, but for vectors, which are points in one
_SPACES: WeakTensorKeyDictionary = WeakTensorKeyDictionary()  # of samples that are alive, the space that they are of


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


def shown(samples: Tensor, space: Space) -> Tensor:
    """`samples`, which a notebook shows as a picture of `space` from now on, where they are the value of a cell; their
    text stays what tensors have. Outside IPython nothing is done.

    What they are is kept beside them, since what a tensor has as an attribute would be saved with it.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        _SPACES[samples] = space
        pictures = shell.display_formatter.formatters["image/png"]
        if Tensor not in pictures:
            pictures.for_type(Tensor, picture)
    return samples


def picture(samples: Tensor) -> bytes | None:
    """A PNG of samples that a model made, of some of these, or of one; None for all other tensors."""
    memory = samples.untyped_storage().data_ptr()
    spaces = (space for made, space in _SPACES.items() if made.untyped_storage().data_ptr() == memory)
    space = next(spaces, None)
    if space is None:
        return None
    batch = samples[None] if samples.ndim == len(space.shape) else samples
    # Translators make images of any size.
    if batch.ndim != len(space.shape) + 1 or batch.shape[1] != space.shape[0]:
        return None
    most = len(batch) if isinstance(space, Vectors) else MOST
    try:
        page = space.preview(batch[:most])
    except ZooError:  # which these numbers are not samples for, such as NaN
        return None
    if len(batch) > most:
        page = images.titled(page, f"the first {most} of {len(batch):,}")
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _row(key: str, value: str) -> str:
    left = 'style="text-align:left"'
    return f"<tr><th {left}>{html.escape(key)}</th><td {left}>{html.escape(value)}</td></tr>"


def _can(model: Chunks) -> str:
    return ", ".join(sorted(model.capabilities())) or "nothing"


def _count(model: Chunks) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _kind(model: Chunks) -> str:
    return str(model.dtype).removeprefix("torch.")

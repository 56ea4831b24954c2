"""How models show themselves, and in notebooks samples."""

from __future__ import annotations

import html
import io
import sys
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from zoo import images
from zoo.spaces import Space, Vectors

if TYPE_CHECKING:
    from zoo.model.chunks import Chunks

MOST = 64  # samples in a picture, but for vectors, which are points in one
LARGEST = 2048  # pixels of a side, which a notebook keeps
_MADE: WeakTensorKeyDictionary = WeakTensorKeyDictionary()  # of samples that are alive their space, sizes and strides


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
    text stays what tensors have. Outside IPython nothing is done, nor where somebody else shows tensors.

    What they are is kept beside them, since what a tensor has as an attribute would be saved with it.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and not hasattr(Tensor, "_repr_png_"):
        _MADE[samples] = space, *_layout(samples)
        pictures = shell.display_formatter.formatters["image/png"]
        if Tensor not in pictures:
            pictures.for_type(Tensor, picture)
    return samples


def picture(samples: Tensor) -> bytes | None:
    """A PNG of samples that a model made and that are still such, of some of these, or of one; None for all other
    tensors, and for vectors that are no cloud of points."""
    if type(samples) is not Tensor or samples.layout is not torch.strided:
        return None
    memory = samples.untyped_storage().data_ptr()
    made = next((each for each in _MADE if each.untyped_storage().data_ptr() == memory), None)
    if made is None or not memory:
        return None
    space, *layout = _MADE[made]
    batch = samples[None] if samples.ndim == len(layout[0]) else samples
    # By its strides a row of the batch is told from a column that is as long.
    if [*_layout(batch)] != layout:
        return None
    most, least = (len(batch), 2) if isinstance(space, Vectors) else (MOST, 1)
    if len(batch) < least or space.dimensions < least or not space.contains(batch):
        return None
    page = space.preview(batch[:most])
    if len(batch) > most:
        page = images.titled(page, f"the first {most} of {len(batch):,}")
    page.thumbnail((LARGEST, LARGEST))
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _layout(batch: Tensor) -> tuple[torch.Size, tuple[int, ...]]:
    return batch.shape[1:], batch.stride()[1:]


def _row(key: str, value: str) -> str:
    left = 'style="text-align:left"'
    return f"<tr><th {left}>{html.escape(key)}</th><td {left}>{html.escape(value)}</td></tr>"


def _can(model: Chunks) -> str:
    return ", ".join(sorted(model.capabilities())) or "nothing"


def _count(model: Chunks) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _kind(model: Chunks) -> str:
    return str(model.dtype).removeprefix("torch.")

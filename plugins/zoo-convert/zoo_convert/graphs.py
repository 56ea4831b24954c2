"""ONNX graphs to tensors, where the exporter kept the names of the state dict."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from zoo.plugin import errors
from zoo_convert.layout import named

EXPORTERS = re.compile(r"onnx::\w+|val_\d+|_?\d+")  # names that torch's exporters give to what they make themselves


def read(path: Path) -> dict[str, Tensor]:
    """The initialisers of a graph by their names, without the whole numbers and scalars that exporters add. Raises
    DataError for a damaged file and for weights that the exporter made of several layers', and MissingExtra without
    onnx."""
    try:
        import onnx
    except ImportError as error:
        raise errors.MissingExtra(f"{path} is read by the package onnx. Install it: pip install onnx") from error
    try:
        found = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}
    except Exception as error:  # protobuf's, of a damaged file, or of tensors beside it that are not there
        raise errors.DataError(f"{path} is damaged: {' '.join(str(error).split())[:200]}. Restore it.") from error
    made = {name for name in found if EXPORTERS.fullmatch(name)}
    if joined := [name for name in made if found[name].ndim and found[name].dtype.kind not in "iub"]:
        raise errors.DataError(
            f"{path}: {named(joined)} are the exporter's own, of layers that it joined. Convert the checkpoint itself, "
            "or export it as it is: torch.onnx.export(…, dynamo=True, optimize=False)"
        )
    # Of numpy's kinds bfloat16 is none.
    arrays = {key: each.astype("float32") if each.dtype.kind == "V" else each for key, each in found.items()}
    return {key: torch.tensor(each) for key, each in arrays.items() if key not in made}

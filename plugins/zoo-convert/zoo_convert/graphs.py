"""ONNX graphs to tensors, where the exporter kept the names of the state dict."""

from __future__ import annotations

import collections
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import errors
from zoo_convert.layout import named

EXPORTERS = re.compile(r"onnx::\w+|val_\d+|_?\d+")  # names that torch's exporters give to what they make themselves
EXPORT = "torch.onnx.export(…, dynamo=True, optimize=False, external_data=False)"


def read(path: Path) -> dict[str, Tensor]:
    """The initialisers of a graph by their names, without the whole numbers and scalars that exporters add. Raises
    DataError for a damaged file, for initialisers that are no arrays in it and for weights that the exporter made of
    several layers', and MissingExtra without onnx."""
    try:
        import onnx
    except ImportError as error:
        how = "Install it with: pip install 'zoo-convert[onnx]'"
        raise errors.MissingExtra(f"{path} is read by the package onnx. {how}") from error
    try:
        graph = onnx.load(path, load_external_data=False).graph
        _check_initialisers(path, graph, onnx.TensorProto)
        found = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    except errors.DataError:
        raise
    except Exception as error:  # protobuf's, of a damaged file
        raise errors.DataError(f"{path} is damaged: {' '.join(str(error).split())[:200]}. Restore it.") from error
    made = {name for name in found if EXPORTERS.fullmatch(name)}
    if joined := [name for name in made if found[name].ndim and found[name].dtype.kind not in "iub"]:
        raise errors.DataError(
            f"{path}: {named(joined)} are the exporter's own, of layers that it joined. Convert the checkpoint itself, "
            f"or export it as it is: {EXPORT}"
        )
    # Of numpy's kinds bfloat16 is none.
    arrays = {key: each.astype("float32") if each.dtype.kind == "V" else each for key, each in found.items()}
    return {key: torch.tensor(each) for key, each in arrays.items() if key not in made}


def _check_initialisers(path: Path, graph: Any, kinds: Any) -> None:
    """Raise DataError for initialisers of which no arrays are made. kinds: onnx.TensorProto."""
    held = graph.initializer
    times = collections.Counter(each.name for each in held)
    refused = {
        "in another file": [each.name for each in held if each.data_location == kinds.EXTERNAL],
        "of strings": [each.name for each in held if each.data_type == kinds.STRING],
        "there more than once": [name for name, count in times.items() if count > 1],
        "sparse": [each.values.name for each in graph.sparse_initializer],
    }
    for what, names in refused.items():
        if names:
            verb = "is" if len(names) == 1 else "are"
            raise errors.DataError(
                f"{path}: {named(names)} {verb} {what}; expected arrays of numbers in the graph itself. Export it so: "
                f"{EXPORT}"
            )

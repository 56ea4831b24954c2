"""ONNX files: made of a program of torch.export, with names, metadata and narrow weights, and run by onnxruntime."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import ExportError, MissingExtra
from zoo.export.graphs import Graph, Tensors, quiet, refused

OPSET = 18
LEAST = 256  # numbers in a tensor that is worth storing in half the room


def check_extra() -> None:
    """Raise MissingExtra unless all is installed that ONNX files are made and run with."""
    how = "Install it with: pip install 'generative-zoo[export]'"
    if torch.__version__ < "2.5":  # which compares versions, not letters
        raise MissingExtra(f"ONNX files need torch 2.5, this is {torch.__version__}. {how}")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"ONNX files need {error.name}. {how}") from error


def converted(graph: Graph, program: torch.export.ExportedProgram) -> Any:
    """The program as an ONNX model (onnx.ModelProto) whose inputs and output are called as the ports of the graph.
    Raises ExportError for what ONNX has no operator for."""
    try:
        with torch.no_grad(), quiet():
            made = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=[port.name for port in graph.inputs],
                output_names=[graph.output.name],
                verbose=False,
            )
    except Exception as error:
        cause = _cause(error)
        if lacking := re.search(r"No ONNX function found for <OpOverload\(op='aten\.(\w+)'", str(cause)):
            cause = ExportError(f"ONNX has no operator for {lacking[1]}; export a program of torch, NAME.pt2")
        raise refused(graph, cause) from error
    assert made is not None
    model = made.model_proto
    model.producer_version = ""
    _clean(model.graph)
    used = _used(model.graph)
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)  # of which runtimes warn
    for port, value in zip([*graph.inputs, graph.output], [*model.graph.input, *model.graph.output], strict=True):
        assert port.name == value.name
        for length, dimension in zip(port.shape, value.type.tensor_type.shape.dim, strict=True):
            if isinstance(length, str):
                dimension.dim_param = length
    return model


def narrowed(model: Any) -> Any:
    """A copy of an ONNX model whose float32 tensors are stored as float16, with a cast for each. Small ones stay as
    they are, as do those with numbers that float16 has not."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    narrow = onnx.ModelProto()
    narrow.CopyFrom(model)
    casts = []
    for tensor in narrow.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < LEAST or not np.isfinite(half).all():
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}:float16"))
        casts.append(helper.make_node("Cast", [f"{name}:float16"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *narrow.graph.node]
    del narrow.graph.node[:]
    narrow.graph.node.extend(nodes)
    return narrow


def note(model: Any, about: dict[str, Any]) -> None:
    """Put `about` into the metadata of an ONNX model; what is no text as JSON."""
    for key, value in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Session:
    """An ONNX file, or its content, in onnxruntime."""

    def __init__(self, graph: Graph, source: Path | bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors, and no advice on what could be faster
        options.intra_op_num_threads = torch.get_num_threads()
        self.graph = graph
        try:
            self.session = onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of the runtime's own kinds, which have no common base
            raise refused(graph, error) from error

    def __call__(self, given: Tensors) -> Tensor:
        """The output for these inputs."""
        try:
            (result,) = self.session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
        except Exception as error:
            raise refused(self.graph, error) from error
        return torch.from_numpy(result)


def _clean(graph: Any) -> None:
    """Remove what the exporter notes of where each node comes from, also of graphs within nodes: paths of this machine,
    and more than half of the room."""
    del graph.value_info[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("doc_string")
        del part.metadata_props[:]
    for within in _within(graph):
        _clean(within)


def _used(graph: Any) -> set[str]:
    """The names of all that nodes take, also those of graphs within nodes, and of the output."""
    names = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    return names.union(*map(_used, _within(graph)))


def _within(graph: Any) -> list[Any]:
    """The graphs within nodes, such as the step of a scan."""
    return [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]


def _cause(error: BaseException) -> Exception:
    """The first of the errors of which this one came: the exporter's own are of its steps."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error if isinstance(error, Exception) else Exception(str(error))

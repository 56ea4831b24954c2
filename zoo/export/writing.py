"""Export files: made, run, compared with torch, and only then put in their place."""

from __future__ import annotations

import copy
import io
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo import golden as gold
from zoo._util import shortage
from zoo._util.atomic import replacing
from zoo._util.paths import user_path
from zoo._util.version import __version__
from zoo.errors import ExportError, InvalidInput, Widened, outside
from zoo.export import onnx_files
from zoo.export.graphs import METHODS, TRACED, Graph, Port, Tensors, traced
from zoo.model import Model

FORMAT = 1  # of the metadata; counted up when a later reader could misunderstand them
TRIED = (1, 5)  # samples with which a file is run, beside the golden ones
DTYPES = ("float16", "float32")
HALF_LEVEL = 0.5 / 255  # of 8 bits: the most that float16 may move a pixel on average
KEY = "zoo"  # of the metadata of an ONNX file; in a program it is the file zoo.json
EXTRA = "zoo.json"

Run = Callable[[Tensors], Tensor]


class Trial(NamedTuple):
    """Inputs, and what torch gives of them."""

    name: str
    given: Tensors
    expected: Tensor


@dataclass(frozen=True)
class Exported:
    """A file that was written. dtype: of its weights. differences: by what was tried, the largest difference from what
    torch gives, in the units of the output."""

    path: Path
    method: str
    dtype: str
    size: int
    inputs: list[Port]
    output: Port
    differences: dict[str, float]


def write(
    model: Model,
    path: str | Path,
    method: str | None = None,
    *,
    dtype: str | None = None,
    options: dict[str, Any] | None = None,
    golden: Path | None = None,
    license: str = "",
) -> Exported:
    """Write a `method` of `model`, the first of `METHODS` that it has unless given, as ONNX (`path` ends in .onnx) or
    as a program that `torch.export.load` reads (.pt2).

    The batch is open, and what is drawn, the condition and the temperature are inputs. dtype: of the weights in the
    file; computed is in float32 in any case. By default they are float16 in ONNX if that moves pixels by less than half
    an 8-bit level on average, and else float32, of which a warning (Widened) tells; in a program, and for words,
    float32. options: the model's own, which are fixed in the file. golden: a golden file of the model, whose inputs are
    tried as well. license: of the weights, for the metadata.

    The file is run with the golden inputs, one and five samples before it is put in its place: with float32 it must
    give what torch gives within `zoo.golden.TOLERANCE`, with float16 within `zoo.golden.LOSS`, but pixels within half a
    level. Raises ExportError for what cannot be exported or differs, CapabilityError for a method that the model does
    not have, InvalidInput for other names, and MissingExtra without the packages of the extra "export".
    """
    if not isinstance(model, Model):
        raise InvalidInput(f"{model!r} is no model. Load it first: zoo.load({str(model)!r}).")
    path = user_path(path)
    kind = path.suffix.lower()
    if kind not in (".onnx", ".pt2"):
        raise InvalidInput(f"{path} ends in {path.suffix!r}; expected a name such as model.onnx or model.pt2.")
    if dtype not in (None, *DTYPES) or (kind == ".pt2" and dtype == "float16"):
        known = "float32, the only one of programs" if kind == ".pt2" else ", ".join(DTYPES)
        raise InvalidInput(f"dtype={dtype!r}; expected {known}.")
    if kind == ".onnx":
        onnx_files.check_extra()
    chosen = method or next((each for each in METHODS if each in model.capabilities()), METHODS[0])
    with model.evaluating() as still:
        # A copy, whose weights lie as torch.export packs them, and not as a CPU computes with them.
        graph = Graph(copy.deepcopy(still).fuse().to(memory_format=torch.contiguous_format), chosen, options or {})
        program = traced(graph, graph.run(graph.example(TRACED, 0), 0, TRACED)[0])
        trials = list(_trials(graph, golden))  # which a long sampler takes a while for, and no graph of it may be
        about = _metadata(graph, license)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            if kind == ".pt2":
                stored, differences = "float32", _write_program(graph, program, about, trials, temporary)
            else:
                stored, differences = _write_onnx(graph, program, about, trials, temporary, dtype)
            size = temporary.stat().st_size
    return Exported(path, chosen, stored, size, graph.inputs, graph.output, differences)


def _write_onnx(
    graph: Graph,
    program: torch.export.ExportedProgram,
    about: dict[str, Any],
    trials: list[Trial],
    path: Path,
    dtype: str | None,
) -> tuple[str, dict[str, float]]:
    """Write ONNX; the type of the weights, and the differences."""
    made = onnx_files.converted(graph, program)
    _tried(graph, trials, onnx_files.Session(graph, made.SerializeToString()))

    def stored(kind: str) -> tuple[dict[str, float], float]:
        model = onnx_files.narrowed(made) if kind == "float16" else made
        onnx_files.note(model, {**about, "dtype": kind})
        path.write_bytes(model.SerializeToString())
        return _tried(graph, trials, onnx_files.Session(graph, path), exact=kind == "float32")

    if dtype is None and graph.output.kind == graph.model.space.noun and graph.model.space.categorical:
        dtype = "float32"  # where one word that is drawn is another, so is all after it
    if dtype != "float32":
        differences, lost = stored("float16")
        if lost <= 1:
            return "float16", differences
        summary = f"{graph.method} of {graph.model.name} with float16 weights is {lost:.3g} times as far off as may be"
        if dtype is not None:
            raise ExportError(f"{summary}; nothing was written. Pass dtype=float32.")
        warnings.warn(f"{summary}, so that they are stored as float32.", Widened, stacklevel=outside())
    return "float32", stored("float32")[0]


def _write_program(
    graph: Graph, program: torch.export.ExportedProgram, about: dict[str, Any], trials: list[Trial], path: Path
) -> dict[str, float]:
    """Write a program of torch.export; the differences."""
    for tensors in (program.state_dict, program.constants):
        for name, tensor in tensors.items():
            # Of a view torch may write all that it is a view of, and of one without numbers what it cannot read.
            if isinstance(tensor, Tensor) and tensor.untyped_storage().nbytes() > tensor.nbytes:
                tensors[name] = tensor.detach().clone()
    new = io.BytesIO()  # of a file that cannot be written whole torch ends the process
    torch.export.save(program, new, extra_files={EXTRA: json.dumps(about, ensure_ascii=False)})
    with new.getbuffer() as content:  # which is let go before `new` is, even where the disk is full
        path.write_bytes(content)
    with path.open("rb") as written:
        loaded = torch.export.load(written).module()

    def run(given: Tensors) -> Tensor:
        try:
            with torch.no_grad():
                result: Tensor = loaded(given)
        except Exception as error:  # a program checks what it was made for
            if shortage.explain(error):
                raise
            raise ExportError(
                f"{graph.method} of {graph.model.name} cannot be a program: torch fixes in it how many samples there "
                "are, or their size. Export it as ONNX, to a name such as model.onnx."
            ) from error
        return result

    return _tried(graph, trials, run)[0]


def _trials(graph: Graph, golden: Path | None) -> Iterator[Trial]:
    """What the file is run with: golden inputs, if there are any of the method under these options, and some more."""
    chosen = {name: value for name, value in graph.options.items() if name != "tile"}
    for call, given, expected in gold.examples(golden) if golden is not None else ():
        arguments, n = call["arguments"], len(expected)
        if call["method"] != graph.method or chosen != {key: arguments[key] for key in ("to",) if key in arguments}:
            continue
        inputs = {} if given is None else {graph.taken: given}
        if "condition" in arguments:
            inputs["condition"] = graph.condition(arguments["condition"], n)
        yield Trial("golden", graph.run(inputs, arguments.get("seed", 0), n)[0], expected)
    for n in TRIED:
        yield Trial(f"n = {n}", *graph.run(graph.example(n, n), n, n))


def _tried(graph: Graph, trials: list[Trial], run: Run, *, exact: bool = True) -> tuple[dict[str, float], float]:
    """By trial the largest difference, and how much is lost on average, as a share of what may be. Raises ExportError
    for a wrong shape and, if `exact`, for a difference above tolerance."""
    model, method, found, lost = graph.model, graph.method, dict[str, float](), 0.0
    may = HALF_LEVEL if method in gold.SAMPLES and model.space.limits == (0.0, 1.0) else gold.LOSS[method]
    for trial in trials:
        got, wanted = run(trial.given), trial.expected
        if got.shape != wanted.shape:
            shapes = f"{tuple(got.shape)} in place of {tuple(wanted.shape)}"
            raise ExportError(f"{method} of {model.name} as exported gives {shapes} ({trial.name}).")
        largest, share = gold.differs(model, method, got, wanted)
        if exact and share > 1:
            raise ExportError(
                f"{method} of {model.name} as exported differs from torch by up to {largest:.3g}, {share:.3g} times "
                f"what is tolerated ({trial.name}); nothing was written."
            )
        found[trial.name] = largest
        if wanted.numel() > 1:  # of which there is a deviation
            lost = max(lost, gold.loss(model, method, got, wanted) / may)
    return found, lost


def _metadata(graph: Graph, license: str) -> dict[str, Any]:
    """What a file says of itself: plain entries for people, and KEY for programs."""
    model, came = graph.model, graph.model.provenance
    ports = {"inputs": [port.to_dict() for port in graph.inputs], "outputs": [graph.output.to_dict()]}
    options = {name: value for name, value in graph.options.items() if name != "tile"}
    return {
        "name": model.name,
        "architecture": came.architecture,
        "method": graph.method,
        "space": str(model.space),
        "sha256": came.sha256 or "",
        "license": license,
        KEY: {"format": FORMAT, "version": __version__, "method": graph.method, "options": options, **ports},
    }

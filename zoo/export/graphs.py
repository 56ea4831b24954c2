"""A method of a model as a graph: a function of named tensors, among which are its noise, its condition and the
temperature; and what each of them is.

A method is taken by its hook, as `Model` calls it. What the hook draws from its noise is noted when it is run, and is
an input of the graph instead: whoever runs the graph draws it.
"""
# Long because what a graph cannot be is told of each method, before it is traced.

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from zoo._util import shortage
from zoo.conditions import Labels, Texts
from zoo.errors import ExportError
from zoo.golden import source_shape
from zoo.model import Model
from zoo.nn.autoregressive import InverseAutoregressive, MaskedAutoregressive
from zoo.noise import Noise
from zoo.spaces import Images, Space
from zoo.texts import END, FIRST, UNKNOWN

# What a hook is called with, in order; "samples" are of the model's space, "sources" what is translated.
ARGUMENTS = {
    "generate": ("noise", "condition", "temperature"),
    "translate": ("sources", "noise", "temperature"),
    "decode": ("latents", "condition"),
    "encode": ("samples", "condition", "noise"),
    "classify": ("samples", "noise"),
    "log_prob": ("samples", "condition", "noise"),
}
METHODS = tuple(ARGUMENTS)  # the first that a model has is what is written unless told otherwise
BATCH = "batch"
BACKWARDS = ("generate", "decode")  # what goes through a flow from latents to samples
# Numbers that a graph finds one after another, or times that it draws noise: 784 of MNIST took more than twenty minutes
# and no end, and 2,001 draws of Gibbs sampling more than six.
IN_TURN = 64
TRACED = 3  # samples with which a graph is made: of 1 it would take the number for fixed

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Port:
    """An input or the output of a graph.

    kind: "noise", "latent", "condition", "option", "log_prob", "probability", or what the space calls a sample: "image"
    or "row". shape: numbers, and words for what is open: "batch", "height", "4*width". about: what else there is to
    know, such as the `range` of its values, the `distribution` of noise, `classes`, a `vocabulary`.
    """

    name: str
    kind: str
    dtype: str
    shape: tuple[int | str, ...]
    about: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the metadata of a file."""
        return {"name": self.name, "kind": self.kind, "dtype": self.dtype, "shape": list(self.shape), **self.about}


class _Noted(Noise):
    """Noise that notes what is drawn from it."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.draws: list[tuple[dict[str, Any], Tensor]] = []

    def normal(self, *shape: int) -> Tensor:
        return self._noted({"distribution": "normal"}, super().normal(*shape))

    def uniform(self, *shape: int) -> Tensor:
        return self._noted({"distribution": "uniform", "range": [0, 1]}, super().uniform(*shape))

    def integers(self, high: int) -> Tensor:
        return self._noted({"distribution": "integers", "range": [0, high - 1]}, super().integers(high))

    def _noted(self, about: dict[str, Any], values: Tensor) -> Tensor:
        self.draws.append((about, values))
        return values


class _Given(Noise):
    """Noise whose draws are given, in the order in which they are asked for."""

    def __init__(self, draws: Iterable[Tensor]) -> None:
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self._draws = iter(draws)

    def __len__(self) -> int:
        raise ExportError("it needs to know how many samples there are, which a graph leaves open")

    @property
    def seed(self) -> int:  # type: ignore[override]
        raise ExportError("it draws what all samples of a seed share, and a graph has no seed")

    def normal(self, *shape: int) -> Tensor:
        return next(self._draws)

    def uniform(self, *shape: int) -> Tensor:
        return next(self._draws)

    def integers(self, high: int) -> Tensor:
        return next(self._draws)


class Graph(nn.Module):
    """`method` of `model`, which is in eval mode, under these options of its own: of named tensors, the result.

    Raises CapabilityError for a method that the model does not have, InvalidInput for an option that it does not have,
    and ExportError for what no graph can do.
    """

    def __init__(self, model: Model, method: str, options: dict[str, Any]) -> None:
        super().__init__()
        model.require(method)
        if reason := _refusal(model, method):
            raise ExportError(reason)
        if "tile" in model.options(method):  # what is cut depends on the size
            options = {"tile": 0, **options}
        self.model, self.method, self.options = model, method, options
        self.hook = model._with_options(model.hooks[method], options)
        self.inputs: list[Port] = []
        self.output = Port("", "", "", ())

    def forward(self, given: Tensors) -> Tensor:
        noise = _Given(tensor for name, tensor in given.items() if name.startswith("noise"))
        try:
            return self._called(given, noise)
        except RuntimeError as error:
            from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode as Decides  # slow to import

            if not isinstance(error, Decides):
                raise
            # Told here, since torch would print all that it has traced so far.
            raise ExportError(
                "what it does next depends on numbers that it has computed, and a graph does the same for all"
            ) from None

    def run(self, given: Tensors, seed: int, n: int) -> tuple[Tensors, Tensor]:
        """What torch computes of `given` with `n` samples of a seed's noise, and `given` with what was drawn of it.
        The first run says what the inputs and the output are. Raises ExportError if noise is drawn too often."""
        noise = type(_Noted.__name__, (_Noted, self.model.noise_class), {})(seed, 0, n)  # what the model draws itself
        with torch.inference_mode(False), torch.no_grad():
            result = self._called(given, noise)
        if (times := len(noise.draws)) > IN_TURN:
            raise ExportError(
                f"{self.method} of {self.model.name} draws noise {times} times, and a graph with a step for each "
                "cannot be made in reasonable time. Export another method, or pass zoo.export.write options with which "
                f"it draws at most {IN_TURN} times."
            )
        names = [f"noise_{i}" for i in range(1, len(noise.draws) + 1)] if noise.draws[1:] else ["noise"]
        drawn = {name: values for name, (_, values) in zip(names, noise.draws, strict=False)}
        given = {**drawn, **given, **({"temperature": torch.ones(())} if drawn and self._has("temperature") else {})}
        if not self.inputs:
            about = {name: about for name, (about, _) in zip(names, noise.draws, strict=False)}
            self.inputs = [self._input(name, tensor, about.get(name, {})) for name, tensor in given.items()]
            self.output = self._result(result)
        return given, result

    @property
    def taken(self) -> str:
        """The argument that the method is called with first."""
        return ARGUMENTS[self.method][0]

    def example(self, n: int, seed: int) -> Tensors:
        """Inputs for `n` samples but for what is noise. What is translated is larger in some, if it may be."""
        model, noise, given = self.model, Noise(seed, 0, n, stream="export"), Tensors()
        if self._has("samples"):
            samples = model.space.example(n, noise)
            given["samples"] = samples.to(self._precision()) if samples.is_floating_point() else samples
        if self._has("sources") and not isinstance(model.source_space, Images):
            given["sources"] = model.source_space.example(n, noise)
        elif self._has("sources"):
            channels, height, width = source_shape(model)
            # Not of the smallest size, at which a layer with one pixel on a side would be taken to have no other.
            more = model.multiple if n in (1, TRACED) else 0
            given["sources"] = noise.uniform(channels, height + more, width + 2 * more)
        if self._has("latents"):
            given["latents"] = noise.normal(*model.latent_shape)
        if self._has("condition") and model.condition.name is not None:
            given["condition"] = self.condition(model.condition.example(n), n)
        return given

    def condition(self, given: Any, n: int) -> Tensor:
        """`n` conditions as the graph takes them: indices of classes, or of the words of texts, before these are
        embedded."""
        rows = self.model.condition.parse(given, n)
        return (rows if len(rows) == n else rows.expand(n, *rows.shape[1:])).contiguous()

    def _called(self, given: Tensors, noise: Noise) -> Tensor:
        condition = given.get("condition")
        if condition is not None and self.model.condition.embedded:
            condition = self.model._embed(condition)
        values = {"temperature": 1.0, **given, "noise": noise, "condition": condition}
        return self.hook(self.model, *(values[name] for name in ARGUMENTS[self.method]))

    def _has(self, argument: str) -> bool:
        return argument in ARGUMENTS[self.method]

    def _precision(self) -> torch.dtype:
        """Of vectors that go in: what the columns are standardised in."""
        standard = self.model.standard
        return torch.float32 if standard is None else standard.location.dtype

    def _input(self, name: str, tensor: Tensor, about: dict[str, Any]) -> Port:
        model, shape = self.model, (BATCH, *tensor.shape[1:])
        if name.startswith("noise"):
            return Port(name, "noise", _kind(tensor), shape, about)
        if name == "temperature":
            return Port(name, "option", _kind(tensor), (), {"range": [0, None], "default": 1.0})
        if name == "latents":
            return Port(name, "latent", _kind(tensor), shape)
        if name == "condition":
            return Port(name, "condition", _kind(tensor), shape, _of_condition(model))
        if name == "sources" and (multiple := model.multiple):
            shape = (BATCH, tensor.shape[1], "height", "width")
            about = {"multiple": multiple, "smallest": model.smallest}
        space = model.source_space if name == "sources" else model.space
        return Port(name, space.noun, _kind(tensor), shape, _of_space(model, space) | about)

    def _result(self, result: Tensor) -> Port:
        shape, kind = (BATCH, *result.shape[1:]), _kind(result)
        if self.method == "encode":
            return Port("latents", "latent", kind, shape)
        if self.method == "log_prob":
            return Port("log_prob", "log_prob", kind, shape, {"unit": "nats"})
        if self.method == "classify":
            return Port("probabilities", "probability", kind, shape, {"range": [0, 1]})
        if self.method == "translate" and self.model.multiple:
            times = f"{self.model.enlargement}*" if self.model.enlargement > 1 else ""
            shape = (BATCH, result.shape[1], f"{times}height", f"{times}width")
        return Port(
            f"{self.model.space.noun}s", self.model.space.noun, kind, shape, _of_space(self.model, self.model.space)
        )


def traced(graph: Graph, given: Tensors) -> torch.export.ExportedProgram:
    """The graph as a program in which all is open that its ports name. Raises ExportError if torch cannot make one."""
    lengths = {BATCH: torch.export.Dim(BATCH)}
    for side in ("height", "width"):
        unit = max(graph.model.multiple, 1)
        open_side = torch.export.Dim(f"_{side}" if unit > 1 else side, min=-(-max(graph.model.smallest, 4) // unit))
        lengths[side] = unit * open_side if unit > 1 else open_side
    shapes = {
        port.name: {i: lengths[length] for i, length in enumerate(port.shape) if isinstance(length, str)}
        for port in graph.inputs
    }
    try:
        with torch.inference_mode(False), torch.no_grad(), quiet():
            return torch.export.export(graph, (given,), dynamic_shapes=(shapes,))
    except Exception as error:  # of whatever kind a model's code brings about
        raise refused(graph, error) from error


def refused(graph: Graph, error: Exception) -> Exception:
    """What is raised where torch, or a runtime, cannot take a graph: a sentence with its reason; or the error itself,
    if memory or room is at fault."""
    if shortage.explain(error):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines[0] if lines else type(error).__name__)[:200].rstrip(".")
    return ExportError(f"{graph.method} of {graph.model.name} cannot be exported: {reason}.")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What torch logs and warns of while it traces and converts, of its own innards, is nobody's."""
    loggers = [logging.getLogger(name) for name in ("torch", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _refusal(model: Model, method: str) -> str:
    """Why a method cannot be a graph, in a sentence; empty if nothing is known against it."""
    name = model.name
    if method not in ARGUMENTS:
        return f"{method} of {name} is a plugin's own, which zoo cannot export. What it can: {', '.join(METHODS)}."
    if method == "encode" and model.encodes_by == "optimisation":
        return f"encode of {name} is a search by optimisation and no graph. Export decode, and search with that."
    if method == "log_prob" and (isinstance(model.space, Images) or model.log_prob_kind != "exact"):
        return (
            f"log_prob of {name} cannot be exported: only exact densities can, and not of images, in reasonable time."
        )
    if (steps := _in_turn(model, method)) > IN_TURN:
        other = "encode" if method in BACKWARDS else "decode"
        return (
            f"{method} of {name} finds {steps} numbers one after another, and a graph with a step for each cannot be "
            f"made in reasonable time. Export {other}."
        )
    if model.training or model.dtype != torch.float32 or model.device.type != "cpu":
        return f"{name} is in {model.dtype} on {model.device}. Load it in float32 on the CPU, and export that."
    return ""


def _in_turn(model: Model, method: str) -> int:
    """How many numbers an autoregressive flow finds one after another in `method`; 0 where it finds all at once."""
    turned = {each.turned for each in model.modules() if isinstance(each, InverseAutoregressive)}
    layers = (each for each in model.modules() if isinstance(each, MaskedAutoregressive))
    found = [each for each in layers if (each not in turned) == (method in BACKWARDS)]
    return model.space.dimensions if found else 0


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _of_space(model: Model, space: Space) -> dict[str, Any]:
    low, high = space.limits
    about: dict[str, Any] = {"space": space.name, **space.explained}
    if space.bounded:
        about["range"] = [low, high]
    if columns := model.provenance.columns or space.columns:
        about["columns"] = list(columns)
    return about


def _of_condition(model: Model) -> dict[str, Any]:
    condition = model.condition
    about: dict[str, Any] = {"condition": condition.name}
    if isinstance(condition, Labels):
        about |= {"range": [0, len(condition.classes) - 1], "classes": list(condition.classes)}
    if isinstance(condition, Texts):  # word k of the vocabulary is FIRST + k; texts are lower case runs of letters
        indices = {"end": END, "unknown": UNKNOWN, "first": FIRST}
        about |= {"range": [0, FIRST + len(condition.vocabulary) - 1], "vocabulary": list(condition.vocabulary)}
        about |= {"indices": indices}
    return about

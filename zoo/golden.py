"""Golden tensors: results of a release's model, stored beside its weights, that any later version must give again.

The file is safetensors: float32, or float64 if the samples are, but for pixels, which take half the room in 16 bits,
with 65535 for 1. Its metadata lists the calls: method, arguments, and the names of the tensors that went in and came
out, so that `verify` replays them without knowing the model.
"""
# Long because what a golden file may hold is checked as closely as what it is to prove.

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from zoo import spaces
from zoo._util import shortage
from zoo._util.atomic import replacing
from zoo.conditions import Images
from zoo.errors import (
    GoldenMismatch,
    GoldenTooLarge,
    InvalidInput,
    NotSafetensors,
    WeightsError,
    WeightsNotFound,
    ZooError,
)
from zoo.model import Model
from zoo.noise import Noise
from zoo.releases.cards import BUDGETS, GOLDEN
from zoo.weights import read_tensors

BUDGET = BUDGETS[GOLDEN]  # bytes of the file

# Methods that return samples, of which pixels are stored as levels; how many levels there are above 0.
SAMPLES, LEVELS = ("generate", "decode", "translate"), 65535
CALLS, ROWS, ARGUMENTS = 16, 16, {"n", "seed", "condition", "to"}  # what a file may ask for; more than is written
LEAST = 24  # pixels on a side of the images that a model is given to translate

# A result may differ by absolute + relative · |expected|, for float32 on a CPU. A flow spreads flat regions of an image
# over its whole latent space, and rounding with them: latents may differ by more than images.
TOLERANCE = {
    "generate": (1e-4, 0.0),
    "decode": (1e-4, 0.0),
    "translate": (1e-4, 0.0),
    "encode": (1e-3, 1e-3),
    "log_prob": (1e-3, 1e-4),
    "classify": (1e-3, 0.0),
}

# What narrower weights may cost on average: shares of the range of pixels or of a column's deviation, of latents'
# deviation, nats a dimension, probability.
LOSS = {"generate": 0.01, "decode": 0.01, "translate": 0.01, "encode": 0.03, "log_prob": 0.003, "classify": 0.01}


@dataclass(frozen=True)
class Difference:
    """How far a call's result is from the stored one: the largest |got − expected|, and that as a share of what is
    tolerated (above 1 is a mismatch)."""

    call: str
    largest: float
    share: float


def write(model: Model, path: str | Path, *, seed: int = 0) -> Path:
    """Store what `model` generates, decodes, translates, encodes, scores and classifies in a golden file of at most 200
    KiB; returns the path.

    Two samples of `seed` are generated, two latents decoded, two images translated, and what was generated, or else
    translated, is encoded, scored and classified: one each if two take more than a quarter of the budget, and whatever
    does not fit then is left out, as is the encode of a model without an encoding network, since a search magnifies
    rounding. The metadata says so. Run it on a float32 CPU model.
    """
    path = Path(path)
    for n, methods in _plans(model):
        left_out = dict.fromkeys(TOLERANCE.keys() & model.capabilities() - methods, "does not fit into the budget")
        if "encode" in model.capabilities() and model.encodes_by != "network":
            left_out["encode"] = f"is an {model.encodes_by}, which magnifies rounding"
        calls, tensors = _record(model, n, methods, seed)
        about = {"torch": torch.__version__, "calls": calls, "left out": left_out}
        content = save(
            {name: _packed(tensor) for name, tensor in tensors.items()}, metadata={"zoo-golden": json.dumps(about)}
        )
        if len(content) <= (BUDGET if n == 1 else BUDGET // 4):  # the package holds dozens of these files
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
            return path
    raise GoldenTooLarge(
        f"one {model.space.noun} {model.space.shape} is more than the {BUDGET} bytes of a golden file. Do without one."
    )


def verify(model: Model, path: str | Path) -> list[Difference]:
    """Repeat the calls of a golden file and compare; the difference of each, in order.

    Raises GoldenMismatch naming the worst call when any is above tolerance, WeightsNotFound when the file is missing
    and NotSafetensors when it is damaged or no golden file.
    """
    path = Path(path)
    calls, tensors = _read(path)
    differences = [_compare(model, call, tensors, path) for call in calls]
    worst = max(differences, key=lambda difference: difference.share)
    if worst.share > 1:
        raise GoldenMismatch(
            f"{worst.call} of {model.provenance.release or model.provenance.architecture} differs from {path} by up "
            f"to {worst.largest:.3g}, {worst.share:.3g} times what is tolerated. The weights, the model's code or the "
            "file changed: restore it, or, if the change is meant, make the release again."
        )
    return differences


def lost(exact: Model, stored: Model, *, n: int = 8, seed: int = 0) -> dict[str, float]:
    """What the results of `exact` lose where its weights are `stored` in fewer digits, by method: a share of what is
    tolerated (`LOSS`), infinite for NaN. Above 1 is too much."""
    methods = next(_plans(exact))[1]
    calls, tensors = _record(exact, n, methods, seed)
    shares: dict[str, float] = {}
    for call in calls:
        name, expected = call["method"], tensors[_output(call)].double()
        if exact.space.categorical and name in SAMPLES:  # where one word that is drawn is another, so is all after it
            continue
        try:
            got = _call(stored, call, tensors).double()
        except (WeightsError, InvalidInput):  # of NaN
            got = torch.full_like(expected, math.nan)
        shares[name] = max(shares.get(name, 0.0), loss(exact, name, got, expected) / LOSS[name])
    return shares


def loss(model: Model, method: str, got: Tensor, expected: Tensor) -> float:
    """The mean |got − expected| of what a `method` of a model gave, in the units of `LOSS`; infinite for NaN."""
    got, expected = got.double(), expected.double()
    if method in SAMPLES:
        got, expected = (model.standardised(part).cpu() for part in (got, expected))
    unit = expected.std() if method == "encode" else model.space.dimensions if method == "log_prob" else 1.0
    return float(((got - expected).abs().mean() / unit).nan_to_num(nan=math.inf))


def _plans(model: Model) -> Iterator[tuple[int, set[str]]]:
    """Numbers of samples with the methods to record, from the most to the least that may fit."""
    methods = TOLERANCE.keys() & model.capabilities()
    if model.encodes_by != "network":
        methods.discard("encode")
    yield 2, set(methods)
    yield 1, set(methods)
    for large in ("encode", "decode", "log_prob", "classify"):
        methods.discard(large)
        yield 1, set(methods)


def _record(model: Model, n: int, methods: set[str], seed: int) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """The calls of `methods` and all their tensors by name. Samples that go in are those that were generated; what
    translates both ways does so."""
    example = model.condition.example(n)
    condition: dict[str, Any] = {} if example is None else {"condition": example}
    translate: dict[str, Any] = {"method": "translate", "input": "sources", "arguments": {"seed": seed}}
    # Where probabilities of pixels are generated, black and white ones are scored.
    made = "generate" if "generate" in methods else "translate"
    scored = "rounded" if model.space.probabilities else made
    calls: list[dict[str, Any]] = [
        {"method": "generate", "input": None, "arguments": {"n": n, "seed": seed, **condition}},
        {"method": "decode", "input": "latents", "arguments": condition},
        translate,
        {"method": "encode", "input": made, "arguments": condition},
        {"method": "log_prob", "input": scored, "arguments": {"seed": seed, **condition}},
        {"method": "classify", "input": made, "arguments": {"seed": seed}},
    ]
    if model.domains:
        back = {**translate["arguments"], "to": model.domains[0]}
        calls.append({**translate, "arguments": back, "output": "back"})
    calls = [call for call in calls if call["method"] in methods]
    tensors: dict[str, Tensor] = {}
    if "translate" in methods:
        tensors["sources"] = _sources(model, Noise(seed, 0, n, stream="golden"))
    if "decode" in methods:
        tensors["latents"] = Noise(seed, 0, n, stream="golden").normal(*model.latent_shape)
    for call in calls:
        result, pixels = _call(model, call, tensors), model.space.limits == (0.0, 1.0)
        tensors[_output(call)] = _as_stored(result) if call["method"] in SAMPLES and pixels else result
        if scored == "rounded" and call["method"] == "generate":
            tensors[scored] = tensors["generate"].round()
    return calls, tensors


def source_shape(model: Model, *, trained: bool = False) -> tuple[int, int, int]:
    """Of the images (channels, height, width) that a model which translates is given: as small as it takes
    without padding and not below 24 pixels, which spares time; or, if it takes one size only or for training, of the
    size that it is trained on."""
    height, width = (side // model.enlargement for side in model.space.shape[1:])
    if model.multiple and not trained:
        height = width = math.ceil(max(LEAST, model.smallest) / model.multiple) * model.multiple
    # What is conditioned on no images translates samples of its own.
    channels = model.condition.channels if isinstance(model.condition, Images) else model.space.shape[0]
    return channels, height, width


def _sources(model: Model, noise: Noise) -> Tensor:
    """What is translated, a row for each of the noise."""
    if translates_images(model):
        return _as_stored(noise.uniform(*source_shape(model)))
    return model.source_space.example(len(noise), noise)


def translates_images(model: Model) -> bool:
    """Whether what a model translates are images, and not samples of another space."""
    return isinstance(model.condition, Images) or isinstance(model.source_space, spaces.Images)


def _as_stored(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] as what is stored gives them again: the calls that they go into shall be given the same."""
    return (pixels * LEVELS).round() / LEVELS


def _packed(tensor: Tensor) -> Tensor:
    """As it is stored: what `_as_stored` made has whole multiples of 1/65535 only, and fits into 16 bits."""
    if not tensor.is_floating_point() or tensor.dtype == torch.float64:
        return tensor
    levels = (tensor * LEVELS).round()
    whole = bool((levels >= 0).all() and (levels <= LEVELS).all()) and torch.equal(levels / LEVELS, tensor)
    return levels.to(torch.int32).to(torch.uint16) if whole else tensor


def _unpacked(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32) / LEVELS if tensor.dtype == torch.uint16 else tensor


def _call(model: Model, call: dict[str, Any], tensors: dict[str, Tensor]) -> Tensor:
    inputs = [] if call["input"] is None else [tensors[call["input"]]]
    result: Tensor = getattr(model, call["method"])(*inputs, **call["arguments"])
    exact = result.dtype == torch.float64 or not result.is_floating_point()
    return (result if exact else result.float()).cpu().contiguous()


def _current(call: dict[str, Any]) -> dict[str, Any]:
    """A call as it is written now: translating was once a kind of generating, under the condition "sources"."""
    if call["arguments"].get("condition") != "sources":
        return call
    arguments = {name: value for name, value in call["arguments"].items() if name not in ("n", "condition")}
    output = {"output": _output(call)}
    return {**call, **output, "method": "translate", "input": "sources", "arguments": arguments}


def _output(call: dict[str, Any]) -> str:
    """The name of the tensor that came out: the method's, unless it is called twice."""
    return str(call.get("output", call["method"]))


def _compare(model: Model, call: dict[str, Any], tensors: dict[str, Tensor], path: Path) -> Difference:
    arguments = [call["input"]] if call["input"] else []
    arguments += [f"{name}={value!r}" for name, value in call["arguments"].items()]
    name = f"{call['method']}({', '.join(arguments)})"
    try:
        got, expected = _call(model, call, tensors), tensors[_output(call)]
    except ZooError:
        raise
    except Exception as error:  # of whatever kind arguments of another kind bring about
        if shortage.explain(error):
            raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise NotSafetensors(f"{path} lists {name[:200]}, which fails with {reason}. Restore the file.") from error
    if got.shape != expected.shape:
        return Difference(name, math.inf, math.inf)
    return Difference(name, *differs(model, call["method"], got, expected))


def differs(model: Model, method: str, got: Tensor, expected: Tensor) -> tuple[float, float]:
    """How far what a `method` of a model gave is from what it should: the largest |got − expected|, infinite for NaN,
    and that as a share of what is tolerated."""
    absolute, relative = TOLERANCE[method]
    if not model.space.bounded:  # but of any size, as may be the rounding
        relative = max(relative, absolute)
    if got.dtype == torch.float64:
        expected = expected.double()
    else:
        got, expected = got.float(), expected.float()
    if method in SAMPLES:
        got, expected = (model.standardised(part) for part in (got, expected))
    # NaN compares as unequal to everything, so it must not pass as a small difference.
    gaps = (got - expected).abs().nan_to_num(nan=math.inf)
    return gaps.max().item(), (gaps / (absolute + relative * expected.abs())).max().item()


def examples(path: Path) -> Iterator[tuple[dict[str, Any], Tensor | None, Tensor]]:
    """The calls of a golden file, each with the tensor that went in, if one did, and the one that came out. Raises as
    `verify` does for the file."""
    calls, tensors = _read(path)
    for call in calls:
        yield call, tensors[call["input"]] if call["input"] else None, tensors[_output(call)]


def _read(path: Path) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsNotFound(
            f"{path} is not there, so nothing tells whether the model still gives the results it was released with. "
            "zoo train writes it; for weights at hand, call zoo.golden.write(model, path)."
        )
    try:
        metadata, stored = read_tensors(path)
        calls = [_current(call) for call in json.loads(metadata["zoo-golden"])["calls"]]
        tensors = {key: _unpacked(tensor) for key, tensor in stored.items()}
        held = 0 < len(calls) <= CALLS and all(_is_small(call, tensors) for call in calls)
    except (NotSafetensors, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        why = str(error)[:200]
        raise NotSafetensors(f"{path} is damaged or no golden file: {why}. Restore it, or write it again.") from error
    if not held:
        lacks = "lists calls whose tensors it does not hold, or that no golden file has"
        raise NotSafetensors(f"{path} {lacks}. Restore it, or write it again.")
    return calls, tensors


def _is_small(call: dict[str, Any], tensors: dict[str, Tensor]) -> bool:
    """Whether a call is one that `write` would have noted: any number of samples, or a model's option such as a number
    of steps, could keep a machine busy for ever."""
    rows, arguments = len(tensors[_output(call)]), call["arguments"]
    counted = call["method"] != "generate" or arguments["n"] == rows
    return (
        call["method"] in TOLERANCE
        and call["input"] in (None, *tensors)
        and arguments.keys() <= ARGUMENTS
        and counted
        and rows <= ROWS
    )

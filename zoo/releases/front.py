"""What must be true of a card's front matter, block by block."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from zoo._util.printable import brief
from zoo.errors import CardError

LENGTHS = {"images": 3, "binary-images": 3, "vectors": 1}  # of a sample's shape, in spaces known here


def check_keys(where: Path, block: str, values: Any, keys: dict[str, type]) -> None:
    if not isinstance(values, dict):
        raise CardError(f"{where}: {block} is {type(values).__name__}; expected a mapping.")
    for key, kind in keys.items():
        if key not in values:
            raise CardError(f"{where}: {block} lacks {key!r}. Compare with the card of another release.")
        if not isinstance(values[key], kind) or (kind is int and isinstance(values[key], bool)):
            raise CardError(f"{where}: {block}.{key} is {type(values[key]).__name__}; expected {kind.__name__}.")


def check_shape(where: Path, space: str, shape: list[Any]) -> None:
    whole = [size for size in shape if isinstance(size, int) and not isinstance(size, bool) and size > 0]
    # What the sizes of other spaces mean is known to the plugins that brought them.
    if len(shape) != LENGTHS.get(space, len(shape)) or not shape or len(whole) != len(shape):
        wanted = {3: "[channels, height, width]", 1: "[features]"}.get(LENGTHS.get(space, 0), "a list of sizes")
        wanted += "" if space != "images" else ", or [features]"
        raise CardError(f"{where}: zoo.data.shape is {brief(shape)}, of {space}; expected {wanted}.")


def check_metrics(where: Path, index: Any) -> None:
    """The Hub's model-index is a list of models with a list of results, each with a list of metrics."""
    if not isinstance(index or [], list):
        raise CardError(f"{where}: model-index is {type(index).__name__}; expected a list.")
    for model in index or []:
        check_keys(where, "model-index", model, {"results": list})
        for result in model["results"]:
            check_keys(where, "model-index.results", result, {"metrics": list})
            for metric in result["metrics"]:
                check_keys(where, "model-index.results.metrics", metric, {"type": str, "name": str, "value": object})
                args = metric.get("args") or {}
                check_keys(where, "model-index.results.metrics.args", args, {})
                seeds = args.get("seeds") or {}
                check_keys(where, "model-index.results.metrics.args.seeds", seeds, {})
                floors = [args[key] for key in ("floor", "floor_train") if args.get(key) is not None]
                for number in [metric["value"], *floors, *seeds.values()]:
                    if isinstance(number, bool) or not isinstance(number, (int, float)):
                        what = f"metric {brief(metric['name'])} has {brief(number)}"
                        raise CardError(f"{where}: {what}; expected a number.")
                    if isinstance(number, int) and abs(number) > sys.float_info.max:
                        raise CardError(f"{where}: metric {brief(metric['name'])} has a number beyond all numbers.")


def check_directions(where: Path, directions: Any) -> None:
    """The numbers of directions of latents, by attribute, stand in a text each, apart by spaces. Not all are 0."""
    check_keys(where, "zoo.weights.directions", directions, {})
    for name, text in directions.items():
        try:
            numbers = [float(word) for word in text.split()]
            fits = isinstance(name, str) and all(map(math.isfinite, numbers)) and any(numbers)
        except (AttributeError, ValueError):  # no text, or no number
            fits = False
        if not fits:
            what = f"{where}: zoo.weights.directions has {brief(text)} for {brief(name)}"
            raise CardError(
                f"{what}; expected a text of numbers that are not all 0. Write them with: zoo arithmetic --write"
            )


def check_numbers(where: Path, front: Any) -> None:
    """Raise CardError for an integer beyond all floats: YAML has hexadecimal ones of any length, which Python neither
    writes out nor computes with."""
    values = [front]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set)):
            values += value
        elif isinstance(value, int) and abs(value) > sys.float_info.max:
            raise CardError(f"{where}: a number in its front matter is beyond all numbers. Restore the card.")

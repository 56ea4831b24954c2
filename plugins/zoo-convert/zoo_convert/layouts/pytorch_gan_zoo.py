"""PGAN of facebookresearch/pytorch_GAN_zoo: the generator of progressive growing."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch import Tensor

from zoo_convert.layout import Layout, Row, Shapes

REPOSITORY = "https://github.com/facebookresearch/pytorch_GAN_zoo"
COMMIT = "b75dee40918caabb4fe7ec561522717bf096a8cb"


def config(shapes: Shapes) -> dict[str, Any]:
    scales = len({key.split(".")[1] for key in shapes if key.startswith("toRGBLayers.")})
    if scales < 2:
        raise ValueError("it has not grown beyond 4 x 4 pixels")
    colours = [shapes[f"toRGBLayers.{scale}.module.weight"] for scale in range(scales)]
    return {
        "channels": colours[0][0],
        "latent_dim": shapes["formatLayer.module.weight"][1],
        "widths": [each[1] for each in colours],
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    widths = config["widths"]
    found = [
        *_layer("formatLayer", "generator.blocks.0.0", config["latent_dim"], 4),
        *_layer("groupScale0.0", "generator.blocks.0.3", 9 * widths[0]),
    ]
    for scale, (before, after) in enumerate(pairwise(widths)):
        theirs, ours = f"scaleLayers.{scale}.", f"generator.blocks.{scale + 1}."
        found += _layer(theirs + "0", ours + "1", 9 * before)
        found += _layer(theirs + "1", ours + "3", 9 * after)
    for scale, width in enumerate(widths):
        found += _layer(f"toRGBLayers.{scale}", f"generator.to_rgb.{scale}", width, math.sqrt(2))
    return found


def _layer(theirs: str, ours: str, inputs: int, factor: float = 1) -> list[Row]:
    """A layer whose results, biases included, are scaled by He's constant for so many inputs; here the weights are, by
    as much over `factor`."""
    bias = math.sqrt(2 / inputs)
    return [
        Row(f"{theirs}.module.weight", f"{ours}.weight", made=functools.partial(_scaled, factor)),
        Row(f"{theirs}.module.bias", f"{ours}.bias", made=functools.partial(_scaled, bias)),
    ]


def _scaled(factor: float, tensor: Tensor) -> Tensor:
    return tensor * factor


LAYOUTS = [
    Layout(
        "facebookresearch-progan",
        "progan",
        REPOSITORY,
        COMMIT,
        "PGAN's GNet, the entry avgG or netG of a checkpoint. train.py's own files hold a Python object beside these, "
        "and are refused: save the entry by itself",
        config,
        rows,
        within=("avgG", "netG"),
        fixed=lambda config: {"resolution": 2 << len(config["widths"])},
        differs="Colours are those of the largest size; those of smaller ones are as they were when these were grown. "
        "Of a model with labels (AC-GAN) the latents' last numbers are the labels'.",
    )
]

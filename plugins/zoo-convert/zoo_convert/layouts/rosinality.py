"""Glow of rosinality/glow-pytorch, with affine couplings and LU-decomposed convolutions, its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import errors
from zoo_convert.layout import Layout, Row, Shapes, same, unneeded

REPOSITORY, COMMIT = "https://github.com/rosinality/glow-pytorch", "97081ff115a694cf04aeedbd58447f33d242c879"
CONSTANT = "It is the same in every file."


def config(shapes: Shapes) -> dict[str, Any]:
    channels = shapes["blocks.0.flows.0.actnorm.loc"][1]
    if "blocks.0.flows.0.invconv.w_p" not in shapes:
        raise ValueError("its convolutions are not decomposed (--no_lu)")
    if shapes["blocks.0.flows.0.coupling.net.4.conv.weight"][0] != channels:
        raise ValueError("its couplings are additive")
    return {
        "levels": len({key.split(".")[1] for key in shapes}),
        "steps": len({key.split(".")[3] for key in shapes if key.startswith("blocks.0.flows.")}),
        "width": shapes["blocks.0.flows.0.coupling.net.0.weight"][0],
        "dequantisation": "uniform",
        "scales": "sigmoid",
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    levels, steps = config["levels"], config["steps"]
    theirs, ours = "blocks.{b}.flows.{f}.", "bijection.layers.0.scales.{b}.layers.{f}."
    # A step is three layers here, after the squeeze.
    norm, mix, coupling = ({step: 1 + 3 * step + layer for step in range(steps)} for layer in range(3))
    last = f"bijection.layers.0.scales.{levels - 1}.layers.{1 + 3 * steps}.network."
    priors = {level: level for level in range(levels - 1)}
    return [
        Row(theirs + "actnorm.loc", ours + "shift", {"f": norm}, torch.Tensor.flatten),
        Row(theirs + "actnorm.scale", ours + "log_scale", {"f": norm}, _log),
        Row(theirs + "actnorm.initialized", ours + "initialised", {"f": norm}, torch.Tensor.bool),
        Row(theirs + "invconv.w_p", ours + "permutation", {"f": mix}, _permutation),
        Row((theirs + "invconv.w_l", theirs + "invconv.w_u"), ours + "lu", {"f": mix}, _lu),
        same(theirs + "invconv.w_s", ours + "log_diagonal", f=mix),
        same(theirs + "invconv.s_sign", ours + "sign", f=mix),
        *(unneeded(theirs + f"invconv.{name}", CONSTANT) for name in ("u_mask", "l_mask", "l_eye")),
        *(
            same(theirs + f"coupling.net.{i}." + "{TENSOR}", ours + f"network.{i}." + "{TENSOR}", f=coupling)
            for i in (0, 2)
        ),
        same(theirs + "coupling.net.4.conv.{TENSOR}", ours + "network.4.convolution.{TENSOR}", f=coupling),
        same(theirs + "coupling.net.4.scale", ours + "network.4.log_scale", f=coupling),
        same("blocks.{b}.prior.conv.{TENSOR}", "bijection.layers.0.priors.{b}.network.convolution.{TENSOR}", b=priors),
        same("blocks.{b}.prior.scale", "bijection.layers.0.priors.{b}.network.log_scale", b=priors),
        same(f"blocks.{levels - 1}.prior.conv." + "{TENSOR}", last + "convolution.{TENSOR}"),
        same(f"blocks.{levels - 1}.prior.scale", last + "log_scale"),
    ]


def _log(scale: Tensor) -> Tensor:
    if not bool((scale > 0).all()):
        raise errors.WeightsMismatch("an actnorm has a scale of 0 or below, which one here cannot have.")
    return scale.flatten().log()


def _permutation(matrix: Tensor) -> Tensor:
    return matrix.argmax(1)


def _lu(lower: Tensor, upper: Tensor) -> Tensor:
    return lower.tril(-1) + upper.triu(1)


LAYOUTS = [
    Layout(
        "rosinality-glow",
        "glow",
        REPOSITORY,
        COMMIT,
        "model.py Glow, checkpoint/model_….pt of train.py",
        config,
        rows,
        asks={"image_shape": "[channels, height, width] that it was trained at, [3, 64, 64] by default there"},
        differs="The repository trains on 5-bit pixels unless told otherwise; bits per dimension here are of 8 bits.",
    )
]

"""RealNVP of chrischute/real-nvp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo_convert.layout import Layout, Row, Shapes, same, unneeded

REPOSITORY, COMMIT = "https://github.com/chrischute/real-nvp", "df51ad570baf681e77df4d2265c0f1eb1b5b646c"


def config(shapes: Shapes) -> dict[str, Any]:
    (channels,) = shapes["flows.in_couplings.0.st_net.in_norm.weight"]
    width = shapes["flows.in_couplings.0.st_net.in_conv.conv.weight_v"][0]
    scales = 1 + max(key.count("next_block.") for key in shapes)
    blocks = {key.split(".")[5] for key in shapes if key.startswith("flows.in_couplings.0.st_net.blocks.")}
    return {
        "image_shape": [channels, 32, 32],
        "widths": [width << scale for scale in range(scales)],
        "checkerboard": 3,
        "channelwise": 3,
        "blocks": len(blocks),
        "dequantisation": "uniform",
        "network": "batch-norm",
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    found = [unneeded("data_constraint", "It is the same in every file.")]
    for scale in range(len(config["widths"])):
        theirs = f"flows.{'next_block.' * scale}"
        ours = f"bijection.layers.0.scales.{scale}.layers."
        found += _couplings(theirs + "in_couplings.{i}.", ours + "{i}.", 0)
        found += _couplings(theirs + "out_couplings.{i}.", ours + "{i}.", 4)  # after three and a squeeze
    return found


def _couplings(theirs: str, ours: str, first: int) -> list[Row]:
    net, network = theirs + "st_net.", ours + "network."
    block, layers = net + "blocks.{b}.", network + "blocks.{b}.layers."
    places = {"i": first}
    found = [Row((theirs + "rescale.weight_g", theirs + "rescale.weight_v"), ours + "scale", places, _scale)]
    for norm, here in (
        (net + "in_norm", network + "norm"),
        (net + "out_norm", network + "last.0"),
        (block + "in_norm", layers + "0"),
        (block + "out_norm", layers + "3"),
    ):
        found.append(same(norm + ".{TENSOR}", here + ".{TENSOR}", i=first))
    for convolution, here in (
        (net + "in_conv", network + "first"),
        (net + "in_skip", network + "skip"),
        (net + "skips.{b}", network + "skips.{b}"),
        (net + "out_conv", network + "last.2"),
        (block + "in_conv", layers + "2"),
        (block + "out_conv", layers + "5"),
    ):
        parts = (convolution + ".conv.weight_g", convolution + ".conv.weight_v")
        found.append(Row(parts, here + ".weight", places, _weight))
        found.append(same(convolution + ".conv.bias", here + ".bias", i=first))
    return found


def _weight(length: Tensor, direction: Tensor) -> Tensor:
    """What weight normalisation makes of its two parts."""
    return torch._weight_norm(direction, length, 0)


def _scale(length: Tensor, direction: Tensor) -> Tensor:
    return _weight(length, direction).flatten()


LAYOUTS = [
    Layout(
        "chrischute-realnvp",
        "realnvp",
        REPOSITORY,
        COMMIT,
        "ckpts/best.pth.tar of train.py, the RealNVP of CIFAR-10",
        config,
        rows,
        differs="The flow is one of images of any even size; 32 × 32 is the one that the authors train it at.",
    )
]

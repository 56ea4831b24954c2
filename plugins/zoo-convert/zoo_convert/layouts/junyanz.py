"""CycleGAN and pix2pix of their authors' PyTorch code: generators, in eval mode.

The keys are places in nested Sequentials: norms without parameters have none, but those of 2018 had running statistics,
which the later code drops when it loads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo_convert.layout import Layout, Row, Shapes, same, unneeded

REPOSITORY = "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix"
COMMIT = "284a83f5955d20fc5bd2eea81ea56086655a50ee"
STATISTICS = (
    "Instance norms take the statistics of each image; the repository drops these too when it loads an old file."
)


def cyclegan_config(shapes: Shapes) -> dict[str, Any]:
    width, channels, *_ = shapes["0/model.1.weight"]
    blocks = sum(bool(re.fullmatch(r"0/model\.\d+\.conv_block\.1\.weight", key)) for key in shapes)
    made = shapes[f"0/model.{blocks + 17}.weight"][0]
    if made != channels:
        raise ValueError(f"it makes images of {made} channels of images of {channels}")
    if len(shapes.get("0/model.10.conv_block.6.weight", ())) == 4:  # else a norm, after one layer less
        raise ValueError("its residual blocks have dropout, which those of cyclegan have not")
    return {
        "image_shape": [channels, 256, 256],
        "width": width,
        "blocks": blocks,
        "norm": "batch" if "0/model.2.weight" in shapes else "instance",
        "bias": "0/model.1.bias" in shapes,
        "both_ways": "1/model.1.weight" in shapes,
    }


def cyclegan_rows(config: Mapping[str, Any]) -> list[Row]:
    last = config["blocks"] + 17  # after a padding, which is a layer of its own there
    places = {place: place - 1 for place in range(1, last - 1)} | {last: last - 2}
    inner = {1: 0, 2: 1, 5: 3, 6: 4}
    weights = [
        row
        for name in ("weight", "bias")
        for row in (
            same("{f}/model.{i}." + name, "generators.{f}.{i}." + name, i=places),
            same("{f}/model.{i}.conv_block.{j}." + name, "generators.{f}.{i}.layers.{j}." + name, i=-1, j=inner),
        )
    ]
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    if config["norm"] == "instance":
        theirs = ("{f}/model.{i}.", "{f}/model.{i}.conv_block.{j}.")
        return weights + [unneeded(prefix + name, STATISTICS) for prefix in theirs for name in statistics]
    return weights + [
        row
        for name in statistics
        for row in (
            same("{f}/model.{i}." + name, "generators.{f}.{i}." + name, i=places),
            same("{f}/model.{i}.conv_block.{j}." + name, "generators.{f}.{i}.layers.{j}." + name, i=-1, j=inner),
        )
    ]


def pix2pix_config(shapes: Shapes) -> dict[str, Any]:
    width, sources, *_ = shapes["model.model.0.weight"]
    depth = 1 + sum(key.endswith(".model.1.weight") for key in shapes)
    if f"{_block(depth - 1)}.1.weight" not in shapes:
        raise ValueError("its blocks are not one within the other")
    norm = "batch" if "model.model.1.model.2.weight" in shapes else "plain"
    return {
        "image_shape": [shapes["model.model.3.weight"][1], 2**depth, 2**depth],
        "source_channels": sources,
        "width": width,
        "depth": depth,
        "norm": norm,
        "dropped": 0,
    }


def pix2pix_rows(config: Mapping[str, Any]) -> list[Row]:
    depth = config["depth"]
    rows = [same("model.model.0.{TENSOR}", "network.down.0.0.{TENSOR}")]
    for stage in range(depth):
        inner, block, up = stage == depth - 1, _block(stage), f"network.up.{depth - 1 - stage}"
        place = 3 if inner or not stage else 5  # of the transposed convolution, which comes after the blocks within
        if stage:
            rows.append(same(block + ".1.{TENSOR}", f"network.down.{stage}.1." + "{TENSOR}"))
            rows += _norm(config, f"{block}.{place + 1}", f"{up}.2")
        if stage and not inner:
            rows += _norm(config, f"{block}.2", f"network.down.{stage}.2")
        rows.append(Row(f"{block}.{place}.weight", f"{up}.1.weight", made=_kept if inner else _turned))
        rows.append(same(f"{block}.{place}.bias", f"{up}.1.bias"))
    return rows


def _norm(config: Mapping[str, Any], theirs: str, ours: str) -> list[Row]:
    if config["norm"] == "batch":
        return [same(theirs + ".{TENSOR}", ours + ".{TENSOR}")]
    return [unneeded(f"{theirs}.{name}", STATISTICS) for name in ("running_mean", "running_var", "num_batches_tracked")]


def _block(stage: int) -> str:
    """The Sequential of the block that halves the image for the `stage`-th time."""
    return "model.model" if not stage else "model.model.1.model" + ".3.model" * (stage - 1)


def _kept(weight: Tensor) -> Tensor:
    return weight


def _turned(weight: Tensor) -> Tensor:
    """The weights of a layer that sees what its encoder saw before what came from below, where ours has it after."""
    seen, below = weight.chunk(2)
    return torch.cat([below, seen])


LAYOUTS = [
    Layout(
        "junyanz-cyclegan",
        "cyclegan",
        REPOSITORY,
        COMMIT,
        "generators resnet_9blocks and resnet_6blocks of --model cycle_gan, with instance or batch norm",
        cyclegan_config,
        cyclegan_rows,
        files=("…_net_G_A.pth, or the only generator", "…_net_G_B.pth, which leads back, if it is at hand"),
        differs="The generators take images of any size; 256 × 256 is the one that the authors trained most at.",
    ),
    Layout(
        "junyanz-pix2pix",
        "pix2pix",
        REPOSITORY,
        COMMIT,
        "generators unet_256 and unet_128 of --model pix2pix, with batch or instance norm",
        pix2pix_config,
        pix2pix_rows,
        differs="It computes what the repository's test.py does with --eval: without that, its batch norms take their "
        "statistics from the image at hand, and dropout is on.",
    ),
]

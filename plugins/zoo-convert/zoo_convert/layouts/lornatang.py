"""SRResNet and SRGAN of Lornatang/SRGAN-PyTorch, which have one generator, enlarging four times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from zoo_convert.layout import Layout, Row, Shapes, by_place, same

REPOSITORY, COMMIT = "https://github.com/Lornatang/SRGAN-PyTorch", "8842030eb433f8578a77328060121fa5a9a3cb43"


def config(shapes: Shapes) -> dict[str, Any]:
    width, channels, *_ = shapes["conv1.0.weight"]
    stages = sum(bool(re.fullmatch(r"upsampling\.\d+\.upsample_block\.0\.weight", key)) for key in shapes)
    if stages != 2:
        raise ValueError(f"it doubles the size {stages} times, where twice were expected")
    return {
        "image_shape": [channels, 96, 96],
        "width": width,
        "blocks": sum(bool(re.fullmatch(r"trunk\.\d+\.rcb\.0\.weight", key)) for key in shapes),
        "bicubic": False,
        "signed": False,
        "slopes": True,
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    blocks = config["blocks"]
    halves = {0: 0, 3: 2}  # of a block: the convolutions, whose norms come next
    norms = {1: 0, 4: 2}
    first = {0: 0, 1: 3}  # of a stage that doubles the size: a convolution, an activation and a shuffle
    second = {0: 1, 1: 4}
    return [
        same("conv1.{i}.{TENSOR}", "network.head.{i}.{TENSOR}"),
        same("trunk.{b}.rcb.{i}.weight", "network.body.{b}.layers.{i}.convolution.weight", i=halves),
        same("trunk.{b}.rcb.{i}.{TENSOR}", "network.body.{b}.layers.{i}.norm.{TENSOR}", i=norms),
        same("trunk.{b}.rcb.2.weight", "network.body.{b}.layers.1.weight"),
        same("conv2.0.weight", f"network.body.{blocks}.convolution.weight"),
        same("conv2.1.{TENSOR}", f"network.body.{blocks}.norm." + "{TENSOR}"),
        Row("upsampling.{s}.upsample_block.0.{TENSOR}", "network.tail.{s}.{TENSOR}", {"s": first}, made=by_place),
        same("upsampling.{s}.upsample_block.2.weight", "network.tail.{s}.weight", s=second),
        same("conv3.{TENSOR}", "network.tail.6.{TENSOR}"),
    ]


WITHIN = ("state_dict", "ema_state_dict", "model_state_dict")
DIFFERS = "Convolutions are followed by their activation where the repository shuffles in between, which is the same."
LAYOUTS = [
    Layout(
        "lornatang-srresnet",
        "srresnet",
        REPOSITORY,
        COMMIT,
        "model.py srresnet_x4, trained by train_net.py",
        config,
        rows,
        within=WITHIN,
        differs=DIFFERS,
    ),
    Layout(
        "lornatang-srgan",
        "srgan",
        REPOSITORY,
        COMMIT,
        "the same network trained by train_gan.py, which nothing in the file tells apart: name the one that is meant",
        config,
        rows,
        within=WITHIN,
        differs=DIFFERS,
    ),
]

"""SRGAN of leftthomas/SRGAN, enlarging four times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo_convert.layout import Layout, Row, Shapes, by_place, same

REPOSITORY, COMMIT = "https://github.com/leftthomas/SRGAN", "7ddfdf27273c42d858ec52cab5ca1cbfca81d0be"


def config(shapes: Shapes) -> dict[str, Any]:
    width, channels, *_ = shapes["block1.0.weight"]
    stages = sum(key.startswith("block8.") and key.endswith(".conv.weight") for key in shapes)
    if stages != 2:
        raise ValueError(f"it doubles the size {stages} times, where twice were expected")
    return {
        "image_shape": [channels, 96, 96],
        "width": width,
        "blocks": sum(key.endswith(".conv1.weight") for key in shapes),
        "bicubic": False,
        "signed": False,
        "slopes": True,
        "squashed": True,
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    block, ours, by = "block{b}.", "network.body.{b}.", {"b": -2}  # the first of them is the second there
    first, second = {"s": {0: 0, 1: 3}}, {"s": {0: 1, 1: 4}}  # of a stage: a convolution, an activation and a shuffle
    return [
        same("block1.{i}.{TENSOR}", "network.head.{i}.{TENSOR}"),
        Row(block + "prelu.weight", ours + "layers.1.weight", by),
        *_normed(block + "conv1", block + "bn1", ours + "layers.0.", by),
        *_normed(block + "conv2", block + "bn2", ours + "layers.2.", by),
        *_normed("block7.0", "block7.1", f"network.body.{config['blocks']}.", {}),
        Row("block8.{s}.conv.{TENSOR}", "network.tail.{s}.{TENSOR}", first, made=by_place),
        Row("block8.{s}.prelu.weight", "network.tail.{s}.weight", second),
        same("block8.2.{TENSOR}", "network.tail.6.{TENSOR}"),
    ]


def _normed(convolution: str, norm: str, ours: str, by: Mapping[str, int]) -> list[Row]:
    """A convolution with a bias, which the norm after it takes away again: of its mean, then, it is a part."""
    kept = ("weight", "bias", "running_var", "num_batches_tracked")
    mean = (f"{norm}.running_mean", f"{convolution}.bias")
    return [
        Row(f"{convolution}.weight", f"{ours}convolution.weight", by),
        Row(mean, f"{ours}norm.running_mean", by, made=lambda mean, bias: mean - bias),
        *(Row(f"{norm}.{name}", f"{ours}norm.{name}", by) for name in kept),
    ]


LAYOUTS = [
    Layout(
        "leftthomas-srgan",
        "srgan",
        REPOSITORY,
        COMMIT,
        "model.py Generator(4), epochs/netG_epoch_4_….pth of train.py",
        config,
        rows,
        differs="Biases before the norms are in the norms' means.",
    )
]

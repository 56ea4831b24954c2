"""SRResNet and SRGAN of twtygqyy/pytorch-SRResNet, one generator with instance norms, enlarging four times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo_convert.layout import Layout, Row, Shapes, by_place, same, unneeded

REPOSITORY = "https://github.com/twtygqyy/pytorch-SRResNet"
COMMIT = "d715729c8805f59dccd4a89acb7af11cb7b1534a"
STATISTICS = "Instance norms take the statistics of each image."
SLOPE = 0.2  # of all of its activations, which are not learned


def config(shapes: Shapes) -> dict[str, Any]:
    width, channels, *_ = shapes["conv_input.weight"]
    return {
        "image_shape": [channels, 96, 96],
        "width": width,
        "blocks": sum(key.endswith(".conv1.weight") for key in shapes),
        "bicubic": False,
        "signed": False,
        "norm": "instance",
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    blocks = config["blocks"]
    found = [
        same("conv_input.weight", "network.head.0.weight"),
        same("conv_mid.weight", f"network.body.{blocks}.convolution.weight"),
        Row("upscale4x.{i}.weight", "network.tail.{i}.weight", made=by_place),
        same("conv_output.weight", "network.tail.6.weight"),
    ]
    norms = {"bn_mid": f"network.body.{blocks}.norm"}
    for number, place in ((1, 0), (2, 2)):
        layer = f"network.body.{{b}}.layers.{place}."
        found.append(same(f"residual.{{b}}.conv{number}.weight", layer + "convolution.weight"))
        norms[f"residual.{{b}}.in{number}"] = layer + "norm"
    for theirs, ours in norms.items():
        found += [same(f"{theirs}.{name}", f"{ours}.{name}") for name in ("weight", "bias")]
        found += [unneeded(f"{theirs}.{name}", STATISTICS) for name in ("running_mean", "running_var")]
    return found


def fixed(config: Mapping[str, Any]) -> dict[str, float]:
    """Slopes, which are learned here, and biases, which it has not."""
    slopes = ["network.head.1.weight", *(f"network.body.{block}.layers.1.weight" for block in range(config["blocks"]))]
    biases = ["network.head.0.bias", *(f"network.tail.{place}.bias" for place in (0, 3, 6))]
    return {**dict.fromkeys(slopes, SLOPE), **dict.fromkeys(biases, 0.0)}


SUMMARY = "srresnet.py's generator"
DIFFERS = "Weights are the state dict alone: the files that the repository itself writes hold a Python object."
LAYOUTS = [
    Layout(
        "twtygqyy-srresnet",
        "srresnet",
        REPOSITORY,
        COMMIT,
        SUMMARY + ", trained by main_srresnet.py",
        config,
        rows,
        fixed=fixed,
        differs=DIFFERS,
    ),
    Layout(
        "twtygqyy-srgan",
        "srgan",
        REPOSITORY,
        COMMIT,
        SUMMARY + ", trained by main_srgan.py, which nothing in the file tells apart: name the one that is meant",
        config,
        rows,
        fixed=fixed,
        differs=DIFFERS,
    ),
]

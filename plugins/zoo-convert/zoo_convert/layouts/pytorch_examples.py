"""PyTorch's own examples: the generator of DCGAN and the dense VAE of MNIST."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zoo_convert.layout import Layout, Row, Shapes, same

REPOSITORY, COMMIT = "https://github.com/pytorch/examples", "77f55b912142e11fcfdf5b530231fb9c52f181e8"


def dcgan_config(shapes: Shapes) -> dict[str, Any]:
    latent_dim, wide, *_ = shapes["main.0.weight"]
    width, channels, *_ = shapes["main.12.weight"]
    if wide != 8 * width:
        raise ValueError(f"main.0.weight has {wide} channels where eight times {width} were expected")
    return {
        "image_size": 64,
        "channels": channels,
        "latent_dim": latent_dim,
        "width": width,
        "output_bias": "main.12.bias" in shapes,
    }


def dcgan_rows(config: Mapping[str, Any]) -> list[Row]:
    return [same("main.{i}.{TENSOR}", "generator.{i}.{TENSOR}")]


def vae_config(shapes: Shapes) -> dict[str, Any]:
    pixels, hidden = shapes["fc4.weight"]
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise ValueError(f"fc4.weight makes {pixels} pixels, which are no square")
    return {
        "image_size": side,
        "channels": 1,
        "latent_dim": shapes["fc21.weight"][0],
        "hidden": [hidden],
        "activation": "relu",
        "likelihood": "bernoulli",
    }


def vae_rows(config: Mapping[str, Any]) -> list[Row]:
    return [
        same("fc1.{TENSOR}", "encoder.1.{TENSOR}"),
        Row(("fc21.{TENSOR}", "fc22.{TENSOR}"), "encoder.3.{TENSOR}"),  # means, then log variances
        same("fc3.{TENSOR}", "decoder.0.{TENSOR}"),
        same("fc4.{TENSOR}", "decoder.2.{TENSOR}"),
    ]


LAYOUTS = [
    Layout(
        "pytorch-examples-dcgan",
        "dcgan",
        REPOSITORY,
        COMMIT,
        "dcgan/main.py, netG_epoch_….pth: 64 × 64 pixels",
        dcgan_config,
        dcgan_rows,
    ),
    Layout(
        "pytorch-examples-vae",
        "vae",
        REPOSITORY,
        COMMIT,
        "vae/main.py, the state dict of its model: dense layers, black and white pixels",
        vae_config,
        vae_rows,
    ),
]

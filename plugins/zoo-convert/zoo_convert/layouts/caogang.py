"""WGAN-GP of caogang/wgan-gp, for MNIST and for CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo_convert.layout import Layout, Row, Shapes, same

REPOSITORY, COMMIT = "https://github.com/caogang/wgan-gp", "ae47a185ed2e938c39cf3eb2f06b32dc1b6a2064"


def config(shapes: Shapes) -> dict[str, Any]:
    width, channels, side, _ = shapes["deconv_out.weight"]
    if side != 8 or "preprocess.1.weight" in shapes:
        raise ValueError("it is the generator of another data set than MNIST, whose layout is another")
    return {
        "image_shape": [channels, 28, 28],
        "latent_dim": shapes["preprocess.0.weight"][1],
        "width": width,
        "network": "plain",
    }


def rows(config: Mapping[str, Any]) -> list[Row]:
    return [
        same("preprocess.0.{TENSOR}", "generator.0.{TENSOR}"),
        same("block{i}.0.{TENSOR}", "generator.{i}.{TENSOR}", i={1: 3, 2: 6}),
        Row("deconv_out.{TENSOR}", "generator.8.{TENSOR}", made=_halved),
    ]


def cifar10_config(shapes: Shapes) -> dict[str, Any]:
    width, channels, side, _ = shapes["deconv_out.weight"]
    if side != 2 or "block3.0.weight" in shapes:
        raise ValueError("it is the generator of another data set than CIFAR-10")
    return {
        "image_shape": [channels, 32, 32],
        "latent_dim": shapes["preprocess.0.weight"][1],
        "width": width,
        "network": "plain",
    }


def cifar10_rows(config: Mapping[str, Any]) -> list[Row]:
    return [
        same("preprocess.{i}.{TENSOR}", "generator.{i}.{TENSOR}"),
        same("block1.{i}.{TENSOR}", "generator.{i}.{TENSOR}", i=4),
        same("block2.{i}.{TENSOR}", "generator.{i}.{TENSOR}", i=7),
        same("deconv_out.{TENSOR}", "generator.10.{TENSOR}"),
    ]


def _halved(tensor: Tensor) -> Tensor:
    """For the tanh that comes next: sigmoid(x) = (tanh(x / 2) + 1) / 2."""
    return tensor / 2


LAYOUTS = [
    Layout(
        "caogang-wgan-gp",
        "wgan-gp",
        REPOSITORY,
        COMMIT,
        "gan_mnist.py, the state dict of its generator",
        config,
        rows,
        differs="The last layer's sigmoid is a tanh of half as much here, which is the same.",
    ),
    Layout(
        "caogang-wgan-gp-cifar10",
        "wgan-gp",
        REPOSITORY,
        COMMIT,
        "gan_cifar10.py, the state dict of its generator",
        cifar10_config,
        cifar10_rows,
    ),
]

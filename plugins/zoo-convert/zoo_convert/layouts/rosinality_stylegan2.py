"""The generator of rosinality/stylegan2-pytorch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo_convert.layout import Layout, Row, Shapes, same, unneeded

REPOSITORY, COMMIT = "https://github.com/rosinality/stylegan2-pytorch", "bef283a1c24087da704d16c30abc8e36e63efa0e"
CONSTANT = "It is the filter [1, 3, 3, 1] in every file."
DRAWN = "Here noise inputs are drawn by the seed of a sample."
SAMPLES = 10_000  # of w, of which the mean is taken


def config(shapes: Shapes) -> dict[str, Any]:
    convolutions = sum(key.startswith("convs.") and key.endswith("activate.bias") for key in shapes)
    return {
        "channels": shapes["to_rgb1.conv.weight"][1],
        "latent_dim": shapes["style.1.weight"][1],
        "widths": [shapes[f"{name}.conv.weight"][1] for name in ("conv1", *_enlarging(convolutions // 2))],
        "mapping_layers": sum(key.startswith("style.") and key.endswith("weight") for key in shapes),
    }


def _enlarging(stages: int) -> list[str]:
    return [f"convs.{2 * stage}" for stage in range(stages)]


def rows(config: Mapping[str, Any]) -> list[Row]:
    # Theirs are counted from 1, after the norm; here an activation follows each.
    mapping = {layer + 1: 2 * layer for layer in range(config["mapping_layers"])}
    stages = range(len(config["widths"]) - 1)
    enlarge, follow = ({2 * stage + place: stage for stage in stages} for place in range(2))
    found = [
        same("style.{i}.weight", "generator.mapping.{i}.weight", i=mapping),
        Row("style.{i}.bias", "generator.mapping.{i}.bias", {"i": mapping}, _before_gain),
        same("input.input", "generator.start"),
        unneeded("noises.noise_{i}", DRAWN),
        unneeded("convs.{i}.conv.blur.kernel", CONSTANT),
        unneeded("to_rgbs.{i}.upsample.kernel", CONSTANT),
    ]
    for theirs, ours, numbers in (
        ("conv1", "first", {}),
        ("convs.{i}", "enlarge.{i}", {"i": enlarge}),
        ("convs.{i}", "follow.{i}", {"i": follow}),
    ):
        found += [
            Row(f"{theirs}.conv.weight", f"generator.{ours}.weight", numbers, _only),
            Row(f"{theirs}.noise.weight", f"generator.{ours}.noise_strength", numbers, _only),
            Row(f"{theirs}.activate.bias", f"generator.{ours}.bias", numbers),
            Row(theirs + ".conv.modulation.{TENSOR}", f"generator.{ours}" + ".style.{TENSOR}", numbers),
        ]
    for theirs, ours, by in (("to_rgb1", "to_rgb.0", {}), ("to_rgbs.{i}", "to_rgb.{i}", {"i": 1})):
        found += [
            Row(f"{theirs}.conv.weight", f"generator.{ours}.conv.weight", by, _only),
            Row(f"{theirs}.bias", f"generator.{ours}.conv.bias", by, torch.Tensor.flatten),
            Row(theirs + ".conv.modulation.{TENSOR}", f"generator.{ours}" + ".style.{TENSOR}", by),
        ]
    return found


def _only(tensor: Tensor) -> Tensor:
    return tensor[0]


def _before_gain(bias: Tensor) -> Tensor:
    return bias * math.sqrt(2)  # theirs is multiplied after the activation, by its gain


def _mean(model: Any) -> None:
    """Take the mean of w, of which truncation keeps a share, as the repository's `mean_latent` does."""
    z = torch.randn(SAMPLES, model.config.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.mean_w.copy_(model.generator.mapping(z).mean(0))


LAYOUTS = [
    Layout(
        "rosinality-stylegan2",
        "stylegan2",
        REPOSITORY,
        COMMIT,
        "model.py Generator, checkpoint/….pt of train.py or of convert_weight.py",
        config,
        rows,
        within=("g_ema", "g"),
        fixed=lambda config: {"mean_w": 0.0},
        finish=_mean,
        differs="Truncation is around the mean of 10,000 w, drawn when it was converted.",
    )
]
